-- Back to an index that is empty: articles are found again once they are published again.
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
DROP TABLE title_words;
DROP TABLE article_words;
DROP INDEX published_articles_search_id;
ALTER TABLE published_articles DROP COLUMN search_id;
DROP STATISTICS published_in_scope;
DROP INDEX published_in_locale;
CREATE INDEX published_in_locale ON published_in (scope, scope_id, kind, locale, published_at, article_id);
DROP INDEX published_in_all;
CREATE INDEX published_in_all ON published_in (scope, scope_id, kind, published_at, article_id);
DROP INDEX published_articles_locale;
CREATE INDEX published_articles_locale ON published_articles (kind, locale, published_at, article_id);
DROP INDEX published_articles_all;
CREATE INDEX published_articles_all ON published_articles (kind, published_at, article_id);
