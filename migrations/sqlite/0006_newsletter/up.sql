-- Who asked to receive what, with the proof; and what was sent to whom.

CREATE TABLE newsletters (
    id TEXT PRIMARY KEY,
    version BIGINT NOT NULL,
    settings TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    -- Since when its day, hour and zone are what they are: what would have been due before is not.
    schedule_since BIGINT NOT NULL
);

CREATE TABLE subscribers (
    id TEXT PRIMARY KEY,
    newsletter_id TEXT NOT NULL REFERENCES newsletters (id),
    email TEXT NOT NULL,
    email_hmac TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    all_categories BOOLEAN NOT NULL,
    frequency TEXT NOT NULL,
    format TEXT NOT NULL,
    locale TEXT,
    timezone TEXT,
    send_hour INTEGER,
    paused_until BIGINT,
    -- Raised to make every manage token of the person void.
    token_epoch BIGINT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    confirmed_at BIGINT,
    unsubscribed_at BIGINT,
    -- SHA-256 of the token that unsubscribed: it alone may take that back.
    unsubscribed_by TEXT
);
CREATE INDEX subscribers_state ON subscribers (state, frequency, id);
CREATE INDEX subscribers_created_at ON subscribers (created_at, id);

CREATE TABLE subscriber_categories (
    subscriber_id TEXT NOT NULL REFERENCES subscribers (id) ON DELETE CASCADE,
    category_id TEXT NOT NULL REFERENCES categories (id) ON DELETE CASCADE,
    PRIMARY KEY (subscriber_id, category_id)
);
CREATE INDEX subscriber_categories_category_id ON subscriber_categories (category_id);

-- Confirm and manage tokens, as SHA-256. A confirmation activates exactly the request it belongs to.
CREATE TABLE subscription_tokens (
    hash TEXT PRIMARY KEY,
    subscriber_id TEXT NOT NULL REFERENCES subscribers (id) ON DELETE CASCADE,
    purpose TEXT NOT NULL,
    request TEXT,
    token_epoch BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX subscription_tokens_subscriber_id ON subscription_tokens (subscriber_id, purpose);

CREATE TABLE consent_texts (
    sha256 TEXT PRIMARY KEY,
    version TEXT NOT NULL UNIQUE,
    locale TEXT NOT NULL,
    text TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- Append-only, and outlives the person's row: a trigger lets a row lose what is personal, and nothing else.
CREATE TABLE consent_events (
    id TEXT PRIMARY KEY,
    subscriber_id TEXT NOT NULL,
    email_hmac TEXT NOT NULL,
    kind TEXT NOT NULL,
    at BIGINT NOT NULL,
    source TEXT,
    consent_text_sha256 TEXT,
    categories TEXT,
    ip_prefix TEXT,
    user_agent TEXT,
    actor_name TEXT
);
CREATE INDEX consent_events_subscriber_id ON consent_events (subscriber_id, at);
CREATE INDEX consent_events_email_hmac ON consent_events (email_hmac, kind, at);
CREATE TRIGGER consent_events_stay BEFORE UPDATE ON consent_events
WHEN NOT (NEW.id = OLD.id AND NEW.subscriber_id = OLD.subscriber_id AND NEW.email_hmac = OLD.email_hmac
    AND NEW.kind = OLD.kind AND NEW.at = OLD.at AND NEW.source IS NULL AND NEW.consent_text_sha256 IS NULL
    AND NEW.categories IS NULL AND NEW.ip_prefix IS NULL AND NEW.user_agent IS NULL AND NEW.actor_name IS NULL)
BEGIN SELECT RAISE(ABORT, 'consent events are append-only'); END;
CREATE TRIGGER consent_events_remain BEFORE DELETE ON consent_events
BEGIN SELECT RAISE(ABORT, 'consent events are append-only'); END;

CREATE TABLE suppressions (
    email_hmac TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    since BIGINT NOT NULL,
    evidence TEXT
);

-- One update of a newsletter. `period` (2026-W47, or 2026-11 for monthly readers) makes it unique whatever happens.
CREATE TABLE issues (
    id TEXT PRIMARY KEY,
    newsletter_id TEXT NOT NULL REFERENCES newsletters (id),
    frequency TEXT NOT NULL,
    period TEXT NOT NULL,
    state TEXT NOT NULL,
    version BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    cutoff BIGINT NOT NULL,
    audience_count BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    sent_at BIGINT,
    UNIQUE (newsletter_id, period)
);
CREATE INDEX issues_due_at ON issues (due_at, id);

-- What the issue says, frozen: later edits do not change the mail.
CREATE TABLE issue_items (
    issue_id TEXT NOT NULL REFERENCES issues (id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    article_id TEXT NOT NULL,
    title TEXT NOT NULL,
    excerpt TEXT NOT NULL,
    url TEXT NOT NULL,
    category TEXT,
    author TEXT,
    -- Ids of its categories and all their ancestors, separated by spaces: whom it goes to.
    category_ids TEXT NOT NULL,
    locale TEXT NOT NULL,
    PRIMARY KEY (issue_id, position)
);

-- The ledger: which article went into which issue. What is not here has not been sent.
CREATE TABLE digest_items (
    newsletter_id TEXT NOT NULL REFERENCES newsletters (id),
    frequency TEXT NOT NULL,
    article_id TEXT NOT NULL,
    issue_id TEXT NOT NULL REFERENCES issues (id),
    PRIMARY KEY (newsletter_id, frequency, article_id)
);
CREATE INDEX digest_items_issue_id ON digest_items (issue_id);

CREATE TABLE deliveries (
    id TEXT PRIMARY KEY,
    issue_id TEXT NOT NULL REFERENCES issues (id),
    subscriber_id TEXT NOT NULL,
    state TEXT NOT NULL,
    code TEXT,
    attempt INTEGER NOT NULL,
    not_before BIGINT NOT NULL,
    worker TEXT,
    lease_until BIGINT,
    queue_id TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    accepted_at BIGINT,
    bounced_at BIGINT,
    complained_at BIGINT,
    unsubscribed_at BIGINT,
    UNIQUE (issue_id, subscriber_id)
);
CREATE INDEX deliveries_work ON deliveries (issue_id, state, not_before, id);

-- Single messages that wait to leave (confirmations and the like), written in the transaction that wants them.
CREATE TABLE messages (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    subscriber_id TEXT REFERENCES subscribers (id) ON DELETE CASCADE,
    -- What the template needs, as JSON; it holds a token until the message has left.
    payload TEXT NOT NULL,
    state TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    not_before BIGINT NOT NULL,
    lease_until BIGINT,
    last_error TEXT,
    created_at BIGINT NOT NULL
);
CREATE INDEX messages_work ON messages (state, not_before, id);
