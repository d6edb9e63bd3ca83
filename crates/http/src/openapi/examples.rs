//! An example of everything that is sent and answered: one for each schema, shown wherever the schema is the whole body.
//!
//! A new schema gets its example in `of`; a collection shows the one of its items. A test wants one for every body, and
//! holds each to its schema.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::{Content, OpenApi, Ref, RefOr};

use super::complete::{operations, schema_name};

/// Adds the examples, and refers to each wherever it fits.
pub(super) fn add(document: &mut OpenApi) {
    let mut used = BTreeMap::new();
    for (_, operation) in operations(document) {
        if let Some(RefOr::T(request)) = &mut operation.request_body {
            request.content.values_mut().for_each(|content| show(content, &mut used));
        }
        for response in operation.responses.responses.values_mut() {
            if let RefOr::T(response) = response {
                response.content.values_mut().for_each(|content| show(content, &mut used));
            }
        }
    }
    document.components.get_or_insert_default().examples =
        used.into_iter().map(|(name, value)| (name, ExampleBuilder::new().value(Some(value)).build().into())).collect();
}

fn show(content: &mut RefOr<Content>, used: &mut BTreeMap<String, Value>) {
    let RefOr::T(content) = content else { return };
    let Some(name) = content.schema.as_ref().and_then(schema_name).map(str::to_owned) else { return };
    let Some(value) = of(&name) else { return };
    let reference = Ref::new(format!("#/components/examples/{name}"));
    content.examples.insert(name.clone(), RefOr::Ref(reference));
    used.insert(name, value);
}

const ARTICLE: &str = "01a08a5f-a880-7c31-9d52-6e0b7f41a2c8";
const BYLINE: &str = "019b8d62-7a80-7e4a-8b1f-2d9c60a7f513";
const CATEGORY: &str = "019b8d62-7a81-7a06-b3d4-91e7c85f2046";
const CATEGORY_ABOVE: &str = "019b8d62-7a82-72f9-a6c0-4b13d7e8950a";
const TAG: &str = "019b8d62-7a83-7d18-94e5-c7026fb3a8d1";
const COMMENT: &str = "01a0a403-12e0-7b95-8f20-3ad6c1e7049b";
const USER: &str = "019b8d62-7a84-7f67-a1b8-50c9e24d7f36";
const SUBSCRIBER: &str = "01a0a403-12e1-7064-bc97-e8f5130a6d42";
const ISSUE: &str = "01a1f29a-e580-7d43-9a0e-17b6f8c2d595";

const REDIRECT: &str = "019b8d62-7a85-7b19-95d2-e07c48f1a3b6";

const FIRST_DAY: &str = "2026-01-05T09:00:00Z";
const PUBLISHED: &str = "2026-09-14T05:30:00Z";
const DAY_AFTER: &str = "2026-09-15T07:41:00Z";
const ISSUE_DUE: &str = "2026-11-19T07:00:00Z";
const NEXT_ISSUE: &str = "2026-11-26T07:00:00Z";

const BODY: &str = "## Month 0\n\nName a date, and tell the staff before the customers.";
const BODY_HTML: &str =
    "<h2 id=\"month-0\">Month 0</h2>\n<p>Name a date, and tell the staff before the customers.</p>\n";
const LETTER: &str = "We are in month 14. Put the lease of the photocopier on your list.";
const CONSENT: &str =
    "Send me The Thursday Post, at most one email a week. I can leave at any time with the link in it.";

/// The example of a schema, or of a collection of what has one.
#[expect(clippy::too_many_lines, reason = "it is a table")]
fn of(schema: &str) -> Option<Value> {
    Some(match schema {
        "ArticleDocument" => {
            with(&article_in_admin_list(), json!({"body": BODY, "body_html": BODY_HTML, "toc": toc()}))
        }
        "ArticleWrite" => json!({
            "title": "A handover takes two years",
            "slug": "the-two-year-handover",
            "body": BODY,
            "body_format": "markdown",
            "cover_image": cover_image(),
            "byline_ids": [BYLINE],
            "category_ids": [CATEGORY],
            "tag_ids": [TAG],
            "custom": {"print_page": 12},
        }),
        "BulkWrite" => json!({"items": [{"id": COMMENT, "version": 1}], "to": "spam", "reason_code": "advertising"}),
        "Byline" => json!({
            "id": BYLINE,
            "slug": "hester-coldbrook",
            "name": "Hester Coldbrook",
            "bio": "Edits this journal. She ran her family's seed merchants for eleven years.",
            "avatar_url": null,
            "website": "https://coldbrook.example.org/",
            "version": 2,
            "created_at": FIRST_DAY,
            "updated_at": PUBLISHED,
        }),
        "BylineWrite" => json!({
            "slug": "hester-coldbrook",
            "name": "Hester Coldbrook",
            "bio": "Edits this journal. She ran her family's seed merchants for eleven years.",
            "website": "https://coldbrook.example.org/",
        }),
        "Category" => with(
            &category_small(),
            json!({
                "description": "Who has the firm next, when, and on what terms.",
                "parent_id": CATEGORY_ABOVE,
                "position": 1,
                "depth": 1,
                "version": 1,
                "created_at": FIRST_DAY,
                "updated_at": FIRST_DAY,
            }),
        ),
        "CategoryTree" => json!({"data": [with(&category_above(), json!({
            "children": [with(&public_category(), json!({"children": []}))],
        }))]}),
        "CategoryWrite" => json!({
            "slug": "business-succession",
            "name": "Business Succession",
            "description": "Who has the firm next, when, and on what terms.",
            "parent_id": CATEGORY_ABOVE,
            "position": 1,
        }),
        "CheckYourEmail" => json!({"status": "check_your_email"}),
        "CommentBulkResults" => json!({"data": [{
            "id": COMMENT,
            "status": 200,
            "code": null,
            "version": 2,
            "state": "spam",
            "changed_by": "Oren Tabard",
        }]}),
        "CommentEvent" => comment_event(),
        "CommentQueue" => json!({
            "data": [comment()],
            "page": {"next": null},
            "counts": {"pending": 1, "approved": 48, "rejected": 2, "spam": 9, "trash": 0},
        }),
        "CommentReceipt" => json!({
            "id": COMMENT,
            "status": "pending",
            "created_at": DAY_AFTER,
            "message": "Your comment is awaiting moderation.",
        }),
        "CommentWrite" => json!({"author_name": "Margit Fell", "author_email": "margit@example.net", "body": LETTER}),
        "ConfirmWrite" => json!({"token": "cf_7Qm2xVb9KtLw4RzN8sHd3A"}),
        "Confirmed" => json!({
            "status": "active",
            "next_issue_at": NEXT_ISSUE,
            "manage_token": "mg_01a0a40312e170.1.Zk3vT8wQ5nLx",
        }),
        "ConsentEvent" => json!({
            "id": "01a0a403-12e2-7f0b-93c6-d2e84a5170bf",
            "kind": "requested",
            "at": DAY_AFTER,
            "source": "footer",
            "consent_text_sha256": "0b24c2b6cd667748e58ca4a80257ff7ee4bb146efaeea48eb6e7753b7e525cfc",
            "consent_text": CONSENT,
            "categories": ["business-succession"],
            "ip_prefix": "192.0.2.0/24",
            "user_agent": "Mozilla/5.0",
            "actor_name": null,
        }),
        "Delivery" => json!({
            "id": "01a1f29a-e581-7a3c-8e5d-06f9b7c41d28",
            "subscriber_id": SUBSCRIBER,
            "email_masked": "m***@e***.net",
            "state": "accepted",
            "code": null,
            "attempt": 1,
            "not_before": ISSUE_DUE,
            "accepted_at": "2026-11-19T07:00:04Z",
            "updated_at": "2026-11-19T07:00:04Z",
        }),
        "FullComment" => with(
            &comment(),
            json!({
                "source": LETTER,
                "trace": [{"step": "mode", "outcome": "hold", "reasons": ["pre_moderation"]}],
                "ip_prefix": "192.0.2.0/24",
                "user_agent": "Mozilla/5.0",
                "notify_replies": false,
                "subscribe_weekly": false,
                "parent": null,
                "history": [comment_event()],
            }),
        ),
        "Health" => json!({"status": "ok"}),
        "Issue" => issue(),
        "IssueDetail" => with(
            &issue(),
            json!({
                "items": [item()],
                "deliveries": {
                    "queued": 0,
                    "claimed": 0,
                    "dispatching": 0,
                    "accepted": 211,
                    "deferred": 0,
                    "failed": 1,
                    "in_doubt": 0,
                    "skipped": 0,
                },
            }),
        ),
        "Listing_ArticleDocument" => listing(&article_in_admin_list()),
        "Listing_PublishedArticle" => listing(&article_in_list()),
        "Listing_Revision" => listing(&revision()),
        "Login" => json!({"email": "oren@nameabovethedoor.example.org", "password": "four plain words together"}),
        "MeWrite" => json!({"name": "Oren Tabard"}),
        "NewsletterAdmin" => with(
            &newsletter(),
            json!({
                "id": "019b8d62-7a85-7c20-8d9e-a4f3165b7e08",
                "version": 2,
                "created_at": FIRST_DAY,
                "updated_at": PUBLISHED,
                "next_issue_at": NEXT_ISSUE,
            }),
        ),
        "NewsletterWrite" => newsletter(),
        "OwnSubscription" => json!({
            "email_masked": "m***@e***.net",
            "state": "active",
            "all_categories": false,
            "categories": ["business-succession"],
            "frequency": "weekly",
            "timezone": "Europe/London",
            "send_hour": 7,
            "format": "html",
            "paused_until": null,
            "locale": "en",
        }),
        "PasswordChange" => json!({
            "current_password": "four plain words together",
            "new_password": "another five plain words instead",
        }),
        "PreferencesWrite" => json!({
            "all_categories": false,
            "categories": ["business-succession"],
            "frequency": "monthly",
            "timezone": "Europe/London",
            "send_hour": 7,
        }),
        "Preview" => json!({
            "period": "2026-W48",
            "subject": "A handover takes two years",
            "text": "A handover takes two years\nKeys, customers, the bank, and in which month.\n",
            "html": "<!DOCTYPE html>\n<html lang=\"en\"><body><h1>The Thursday Post</h1></body></html>\n",
            "items": [item()],
        }),
        "PublicByline" => json!({
            "id": BYLINE,
            "slug": "hester-coldbrook",
            "name": "Hester Coldbrook",
            "bio": "Edits this journal. She ran her family's seed merchants for eleven years.",
            "avatar_url": null,
            "website": "https://coldbrook.example.org/",
            "article_count": 6,
            "url": "https://nameabovethedoor.example.org/author/hester-coldbrook",
        }),
        "PublicCategory" => public_category(),
        "PublicComment" => json!({
            "id": COMMENT,
            "article": ARTICLE,
            "parent_id": null,
            "depth": 0,
            "author": {"name": "Margit Fell", "url": null, "role": "guest", "avatar_seed": "p8Vd0YzqS2k"},
            "body_html": format!("<p>{LETTER}</p>\n"),
            "body_text": LETTER,
            "created_at": DAY_AFTER,
            "edited_at": null,
            "reply_count": 0,
            "tombstone": false,
            "replies": [],
        }),
        "FoundArticles" => json!({
            "data": [with(
                &article_in_list(),
                json!({"highlights": {
                    "title": "The two-year <mark>handover</mark>",
                    "excerpt": "Name a date.",
                    "body": "… the <mark>handover</mark> of the keys …",
                }}),
            )],
            "page": {"next": null},
        }),
        "Suggestions" => json!({"data": [{"text": "The two-year handover", "slug": "the-two-year-handover"}]}),
        "JsonFeed" => feed(),
        "Redirect" => {
            with(&redirect(), json!({"id": REDIRECT, "version": 1, "created_at": FIRST_DAY, "updated_at": FIRST_DAY}))
        }
        "RedirectWrite" => redirect(),
        "PublicSite" => site(),
        "Changes" => json!({
            "data": [
                {"op": "upsert", "resource": "article", "id": ARTICLE, "slug": "the-red-folder", "locale": "en", "at": PUBLISHED},
                {"op": "delete", "resource": "comment", "id": COMMENT, "slug": null, "locale": null, "at": DAY_AFTER},
            ],
            "page": {"next": null},
            "token": "eyJsb2ciOiI1YmQwYzVlZTE4ZTE0OTI2YTBiNTc0NTJmMmNiZjRkNiIsInNlcSI6MiwicnVuIjpudWxsfQ",
        }),
        "PublicTag" => with(
            &tag_small(),
            json!({
                "description": "What becomes of the one who leaves.",
                "article_count": 4,
                "url": "https://nameabovethedoor.example.org/tag/retirement",
            }),
        ),
        "PublishedArticle" => with(&article_in_list(), json!({"body_html": BODY_HTML, "toc": toc()})),
        "WholeArticle" => with(
            &of("PublishedArticle")?,
            json!({"comments": of("Listing_PublicComment")?, "related": [article_in_list()]}),
        ),
        "RefreshToken" => json!({"refresh_token": "rt_h5Jc8WqT2mXz6PbL0vNs9Rk4"}),
        "Resolution" => json!({
            "status": 200,
            "path": "/the-two-year-handover",
            "resource": {"kind": "article", "id": ARTICLE, "slug": "the-two-year-handover"},
        }),
        "Revision" => with(&revision(), json!({"content": of("ArticleWrite")})),
        "ScheduleWrite" => json!({"publish_at": NEXT_ISSUE}),
        "Session" => json!({
            "id": "01a0a403-12e3-7851-9b4f-c0d7e6a2f319",
            "user_agent": "Mozilla/5.0",
            "created_at": DAY_AFTER,
            "last_used_at": ISSUE_DUE,
            "expires_at": "2026-12-19T07:00:00Z",
            "current": true,
        }),
        "SignUp" => json!({
            "name": "The Thursday Post",
            "cadence": "weekly",
            "weekday": "thursday",
            "hour": 7,
            "timezone": "Europe/London",
            "categories": [{"slug": "business-succession", "name": "Business Succession"}],
            "form_token": "1789458060.Yb3kQ9sV1fRt",
            "consent": {"version": "1", "text": CONSENT},
        }),
        "SignedIn" => json!({
            "access_token": "eyJhbGciOiJIUzI1NiJ9.eyJ0eXAiOiJhY2Nlc3MifQ.c2lnbmF0dXJl",
            "token_type": "Bearer",
            "expires_in": 600,
            "refresh_token": "rt_h5Jc8WqT2mXz6PbL0vNs9Rk4",
            "user": user(),
        }),
        "AdminSite" => {
            let own = json!({"comments": true, "websub_hub": null, "version": 3, "updated_at": PUBLISHED});
            with(&with(&site(), own), json!({"ghost_content_key": "22444f78447824223cefc48062"}))
        }
        "SiteWrite" => json!({"name": "Name Above the Door", "permalink": "/{category}/{slug}"}),
        "SubscriberView" => json!({
            "id": SUBSCRIBER,
            "email": "margit@example.net",
            "state": "active",
            "all_categories": false,
            "categories": [{"id": CATEGORY, "slug": "business-succession", "name": "Business Succession"}],
            "frequency": "weekly",
            "format": "html",
            "locale": "en",
            "timezone": "Europe/London",
            "send_hour": 7,
            "paused_until": null,
            "version": 2,
            "created_at": DAY_AFTER,
            "updated_at": DAY_AFTER,
            "confirmed_at": DAY_AFTER,
            "unsubscribed_at": null,
            "available_actions": ["unsubscribe", "erase"],
        }),
        "SubscriptionWrite" => json!({
            "email": "margit@example.net",
            "categories": ["business-succession"],
            "frequency": "weekly",
            "timezone": "Europe/London",
            "source": "footer",
            "consent_version": "1",
        }),
        "Tag" => with(
            &tag_small(),
            json!({
                "description": "What becomes of the one who leaves.",
                "internal": false,
                "version": 1,
                "created_at": FIRST_DAY,
                "updated_at": FIRST_DAY,
            }),
        ),
        "TagWrite" => json!({
            "slug": "retirement",
            "name": "Retirement",
            "description": "What becomes of the one who leaves.",
        }),
        "TransitionWrite" => json!({"to": "approved", "note": "Worth a reply."}),
        "User" => user(),
        "UserWrite" => json!({"email": "oren@nameabovethedoor.example.org", "name": "Oren Tabard", "role": "editor"}),
        "WishForm" => json!({"List-Unsubscribe": "One-Click"}),
        _ => return schema.strip_prefix("Listing_").and_then(of).map(|item| listing(&item)),
    })
}

/// The members of two objects; the later ones win.
fn with(object: &Value, more: Value) -> Value {
    let mut whole = object.clone();
    if let (Value::Object(members), Value::Object(more)) = (&mut whole, more) {
        members.extend(more);
    }
    whole
}

fn listing(item: &Value) -> Value {
    json!({"data": [item], "page": {"next": null}})
}

fn article_in_list() -> Value {
    json!({
        "id": ARTICLE,
        "kind": "article",
        "slug": "the-two-year-handover",
        "locale": "en",
        "url": "https://nameabovethedoor.example.org/the-two-year-handover",
        "title": "A handover takes two years",
        "excerpt": "Keys, customers, the bank, and in which month.",
        "parent_id": null,
        "visibility": "public",
        "featured": false,
        "cover_image": cover_image(),
        "seo": {
            "meta_title": "The two-year calendar for a family handover",
            "meta_description": null,
            "canonical_url": null,
            "noindex": false,
        },
        "bylines": [{"id": BYLINE, "slug": "hester-coldbrook", "name": "Hester Coldbrook", "avatar_url": null}],
        "primary_category": category_small(),
        "categories": [category_small()],
        "tags": [tag_small()],
        "translations": {"de": {
            "slug": "zwei-jahre-bis-zur-uebergabe",
            "url": "https://nameabovethedoor.example.org/zwei-jahre-bis-zur-uebergabe",
        }},
        "custom": {"print_page": 12},
        "word_count": 12,
        "reading_minutes": 1,
        "published_at": PUBLISHED,
        "updated_at": PUBLISHED,
    })
}

fn article_in_admin_list() -> Value {
    let more = json!({
        "state": "published",
        "version": 4,
        "body_format": "markdown",
        "revision": 3,
        "published_revision": 3,
        "has_unpublished_changes": false,
        "publish_at": null,
        "available_actions": ["edit", "unpublish", "trash"],
        "comments": "open",
    });
    with(&article_in_list(), more)
}

fn cover_image() -> Value {
    json!({
        "url": "https://images.example.org/ring-of-keys.jpg",
        "alt": "A ring of old keys on a nail beside a workshop door",
    })
}

fn toc() -> Value {
    json!([{"level": 2, "text": "Month 0", "anchor": "month-0"}])
}

fn revision() -> Value {
    json!({
        "number": 3,
        "title": "A handover takes two years",
        "author_id": USER,
        "author_name": "Oren Tabard",
        "created_at": PUBLISHED,
    })
}

fn category_small() -> Value {
    json!({
        "id": CATEGORY,
        "slug": "business-succession",
        "path": "business/business-succession",
        "name": "Business Succession",
    })
}

fn public_category() -> Value {
    let above = json!({"id": CATEGORY_ABOVE, "slug": "business", "path": "business", "name": "Business"});
    let more = json!({
        "description": "Who has the firm next, when, and on what terms.",
        "parent_id": CATEGORY_ABOVE,
        "position": 1,
        "breadcrumb": [above, category_small()],
        "article_count": 5,
        "subtree_count": 9,
        "url": "https://nameabovethedoor.example.org/category/business/business-succession",
    });
    with(&category_small(), more)
}

fn category_above() -> Value {
    json!({
        "id": CATEGORY_ABOVE,
        "slug": "business",
        "path": "business",
        "name": "Business",
        "description": "Running, owning and passing on the firm.",
        "parent_id": null,
        "position": 1,
        "breadcrumb": [{"id": CATEGORY_ABOVE, "slug": "business", "path": "business", "name": "Business"}],
        "article_count": 2,
        "subtree_count": 11,
        "url": "https://nameabovethedoor.example.org/category/business",
    })
}

fn tag_small() -> Value {
    json!({"id": TAG, "slug": "retirement", "name": "Retirement"})
}

fn comment() -> Value {
    json!({
        "id": COMMENT,
        "article": ARTICLE,
        "article_slug": "the-two-year-handover",
        "article_title": "A handover takes two years",
        "parent_id": null,
        "depth": 0,
        "state": "pending",
        "version": 1,
        "author": {"name": "Margit Fell", "email": "margit@example.net", "url": null},
        "body_html": format!("<p>{LETTER}</p>\n"),
        "body_text": LETTER,
        "hold_reasons": ["pre_moderation"],
        "created_at": DAY_AFTER,
        "decided_at": null,
        "available_actions": ["approved", "rejected", "spam", "trash"],
    })
}

fn comment_event() -> Value {
    json!({
        "id": "01a0a403-12e4-7e72-8a35-9f0c4d6b18e7",
        "version": 1,
        "actor": {"id": null, "name": "Byline"},
        "from": null,
        "to": "pending",
        "reason_code": null,
        "note": null,
        "at": DAY_AFTER,
    })
}

fn newsletter() -> Value {
    json!({
        "name": "The Thursday Post",
        "from_name": "Name Above the Door",
        "from_address": "post@nameabovethedoor.example.org",
        "reply_to": "editors@nameabovethedoor.example.org",
        "postal_address": "Tallow Yard Press, 4 Tallow Yard, Exampleton ZZ9 9ZZ, United Kingdom",
        "weekday": "thursday",
        "hour": 7,
        "timezone": "Europe/London",
        "min_items": 1,
        "max_items": 10,
        "consent": {"version": "1", "text": CONSENT},
    })
}

fn issue() -> Value {
    json!({
        "id": ISSUE,
        "frequency": "weekly",
        "period": "2026-W47",
        "state": "sent_with_failures",
        "version": 3,
        "due_at": ISSUE_DUE,
        "cutoff": ISSUE_DUE,
        "audience_count": 212,
        "created_at": ISSUE_DUE,
        "updated_at": "2026-11-19T07:02:10Z",
        "sent_at": "2026-11-19T07:02:10Z",
    })
}

fn item() -> Value {
    json!({
        "article_id": ARTICLE,
        "title": "A handover takes two years",
        "excerpt": "Keys, customers, the bank, and in which month.",
        "url": "https://nameabovethedoor.example.org/the-two-year-handover",
        "category": "Business Succession",
        "author": "Hester Coldbrook",
        "category_ids": [CATEGORY],
        "locale": "en",
    })
}

fn redirect() -> Value {
    json!({"from": "/old/page", "pattern": false, "to": "/new/page", "note": "From the leaflet of 2019"})
}

fn feed() -> Value {
    let page = "https://nameabovethedoor.example.org";
    json!({
        "version": "https://jsonfeed.org/version/1.1",
        "title": "Name Above the Door",
        "home_page_url": format!("{page}/"),
        "feed_url": "https://cms.example.org/feeds/all.json",
        "language": "en",
        "authors": [{"name": "Name Above the Door"}],
        "items": [{
            "id": format!("urn:uuid:{ARTICLE}"),
            "url": format!("{page}/the-two-year-handover"),
            "title": "The two-year handover",
            "content_html": BODY_HTML,
            "summary": "What to do in which month, for a handover that nobody has to hurry.",
            "date_published": PUBLISHED,
            "date_modified": PUBLISHED,
            "authors": [{"name": "Oren Tabard", "url": format!("{page}/author/oren-tabard")}],
            "tags": ["Business Succession"],
        }],
    })
}

fn site() -> Value {
    json!({
        "name": "Name Above the Door",
        "description": "A trade journal for the owners of family firms.",
        "locale": "en",
        "locales": ["en", "de"],
        "timezone": "Europe/London",
        "site_url": "https://nameabovethedoor.example.org/",
        "permalink": "/{slug}",
        "category_path": "/category/{path}",
        "tag_path": "/tag/{slug}",
        "byline_path": "/author/{slug}",
    })
}

fn user() -> Value {
    json!({
        "id": USER,
        "email": "oren@nameabovethedoor.example.org",
        "name": "Oren Tabard",
        "role": "editor",
        "disabled": false,
        "version": 1,
        "created_at": FIRST_DAY,
        "updated_at": FIRST_DAY,
    })
}
