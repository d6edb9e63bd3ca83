-- What WordPress's API lists: comments of all articles in one line, those that reply to one, and those that only keep a
-- place, which are not counted; files that were uploaded for an article.

CREATE INDEX published_comments_all ON published_comments (created_at, id, article_id, tombstone);
CREATE INDEX published_comments_parent_id ON published_comments (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX published_comments_tombstones ON published_comments (article_id) WHERE tombstone;
CREATE INDEX media_article_id ON media (article_id) WHERE article_id IS NOT NULL;
