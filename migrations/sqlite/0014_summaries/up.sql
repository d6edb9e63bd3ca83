-- Stored summaries are sent as they are: those from before `visibility` and `featured` get them.

UPDATE published_articles SET summary = '{"visibility":"public","featured":false,' || substr(summary, 2)
    WHERE json_extract(summary, '$.visibility') IS NULL;
