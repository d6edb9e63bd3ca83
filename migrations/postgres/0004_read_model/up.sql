-- What the public reads: finished documents, indexes over them, and the log of what changed.

-- One row per revision that is, or will be, public. While an article is scheduled over a live revision it has two:
-- the live one ends (`visible_until`) where the next begins (`visible_from`). 9223372036854775807 is "no end".
CREATE TABLE published_articles (
    article_id TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    group_id TEXT COLLATE "C" NOT NULL,
    locale TEXT COLLATE "C" NOT NULL,
    slug TEXT COLLATE "C" NOT NULL,
    visible_from BIGINT NOT NULL,
    visible_until BIGINT NOT NULL,
    published_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    comments_open BOOLEAN NOT NULL,
    -- Members of the document as JSON objects: what lists carry, and what only the whole article carries.
    summary TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (article_id, revision)
);
CREATE INDEX published_articles_slug ON published_articles (slug, locale);
CREATE INDEX published_articles_visible_from ON published_articles (visible_from);
CREATE INDEX published_articles_group_id ON published_articles (group_id);
CREATE INDEX published_articles_all ON published_articles (kind, published_at, article_id);
CREATE INDEX published_articles_locale ON published_articles (kind, locale, published_at, article_id);

-- One row per (article, thing it can be listed under). `scope` is `category` (its own), `subtree` (its own and every
-- ancestor), `tag` or `byline`.
CREATE TABLE published_in (
    scope TEXT COLLATE "C" NOT NULL,
    scope_id TEXT COLLATE "C" NOT NULL,
    article_id TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    locale TEXT COLLATE "C" NOT NULL,
    visible_from BIGINT NOT NULL,
    visible_until BIGINT NOT NULL,
    published_at BIGINT NOT NULL,
    PRIMARY KEY (scope, scope_id, article_id, revision),
    FOREIGN KEY (article_id, revision) REFERENCES published_articles (article_id, revision) ON DELETE CASCADE
);
CREATE INDEX published_in_all ON published_in (scope, scope_id, kind, published_at, article_id);
CREATE INDEX published_in_locale ON published_in (scope, scope_id, kind, locale, published_at, article_id);
CREATE INDEX published_in_article ON published_in (article_id, revision);

-- Every slug that is or was public. `gone` says that its article is for the trash: 410.
CREATE TABLE published_slugs (
    locale TEXT COLLATE "C" NOT NULL,
    slug TEXT COLLATE "C" NOT NULL,
    article_id TEXT COLLATE "C" NOT NULL,
    since BIGINT NOT NULL,
    gone BOOLEAN NOT NULL,
    PRIMARY KEY (locale, slug)
);
CREATE INDEX published_slugs_slug ON published_slugs (slug);
CREATE INDEX published_slugs_article_id ON published_slugs (article_id);

-- Everything that changed what the public sees, in the order of commit.
CREATE TABLE changes (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at BIGINT NOT NULL,
    op TEXT NOT NULL,
    resource TEXT COLLATE "C" NOT NULL,
    resource_id TEXT COLLATE "C" NOT NULL,
    slug TEXT,
    locale TEXT,
    -- Surrogate keys of the answers it touches, separated by spaces.
    keys TEXT NOT NULL
);
