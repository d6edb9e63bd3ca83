DROP INDEX changes_at;
DROP TABLE change_log;
