-- Full text of what is public. Rows follow `published_articles`.
-- Terms are folded by `domain::text::terms` before they come here, as they are on the way out.
CREATE TABLE article_search (
    article_id TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL,
    title TEXT NOT NULL,
    excerpt TEXT NOT NULL,
    body TEXT NOT NULL,
    terms TSVECTOR GENERATED ALWAYS AS (
        setweight(to_tsvector('simple', title), 'A') ||
        setweight(to_tsvector('simple', excerpt), 'B') ||
        setweight(to_tsvector('simple', body), 'C')
    ) STORED,
    PRIMARY KEY (article_id, revision)
);
CREATE INDEX article_search_terms ON article_search USING gin (terms);
