-- Where paths of the front end lead that are nobody's own any more.

-- Rules made by hand or brought along. A source is a path without its last slash, decoded, with its query if that
-- matters; or, as a pattern, a regular expression. Without a target what was there is gone on purpose: 410.
CREATE TABLE redirects (
    id TEXT COLLATE "C" PRIMARY KEY,
    pattern BOOLEAN NOT NULL,
    source TEXT COLLATE "C" NOT NULL UNIQUE,
    target TEXT,
    note TEXT,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX redirects_pattern ON redirects (pattern, id);

-- Shapes that addresses had before the settings were changed: what has one still leads somewhere.
CREATE TABLE old_shapes (
    kind TEXT COLLATE "C" NOT NULL,
    shape TEXT COLLATE "C" NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (kind, shape)
);

-- Names of categories (and their paths), tags and bylines that were deleted.
CREATE TABLE gone_names (
    kind TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    since BIGINT NOT NULL,
    PRIMARY KEY (kind, name)
);
