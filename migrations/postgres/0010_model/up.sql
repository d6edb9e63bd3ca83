-- What a publication that moves in brings along: pages under pages, tags that readers do not see, and the identities by
-- which WordPress's and Ghost's APIs name things.

-- The page that a page stands under: of the newest revision, and of each one that is, or will be, public.
ALTER TABLE articles ADD COLUMN parent_id TEXT COLLATE "C";
CREATE INDEX articles_parent_id ON articles (parent_id) WHERE parent_id IS NOT NULL;
ALTER TABLE published_articles ADD COLUMN parent_id TEXT COLLATE "C";
CREATE INDEX published_articles_parent_id ON published_articles (parent_id) WHERE parent_id IS NOT NULL;

ALTER TABLE tags ADD COLUMN internal BOOLEAN NOT NULL DEFAULT FALSE;

-- WordPress counts posts, pages and media together (`post`), categories and tags together (`term`), bylines and comments.
-- A number stays with what had it first, also when that is no more.
CREATE TABLE wordpress_ids (
    family TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    resource TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
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
    kind TEXT COLLATE "C" NOT NULL,
    ghost_id TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (kind, ghost_id),
    UNIQUE (kind, id)
);
INSERT INTO ghost_ids (kind, ghost_id, id)
SELECT 'article', left(encode(sha256(convert_to('article:' || id, 'UTF8')), 'hex'), 24), id FROM articles;
INSERT INTO ghost_ids (kind, ghost_id, id)
SELECT 'category', left(encode(sha256(convert_to('category:' || id, 'UTF8')), 'hex'), 24), id FROM categories;
INSERT INTO ghost_ids (kind, ghost_id, id)
SELECT 'tag', left(encode(sha256(convert_to('tag:' || id, 'UTF8')), 'hex'), 24), id FROM tags;
INSERT INTO ghost_ids (kind, ghost_id, id)
SELECT 'byline', left(encode(sha256(convert_to('byline:' || id, 'UTF8')), 'hex'), 24), id FROM bylines;
