-- What belongs to the editors: articles and their revisions. No public route reads these tables.

CREATE TABLE articles (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    group_id TEXT NOT NULL,
    locale TEXT NOT NULL,
    state TEXT NOT NULL,
    version BIGINT NOT NULL,
    -- The newest revision, and the one that the public sees or would see again.
    revision BIGINT NOT NULL,
    published_revision BIGINT,
    -- The revision that is scheduled, and its time; set while scheduled.
    scheduled_revision BIGINT,
    publish_at BIGINT,
    -- First publication: set once, never moved.
    published_at BIGINT,
    -- When the server first showed it to the public; an import gives the source's date.
    first_public_at BIGINT,
    newsletter_eligible BOOLEAN NOT NULL,
    comments_open BOOLEAN NOT NULL,
    owner_id TEXT REFERENCES users (id),
    -- Of the newest revision, for lists.
    slug TEXT NOT NULL,
    title TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    updated_by TEXT NOT NULL,
    UNIQUE (group_id, locale)
);
CREATE INDEX articles_updated_at ON articles (updated_at, id);
CREATE INDEX articles_state ON articles (state, updated_at, id);
CREATE INDEX articles_owner_id ON articles (owner_id, updated_at, id);
CREATE INDEX articles_publish_at ON articles (publish_at) WHERE publish_at IS NOT NULL;

CREATE TABLE revisions (
    article_id TEXT NOT NULL REFERENCES articles (id) ON DELETE CASCADE,
    number BIGINT NOT NULL,
    content TEXT NOT NULL,
    title TEXT NOT NULL,
    author_id TEXT REFERENCES users (id),
    author_name TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (article_id, number)
);

-- Which article a slug is taken by: the newest revision's, and every one that was ever public.
CREATE TABLE article_slugs (
    locale TEXT NOT NULL,
    slug TEXT NOT NULL,
    article_id TEXT NOT NULL,
    was_public BOOLEAN NOT NULL,
    PRIMARY KEY (locale, slug)
);
CREATE INDEX article_slugs_article_id ON article_slugs (article_id);
