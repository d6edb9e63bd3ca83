//! Every error code that the API may answer, with its page under `/docs/errors/{code}`.

/// One code.
pub struct Entry {
    /// Its stable name.
    pub code: &'static str,
    /// The status it comes with.
    pub status: u16,
    /// What kind of problem it is.
    pub title: &'static str,
    /// What it means, and what a client can do.
    pub help: &'static str,
}

const fn entry(code: &'static str, status: u16, title: &'static str, help: &'static str) -> Entry {
    Entry { code, status, title, help }
}

/// The catalogue, by status and code.
#[rustfmt::skip]
pub const ENTRIES: &[Entry] = &[
    entry("malformed", 400, "Malformed request", "The request is not of the form this operation takes: not JSON, a wrong type, an unknown member or parameter. `errors` names the place."),
    entry("invalid_credentials", 401, "Wrong email or password", "No account has this email and password together. Both are checked alike, whether the account exists or not."),
    entry("invalid_refresh_token", 401, "Refresh token not good", "It is unknown, too old, or its session has ended. Sign in."),
    entry("refresh_token_reused", 401, "Refresh token used twice", "A refresh token is good for one use. This one was used before, so somebody else may have it: its session was ended. Sign in."),
    entry("refresh_token_superseded", 401, "Refresh token just used", "It was used a moment ago, perhaps by another tab. Nothing else happened: use the pair of tokens that was given for it."),
    entry("unauthenticated", 401, "Sign-in required", "Send `Authorization: Bearer` with an access token from `POST /v1/auth/login`."),
    entry("forbidden", 403, "Not allowed", "You are known, and your role does not reach this."),
    entry("not_found", 404, "Not found", "There is nothing here, or nothing that you may know of."),
    entry("article_not_found", 404, "No such article", "No article has this id or slug, or it is not public."),
    entry("method_not_allowed", 405, "Method not allowed", "This address exists and does not take this method; `Allow` lists those it takes."),
    entry("request_timeout", 408, "Request timed out", "The request did not arrive in time. Send it again."),
    entry("already_published", 409, "Already published", "The public sees the newest revision already; there is nothing to publish."),
    entry("comments_closed", 409, "Comments closed", "The article takes no comments (any more)."),
    entry("duplicate_comment", 409, "Said already", "You left the same comment within the last 24 hours. It has arrived; do not send it again."),
    entry("locale_fixed", 409, "Locale is fixed", "The locale of an article that was public does not change; make a translation."),
    entry("not_published", 409, "Not published", "The article is not public, so it cannot be taken from the public."),
    entry("not_scheduled", 409, "Not scheduled", "The article has no set time that could be taken back."),
    entry("not_trashed", 409, "Not in the trash", "Only what is in the trash can be restored or removed for good."),
    entry("translation_exists", 409, "Translation exists", "The article has a translation in this locale already."),
    entry("trashed", 409, "In the trash", "The article is in the trash; restore it first."),
    entry("category_cycle", 409, "Category under itself", "A category cannot stand under itself or under one that stands below it."),
    entry("category_not_empty", 409, "Category not empty", "Other categories stand under this one. Move or delete them first."),
    entry("category_too_deep", 409, "Tree too deep", "The category tree may have 8 levels. Choose a place nearer to its root."),
    entry("page_cycle", 409, "Page under itself", "A page cannot stand under itself or under one that stands below it, as editors or as readers see them."),
    entry("idempotency_conflict", 409, "Request still running", "A request with the same Idempotency-Key is being worked on. Wait and send it again."),
    entry("illegal_transition", 409, "Not from this state", "It cannot go there from the state it is in; the detail and `available_actions` say where it can go."),
    entry("email_taken", 409, "Email taken", "Another user signs in with this email."),
    entry("last_admin", 409, "Last administrator", "The last administrator who may sign in cannot be demoted, disabled or deleted. Appoint another one first."),
    entry("redirect_exists", 409, "Redirect exists", "There is a rule for this path already. Change that one."),
    entry("too_many_patterns", 409, "Too many patterns", "Every path of which nothing is known is tried on each pattern, so their number is bounded. Delete some, or say several as one."),
    entry("slug_taken", 409, "Slug taken", "Another one has this slug, or had it. The detail suggests a free one."),
    entry("undo_expired", 409, "Too late to undo", "An unsubscription can be taken back for 24 hours, with the token that did it. Subscribe again."),
    entry("token_expired", 410, "Token expired", "The token is unknown, has expired, or a newer one took its place. Ask for a new one."),
    entry("changes_gone", 410, "Start over", "The token is from another database, or from before what is still known of changes. Ask again without it, and begin with everything."),
    entry("article_gone", 410, "Article gone", "The article was public once and was withdrawn for good."),
    entry("user_has_articles", 409, "User has articles", "Articles or revisions are this user's, so they cannot be deleted. Disable them instead."),
    entry("body_too_large", 413, "Body too large", "The body is larger than this address takes."),
    entry("unsupported_media_type", 415, "Unsupported media type", "Send `Content-Type: application/json` (for PATCH also `application/merge-patch+json`), without `Content-Encoding`."),
    entry("stale_version", 412, "Changed meanwhile", "The version named by If-Match is not the current one; `current` says what stands now. Read it again, and decide again."),
    entry("misdirected", 421, "Wrong host", "This server does not answer for the host that the request names."),
    entry("invalid_field", 422, "A rule is broken", "The request is well-formed and breaks rules; `errors` names every one, with its place."),
    entry("parent_not_available", 422, "No such comment to reply to", "`parent_id` names no comment that is shown under this article. Read the comments again."),
    entry("precondition_required", 428, "If-Match required", "Send the ETag of the version you change as If-Match, so that nobody's work is overwritten unseen."),
    entry("too_many_requests", 429, "Too many attempts", "Wait for as long as Retry-After says."),
    entry("internal", 500, "Internal error", "Something went wrong on our side. The log knows the request by its id."),
    entry("busy", 503, "Busy", "Too much is waiting already, or the database is out of reach. Try again after Retry-After; nothing was done."),
    entry("outcome_unknown", 503, "Perhaps done", "The database was lost at the last moment: the request may have been carried out, or not. Look before you repeat it; the same request with the same Idempotency-Key or If-Match is carried out once."),
];

/// The entry of a code.
pub fn find(code: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.code == code)
}

/// The title of a code.
pub(crate) fn title(code: &str) -> &'static str {
    debug_assert!(find(code).is_some(), "the catalogue lacks the code {code}");
    find(code).map_or("Error", |entry| entry.title)
}

/// The code of "there is no such `what`".
pub(crate) fn not_found(what: &str) -> &'static str {
    match what {
        "article" => "article_not_found",
        _ => "not_found",
    }
}
