-- What a publication that moves in brings along: pages under pages, tags that readers do not see, and the identities by
-- which WordPress's and Ghost's APIs name things.

-- The page that a page stands under: of the newest revision, and of each one that is, or will be, public.
ALTER TABLE articles ADD COLUMN parent_id TEXT;
CREATE INDEX articles_parent_id ON articles (parent_id) WHERE parent_id IS NOT NULL;
ALTER TABLE published_articles ADD COLUMN parent_id TEXT;
CREATE INDEX published_articles_parent_id ON published_articles (parent_id) WHERE parent_id IS NOT NULL;

ALTER TABLE tags ADD COLUMN internal BOOLEAN NOT NULL DEFAULT FALSE;

-- WordPress counts posts, pages and media together (`post`), categories and tags together (`term`), bylines and comments.
-- A number stays with what had it first, also when that is no more.
CREATE TABLE wordpress_ids (
    family TEXT NOT NULL,
    number BIGINT NOT NULL,
    resource TEXT NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (family, number),
    UNIQUE (resource, id)
);
INSERT INTO wordpress_ids (family, number, resource, id)
SELECT 'post', row_number() OVER (ORDER BY created_at, id), 'article', id FROM articles;
INSERT INTO wordpress_ids (family, number, resource, id)
SELECT 'term', row_number() OVER (ORDER BY created_at, resource, id), resource, id FROM (
    SELECT created_at, 'category' AS resource, id FROM categories
    UNION ALL SELECT created_at, 'tag', id FROM tags) AS terms;
INSERT INTO wordpress_ids (family, number, resource, id)
SELECT 'byline', row_number() OVER (ORDER BY created_at, id), 'byline', id FROM bylines;
INSERT INTO wordpress_ids (family, number, resource, id)
SELECT 'comment', row_number() OVER (ORDER BY created_at, id), 'comment', id FROM comments;

-- Ghost's identities have 24 hexadecimal digits; of what Ghost did not make they are the beginning of a hash.
CREATE TABLE ghost_ids (
    kind TEXT NOT NULL,
    ghost_id TEXT NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (kind, ghost_id),
    UNIQUE (kind, id)
);
-- `ghost_id` is a function of the binary that migrates.
INSERT INTO ghost_ids (kind, ghost_id, id) SELECT 'article', ghost_id('article', id), id FROM articles;
INSERT INTO ghost_ids (kind, ghost_id, id) SELECT 'category', ghost_id('category', id), id FROM categories;
INSERT INTO ghost_ids (kind, ghost_id, id) SELECT 'tag', ghost_id('tag', id), id FROM tags;
INSERT INTO ghost_ids (kind, ghost_id, id) SELECT 'byline', ghost_id('byline', id), id FROM bylines;
