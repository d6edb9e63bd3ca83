DROP TABLE ghost_ids;
DROP TABLE wordpress_ids;
ALTER TABLE tags DROP COLUMN internal;
DROP INDEX published_articles_parent_id;
ALTER TABLE published_articles DROP COLUMN parent_id;
DROP INDEX articles_parent_id;
ALTER TABLE articles DROP COLUMN parent_id;
