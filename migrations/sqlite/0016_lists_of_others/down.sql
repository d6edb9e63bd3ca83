DROP INDEX media_article_id;
DROP INDEX published_comments_tombstones;
DROP INDEX published_comments_parent_id;
DROP INDEX published_comments_all;
