DROP TABLE article_slugs;
DROP TABLE revisions;
DROP TABLE articles;
