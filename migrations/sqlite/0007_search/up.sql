-- Full text of what is public. Rows follow `published_articles`.
CREATE VIRTUAL TABLE article_search USING fts5 (
    article_id UNINDEXED,
    revision UNINDEXED,
    title,
    excerpt,
    body,
    tokenize = 'unicode61 remove_diacritics 2'
);
