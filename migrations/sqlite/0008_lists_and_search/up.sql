-- Indexes of lists hold all that decides whether a row is shown: a page reads the documents that it shows and no others,
-- and counting reads none.
DROP INDEX published_articles_all;
CREATE INDEX published_articles_all ON published_articles
    (kind, published_at, article_id, revision, visible_from, visible_until);
DROP INDEX published_articles_locale;
CREATE INDEX published_articles_locale ON published_articles
    (kind, locale, published_at, article_id, revision, visible_from, visible_until);
DROP INDEX published_in_all;
CREATE INDEX published_in_all ON published_in
    (scope, scope_id, kind, published_at, article_id, revision, visible_from, visible_until);
DROP INDEX published_in_locale;
CREATE INDEX published_in_locale ON published_in
    (scope, scope_id, kind, locale, published_at, article_id, revision, visible_from, visible_until);

-- The number of a row in the index of words. It grows with the day of first publication, so that a walk from the end
-- meets the newest first: 65,536 numbers a day, more go on into the next.
ALTER TABLE published_articles ADD COLUMN search_id BIGINT;
UPDATE published_articles SET search_id = numbered.search_id FROM (
    SELECT article_id, revision, published_at / 86400000000 * 65536 - 1 + row_number() OVER (
        PARTITION BY published_at / 86400000000 ORDER BY published_at, article_id, revision) AS search_id
    FROM published_articles) AS numbered
WHERE numbered.article_id = published_articles.article_id AND numbered.revision = published_articles.revision;
CREATE UNIQUE INDEX published_articles_search_id ON published_articles (search_id);

-- The words of what is public, by that number, without the texts: folded and stemmed by `domain::text::indexed`.
CREATE VIRTUAL TABLE article_words USING fts5 (
    title,
    excerpt,
    body,
    tokenize = 'unicode61 remove_diacritics 2', content = '', contentless_delete = 1
);
INSERT INTO article_words (rowid, title, excerpt, body)
SELECT search_id, old.title, old.excerpt, old.body FROM article_search AS old JOIN published_articles USING (article_id, revision);

-- The words of titles alone, for what is suggested while someone types.
CREATE VIRTUAL TABLE title_words USING fts5 (
    title,
    tokenize = 'unicode61 remove_diacritics 2', prefix = '1 2 3', content = '', contentless_delete = 1
);
INSERT INTO title_words (rowid, title)
SELECT search_id, old.title FROM article_search AS old JOIN published_articles USING (article_id, revision);
DROP TABLE article_search;
