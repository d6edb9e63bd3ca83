-- Back to an index that is empty: articles are found again once they are published again.
CREATE VIRTUAL TABLE article_search USING fts5 (
    article_id UNINDEXED,
    revision UNINDEXED,
    title,
    excerpt,
    body,
    tokenize = 'unicode61 remove_diacritics 2'
);
DROP TABLE title_words;
DROP TABLE article_words;
DROP INDEX published_articles_search_id;
ALTER TABLE published_articles DROP COLUMN search_id;
DROP INDEX published_in_locale;
CREATE INDEX published_in_locale ON published_in (scope, scope_id, kind, locale, published_at, article_id);
DROP INDEX published_in_all;
CREATE INDEX published_in_all ON published_in (scope, scope_id, kind, published_at, article_id);
DROP INDEX published_articles_locale;
CREATE INDEX published_articles_locale ON published_articles (kind, locale, published_at, article_id);
DROP INDEX published_articles_all;
CREATE INDEX published_articles_all ON published_articles (kind, published_at, article_id);
