DROP TABLE old_slugs;
DROP TABLE bylines;
DROP TABLE tags;
DROP TABLE categories;
