ALTER TABLE media DROP COLUMN article_id;
