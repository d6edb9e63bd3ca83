-- A file belongs to no article, and is anyone's, or is as public as the article that it was uploaded for, which need
-- not be there.

ALTER TABLE media ADD COLUMN article_id TEXT;
