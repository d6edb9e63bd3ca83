-- Files that articles show or offer. Every column but `version` is public. The bytes lie in the media store, by their
-- SHA-256; several rows may share them.

CREATE TABLE media (
    id TEXT COLLATE "C" PRIMARY KEY,
    sha256 TEXT COLLATE "C" NOT NULL,
    -- Its last part in addresses.
    name TEXT NOT NULL,
    -- Found by what is in the file, not by its name.
    content_type TEXT NOT NULL,
    size BIGINT NOT NULL,
    width INTEGER,
    height INTEGER,
    title TEXT NOT NULL,
    alt TEXT NOT NULL,
    caption TEXT NOT NULL,
    credit TEXT NOT NULL,
    -- Where it came from.
    source_url TEXT,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX media_sha256 ON media (sha256);
CREATE INDEX media_created_at ON media (created_at, id);

-- Paths under which a file was known elsewhere.
CREATE TABLE media_paths (
    path TEXT COLLATE "C" PRIMARY KEY,
    media_id TEXT COLLATE "C" NOT NULL REFERENCES media (id) ON DELETE CASCADE
);
CREATE INDEX media_paths_media_id ON media_paths (media_id);
