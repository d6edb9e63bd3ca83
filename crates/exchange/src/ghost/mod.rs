//! Ghost exports: the JSON that Ghost makes, the CSV of its members, and its redirects.

mod cards;
mod file;
mod lexical;
mod members;
mod mobiledoc;
mod redirects;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::LazyLock;

use domain::Timestamp;
use domain::articles::{Kind, Seo};
use domain::ids::{ArticleId, BylineId, TagId};
use domain::text::{Title, WebUrl};
use regex::{Captures, Regex};
use serde_json::{Map, Value};

use crate::content::{Converted, pattern, plain};
use crate::ids::Identities;
use crate::model::{Byline, Cover, Entry, Readers, Standing, Tag};
use crate::report::{Fate, Report};
use crate::text::{self, cut};

pub use file::{Post, Rows, Unreadable};
pub use members::{Member, members};
pub use redirects::{Redirect, redirects};

/// Stands in Ghost's content for the address of the site.
const SITE: &str = "__GHOST_URL__";

/// A part of a post that Ghost shows to some readers only; the first group says to whom.
static GATED: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?s)<!--\s*kg-gated-block:begin([^>]*?)-->(.*?)<!--\s*kg-gated-block:end\s*-->"));
static GATE: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?s)<!--\s*kg-gated-block:begin.*\z"));

/// A Ghost site in Byline's terms.
pub struct Ghost {
    /// Its name, if the export tells it.
    pub name: Option<String>,
    /// What it is about.
    pub description: Option<String>,
    /// Its zone.
    pub timezone: Option<String>,
    /// Tags.
    pub tags: Vec<Tag>,
    /// Authors.
    pub bylines: Vec<Byline>,
    /// When the export was made: what has no date of its own was made then.
    pub made_at: Timestamp,
    rows: Rows,
    ids: Identities,
    tag_ids: HashMap<String, TagId>,
    byline_ids: HashMap<String, BylineId>,
    seen: HashSet<String>,
}

impl Ghost {
    /// Takes an export apart. `site` tells the site from others.
    pub fn new(mut rows: Rows, site: Option<&str>, report: &mut Report) -> Self {
        report.source.format = "ghost".into();
        report.source.version.clone_from(&rows.version);
        report.source.complete = true;
        let name = rows.setting("title");
        report.source.site = site.map_or_else(|| name.clone().unwrap_or_default(), str::to_owned);
        let made_at = rows
            .exported_on
            .map_or(Timestamp::from_micros(0), |millis| Timestamp::from_micros(millis.saturating_mul(1000)));
        let mut ghost = Self {
            name,
            description: rows.setting("description"),
            timezone: rows.setting("timezone").or_else(|| rows.setting("activeTimezone")),
            tags: Vec::new(),
            bylines: Vec::new(),
            made_at,
            // Ghost's own identities are random: they tell its sites apart by themselves.
            ids: Identities::of(site.unwrap_or("ghost")),
            tag_ids: HashMap::new(),
            byline_ids: HashMap::new(),
            seen: HashSet::new(),
            rows: Rows::default(),
        };
        ghost.read_tags(std::mem::take(&mut rows.tags), report);
        ghost.read_authors(std::mem::take(&mut rows.users), report);
        for (table, number) in std::mem::take(&mut rows.others) {
            let detail = format!("{number} rows of the table `{table}`.");
            report.say("table", &table, Fate::Skipped, "not_carried", detail);
        }
        ghost.rows = rows;
        ghost
    }

    fn read_tags(&mut self, tags: Vec<file::Tag>, report: &mut Report) {
        for tag in tags {
            if tag.id.is_empty() || self.tag_ids.contains_key(&tag.id) {
                report.skip("tag", &tag.id, "duplicate_id", "Another tag with this identity came before.");
                continue;
            }
            report.count("tag").read += 1;
            let Ok(id) = self.ids.make("tag", &tag.id, tag.created_at().unwrap_or(Timestamp::from_micros(0))) else {
                continue;
            };
            let name = cut(&plain(&tag.name), 100);
            let slug = text::slug(&tag.slug).unwrap_or_else(|| text::slug_of(&name));
            if slug != tag.slug {
                report.say("tag", &tag.id, Fate::Changed, "slug_changed", format!("The slug became `{slug}`."));
            }
            let internal = tag.visibility == "internal" || name.starts_with('#');
            let description = plain(&tag.description);
            self.tags.push(Tag {
                id,
                source_id: Some(tag.id.clone()),
                slug,
                name: if name.is_empty() { "Untitled".into() } else { name },
                description: (!description.is_empty()).then(|| cut(&description, 1_000)),
                internal,
            });
            self.tag_ids.insert(tag.id, id);
        }
    }

    fn read_authors(&mut self, users: Vec<file::User>, report: &mut Report) {
        for user in users {
            if user.id.is_empty() || self.byline_ids.contains_key(&user.id) {
                report.skip("byline", &user.id, "duplicate_id", "Another author with this identity came before.");
                continue;
            }
            report.count("byline").read += 1;
            let Ok(id) = self.ids.make("author", &user.id, user.created_at().unwrap_or(Timestamp::from_micros(0)))
            else {
                continue;
            };
            let name = cut(&plain(&user.name), 100);
            let name = if name.is_empty() { "Anonymous".into() } else { name };
            let bio = plain(&user.bio);
            let url = |text: &str| WebUrl::parse(text).ok().map(|url| url.to_string());
            self.bylines.push(Byline {
                id: Some(id),
                source_id: Some(user.id.clone()),
                slug: text::slug(&user.slug).unwrap_or_else(|| text::slug_of(&name)),
                name,
                bio: (!bio.is_empty()).then(|| cut(&bio, 2_000)),
                // One that is a path of the site is put in its place once its file has one.
                avatar_url: Some(at_site(&user.profile_image)).filter(|url| !url.is_empty()),
                website: url(&user.website),
                email: Some(user.email).filter(|email| !email.is_empty()),
            });
            self.byline_ids.insert(user.id, id);
        }
    }

    /// How many posts and pages there are.
    pub fn len(&self) -> usize {
        self.rows.posts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.posts.is_empty()
    }

    /// Takes the posts and pages.
    pub fn take_posts(&mut self) -> Vec<Post> {
        std::mem::take(&mut self.rows.posts)
    }

    /// A post or page in our terms; none, if it does not come: then the report says why.
    #[allow(clippy::too_many_lines, reason = "a line or two for each member")]
    pub fn entry(&mut self, post: &Post, now: Timestamp, report: &mut Report) -> Option<Entry> {
        let kind = if post.is_page() { Kind::Page } else { Kind::Article };
        let name = kind.as_str();
        if post.id.is_empty() || !self.seen.insert(post.id.clone()) {
            report.skip(name, &post.id, "duplicate_id", "Another one with this identity came before.");
            return None;
        }
        let created_at = post.created_at().unwrap_or(self.made_at);
        let id: ArticleId =
            self.ids.make("post", &post.id, post.created_at().unwrap_or(Timestamp::from_micros(0))).ok()?;
        report.count(name).read += 1;
        let meta = self.rows.meta.get(&post.id).cloned().unwrap_or_default();
        let mut say = |fate, code: &str, detail: String| report.say(name, &post.id, fate, code, detail);
        let standing = standing(post, meta.email_only, now, &mut say);
        let mut title = plain(&post.title);
        if Title::parse(&title).is_err() {
            let fitting = (0..=200).rev().map(|max| cut(&title, max)).find(|cut| Title::parse(cut).is_ok());
            let made = fitting.unwrap_or_else(|| "Untitled".into());
            say(Fate::Changed, "title_cut", format!("It is titled `{made}`."));
            title = made;
        }
        let slug = text::slug(&post.slug);
        if slug.is_none() && !post.slug.is_empty() {
            say(Fate::Changed, "slug_changed", format!("`{}` can be no slug here.", cut(&post.slug, 200)));
        }
        let readers = match post.visibility.as_str() {
            "" | "public" => Readers::Everyone,
            "members" => Readers::Members,
            "paid" => Readers::Payers,
            other => {
                if !matches!(other, "tiers") {
                    say(
                        Fate::Changed,
                        "visibility",
                        format!("It was for `{}`; it is for those who pay.", cut(other, 100)),
                    );
                }
                Readers::Payers
            }
        };
        let mut converted = Converted::default();
        let html = body(post, &mut converted);
        for (code, what) in &converted.notes {
            say(Fate::Changed, code, cut(&what.join(", "), 500));
        }
        if post.has_code() {
            say(Fate::Changed, "code_injection_left_out", "Code that was put into its page.".into());
        }
        let excerpt = plain(&post.custom_excerpt);
        let mut custom = Map::new();
        for (key, value) in &meta.social {
            custom.insert(key.clone(), Value::from(value.replace(SITE, "")));
        }
        let caption = plain(&meta.feature_image_caption);
        if !caption.is_empty() {
            custom.insert("feature_image_caption".into(), Value::from(caption));
        }
        if !post.custom_template.is_empty() {
            custom.insert("custom_template".into(), Value::from(post.custom_template.clone()));
        }
        let text_of = |text: &str, max| {
            let text = plain(text);
            (!text.is_empty()).then(|| cut(&text, max))
        };
        let seo = Seo {
            meta_title: text_of(&meta.meta_title, 200),
            meta_description: text_of(&meta.meta_description, 500),
            canonical_url: WebUrl::parse(&post.canonical_url).ok().map(|url| url.to_string()),
            noindex: false,
        };
        let of = |links: &HashMap<String, Vec<(i64, String)>>| -> Vec<String> {
            let mut linked = links.get(&post.id).cloned().unwrap_or_default();
            linked.sort();
            linked.into_iter().map(|(_, id)| id).collect()
        };
        let updated_at = post.updated_at().unwrap_or(created_at);
        let published = if let Standing::Published(at) = standing { Some(at) } else { None };
        Some(Entry {
            id,
            source_id: post.id.clone(),
            kind,
            title,
            path: slug.as_ref().filter(|_| published.is_some()).map(|_| format!("/{}/", post.slug)),
            slug,
            old_slugs: Vec::new(),
            html,
            excerpt: (!excerpt.is_empty()).then(|| cut(&excerpt, 1_000)),
            standing,
            created_at,
            updated_at: updated_at.max(created_at).max(published.unwrap_or(created_at)),
            bylines: of(&self.rows.authors_of).iter().filter_map(|id| self.byline_ids.get(id).copied()).collect(),
            categories: Vec::new(),
            tags: of(&self.rows.tags_of).iter().filter_map(|id| self.tag_ids.get(id).copied()).collect(),
            cover: Some(at_site(&post.feature_image))
                .filter(|url| !url.is_empty())
                .map(|url| Cover { url, alt: cut(&plain(&meta.feature_image_alt), 500) }),
            seo,
            custom,
            comments_open: kind == Kind::Article,
            featured: post.featured(),
            readers,
            parent: None,
        })
    }
}

/// An address of the site as a path of it.
fn at_site(url: &str) -> String {
    url.trim().replace(SITE, "")
}

/// What becomes of a state of Ghost.
fn standing(post: &Post, email_only: bool, now: Timestamp, say: &mut impl FnMut(Fate, &str, String)) -> Standing {
    let mut draft = |code: &str, detail: &str| {
        say(Fate::Draft, code, detail.into());
        Standing::Draft
    };
    if email_only || post.status == "sent" {
        return draft("email_only", "It was sent by mail and never shown on the site; it came as a draft.");
    }
    match (post.status.as_str(), post.published_at()) {
        ("published", Some(at)) if at > now => {
            say(Fate::Changed, "scheduled", "Its date is to come; it is public from then on.".into());
            Standing::Scheduled(at)
        }
        ("published", Some(at)) => Standing::Published(at),
        ("published", None) => draft("date_missing", "It has no date of publication; it came as a draft."),
        ("scheduled", Some(at)) if at > now => Standing::Scheduled(at),
        ("scheduled", _) => draft("future_past", "It was to be published at a time that is past; it came as a draft."),
        ("draft", _) => Standing::Draft,
        (other, _) => draft("status_unknown", &format!("Its state was `{}`; it came as a draft.", cut(other, 50))),
    }
}

/// The HTML that Ghost made, or else what can be made of what it was made from.
fn body(post: &Post, converted: &mut Converted) -> String {
    let html = if !post.html.trim().is_empty() {
        post.html.clone()
    } else if !post.lexical.is_empty() {
        lexical::html(&post.lexical, converted).unwrap_or_else(|| unreadable("lexical", converted))
    } else if !post.mobiledoc.is_empty() {
        mobiledoc::html(&post.mobiledoc, converted).unwrap_or_else(|| unreadable("mobiledoc", converted))
    } else {
        String::new()
    };
    let html = open_gates(&html, converted);
    html.replace(SITE, "")
}

fn unreadable(what: &str, converted: &mut Converted) -> String {
    converted.note("body_unreadable", what);
    String::new()
}

/// Parts that Ghost shows to some only: what it shows to everyone stays.
fn open_gates(html: &str, converted: &mut Converted) -> String {
    if !html.contains("kg-gated-block") {
        return html.to_owned();
    }
    let opened = GATED.replace_all(html, |found: &Captures<'_>| {
        let to = found[1].replace(' ', "");
        if to.contains("nonMember:true") {
            found[2].to_owned()
        } else {
            converted.note("members_part_left_out", cut(found[1].trim(), 100));
            String::new()
        }
    });
    // A gate that does not close hides all behind it.
    GATE.replace(&opened, "").into_owned()
}

/// By the names of tables: rows that are not read, and how many.
type Others = BTreeMap<String, usize>;

#[cfg(test)]
mod tests {
    use super::*;

    fn post(status: &str, visibility: &str, html: &str) -> Post {
        let value = serde_json::json!({"id": "a", "title": "A", "slug": "a", "status": status, "visibility": visibility,
            "html": html, "published_at": "2020-01-02 03:04:05", "created_at": "2020-01-01T00:00:00.000Z", "type": "post"});
        serde_json::from_value(value).unwrap()
    }

    fn imported(post: &Post) -> (Entry, Report) {
        let mut report = Report::default();
        let mut ghost = Ghost::new(Rows::default(), None, &mut report);
        let now = Timestamp::parse("2021-01-01T00:00:00Z").unwrap();
        (ghost.entry(post, now, &mut report).unwrap(), report)
    }

    #[test]
    fn nothing_becomes_public_that_was_not() {
        let at = Timestamp::parse("2020-01-02T03:04:05Z").unwrap();
        assert_eq!(imported(&post("published", "public", "")).0.standing, Standing::Published(at));
        for (status, code) in [("scheduled", "future_past"), ("sent", "email_only"), ("x", "status_unknown")] {
            let (entry, report) = imported(&post(status, "public", ""));
            assert_eq!((entry.standing, report.items[0].code.as_str()), (Standing::Draft, code));
        }
        assert_eq!(imported(&post("published", "filter", "")).0.readers, Readers::Payers);
    }

    #[test]
    fn what_only_members_see_of_a_public_post_is_left_out() {
        let html = "<p>a</p><!--kg-gated-block:begin nonMember:false memberSegment:\"status:free\" --><p>b</p><!--kg-gated-block:end-->\
                    <!--kg-gated-block:begin nonMember:true memberSegment:\"\" --><p>c</p><!--kg-gated-block:end--><!--kg-gated-block:begin x--><p>d</p>";
        let (entry, report) = imported(&post("published", "public", html));
        assert_eq!(entry.html, "<p>a</p><p>c</p>");
        assert_eq!(report.items[0].code, "members_part_left_out");
    }
}
