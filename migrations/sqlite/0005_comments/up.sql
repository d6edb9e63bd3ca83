-- What readers left, and what moderators decided.

CREATE TABLE comments (
    id TEXT PRIMARY KEY,
    article_id TEXT NOT NULL,
    parent_id TEXT REFERENCES comments (id) ON DELETE RESTRICT,
    root_id TEXT NOT NULL,
    depth INTEGER NOT NULL,
    state TEXT NOT NULL,
    -- The state that `restore` leads back to; set while in the trash.
    previous_state TEXT,
    version BIGINT NOT NULL,
    author_name TEXT NOT NULL,
    author_email TEXT NOT NULL,
    -- HMAC of the normalised address: what equality is asked of.
    email_hmac TEXT NOT NULL,
    author_url TEXT,
    source TEXT NOT NULL,
    html TEXT NOT NULL,
    text TEXT NOT NULL,
    -- SHA-256 of the normalised text, to find duplicates.
    text_hash TEXT NOT NULL,
    -- JSON: why it was held, and what every step of the pipeline said.
    hold_reasons TEXT NOT NULL,
    trace TEXT NOT NULL,
    -- Wishes that begin a confirmation of their own.
    notify_replies BOOLEAN NOT NULL,
    subscribe_weekly BOOLEAN NOT NULL,
    ip_prefix TEXT,
    user_agent TEXT,
    created_at BIGINT NOT NULL,
    decided_at BIGINT
);
CREATE INDEX comments_queue ON comments (state, created_at, id);
CREATE INDEX comments_article ON comments (article_id, state, created_at, id);
CREATE INDEX comments_parent_id ON comments (parent_id);
CREATE INDEX comments_duplicates ON comments (text_hash, created_at);

-- Append-only: every decision, with who, why and when.
CREATE TABLE comment_events (
    id TEXT PRIMARY KEY,
    comment_id TEXT NOT NULL REFERENCES comments (id) ON DELETE CASCADE,
    version BIGINT NOT NULL,
    actor_id TEXT,
    actor_name TEXT NOT NULL,
    from_state TEXT,
    to_state TEXT NOT NULL,
    reason_code TEXT,
    note TEXT,
    at BIGINT NOT NULL
);
CREATE INDEX comment_events_comment_id ON comment_events (comment_id, version);

-- The read model: approved comments, with nothing in them that is not public.
-- A tombstone keeps the place of one that is no longer approved while approved replies stand under it.
CREATE TABLE published_comments (
    id TEXT PRIMARY KEY,
    article_id TEXT NOT NULL,
    parent_id TEXT,
    root_id TEXT NOT NULL,
    depth INTEGER NOT NULL,
    tombstone BOOLEAN NOT NULL,
    author_name TEXT NOT NULL,
    author_url TEXT,
    author_role TEXT NOT NULL,
    avatar_seed TEXT NOT NULL,
    html TEXT NOT NULL,
    text TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    edited_at BIGINT
);
CREATE INDEX published_comments_roots ON published_comments (article_id, depth, created_at, id);
CREATE INDEX published_comments_flat ON published_comments (article_id, created_at, id);
CREATE INDEX published_comments_threads ON published_comments (root_id, created_at, id);
