-- How often someone did what is limited per hour or day, so that a restart, or another node, does not begin anew. The key
-- is a keyed hash: it names neither the address nor the person.

CREATE TABLE attempts (
    key TEXT COLLATE "C" NOT NULL,
    -- When the hour or day began, in microseconds.
    since BIGINT NOT NULL,
    count BIGINT NOT NULL,
    PRIMARY KEY (key, since)
);
CREATE INDEX attempts_since ON attempts (since);
