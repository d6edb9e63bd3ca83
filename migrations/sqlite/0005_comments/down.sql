DROP TABLE published_comments;
DROP TABLE comment_events;
DROP TABLE comments;
