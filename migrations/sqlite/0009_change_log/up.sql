-- Which log of changes this is, so that a token from another database is known for one, and from where on the log
-- tells everything that changed.

CREATE TABLE change_log (
    id SMALLINT PRIMARY KEY CHECK (id = 1),
    log_id TEXT NOT NULL,
    -- The entries up to this one were pruned, or no longer tell all.
    gone BIGINT NOT NULL
);
INSERT INTO change_log (id, log_id, gone) SELECT 1, lower(hex(randomblob(16))), coalesce(max(seq), 0) FROM changes;
CREATE INDEX changes_at ON changes (at);
