//! The second reading of an export: each item in Byline's terms, with what is to be said of it.

use std::collections::{BTreeMap, HashMap, HashSet};

use domain::Timestamp;
use domain::articles::Kind;
use domain::categories::MAX_LEVELS;
use domain::comments::State;
use domain::ids::{ArticleId, BylineId, CategoryId, TagId};
use domain::text::{Title, WebUrl};
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::content::{self, plain};
use crate::ids::Identities;
use crate::model::{Byline, Category, Comment, Cover, Entry, Readers, Standing, Tag};
use crate::report::{Fate, Report};
use crate::text::{self, cut};

use super::dates::{self, When};
use super::fields;
use super::permalinks::path_below;
use super::survey::{Attachment, Survey};
use super::wxr::{self, Flaws, Item, Term};

/// Longest excerpt, description and biography, in characters.
const MAX_PROSE: usize = 1_000;
/// Most categories, and most tags, of an article.
const MAX_LABELS: usize = 50;
/// Longest name, in characters.
const MAX_NAME: usize = 100;

/// Everything that is known before the items are read again.
pub struct Plan {
    /// What the first reading found.
    pub survey: Survey,
    /// The zone of the site.
    pub timezone: String,
    /// The shape of an article's path, if one was found that Byline can have.
    pub permalink: Option<String>,
    /// Categories, each after the one that it stands under.
    pub categories: Vec<Category>,
    /// Tags.
    pub tags: Vec<Tag>,
    /// Authors.
    pub bylines: Vec<Byline>,
    /// When the export was made: what has no date of its own was made then.
    pub made_at: Timestamp,
    ids: Identities,
    zone: TimeZone,
    category_ids: HashMap<String, (CategoryId, String)>,
    category_numbers: HashMap<String, String>,
    tag_ids: HashMap<String, TagId>,
    byline_ids: HashMap<String, BylineId>,
    seen: HashSet<String>,
    names: HashSet<String>,
    seen_comments: HashSet<String>,
}

/// The zone that was asked for is none.
#[derive(Debug)]
pub struct NoZone(pub String);

impl Plan {
    /// Makes a plan of what was found. `site` tells the site from others; absent: its address.
    pub fn new(
        survey: Survey,
        site: Option<&str>,
        timezone: Option<&str>,
        report: &mut Report,
    ) -> Result<Self, NoZone> {
        report.source.format = "wordpress".into();
        report.source.version.clone_from(&survey.site.version);
        survey.address().clone_into(&mut report.source.site);
        let found = survey.pairs.zone();
        if let (None, Some((name, fit, all))) = (timezone, &found)
            && fit < all
        {
            let detail = format!("Of {all} dates, {fit} fit the zone {name}; name another with --timezone.");
            report.say("site", "", Fate::Changed, "timezone_unsure", detail);
        }
        let timezone = timezone.map(str::to_owned).or(found.map(|(name, _, _)| name)).unwrap_or_else(|| "UTC".into());
        let zone = TimeZone::get(&timezone).map_err(|_| NoZone(timezone.clone()))?;
        let ids = Identities::of(site.unwrap_or(survey.address()));
        let made_at = dates::rfc2822(&survey.site.pub_date).unwrap_or(Timestamp::from_micros(0));
        let mut plan = Self {
            survey,
            timezone,
            permalink: None,
            categories: Vec::new(),
            tags: Vec::new(),
            bylines: Vec::new(),
            made_at,
            ids,
            zone,
            category_ids: HashMap::new(),
            category_numbers: HashMap::new(),
            tag_ids: HashMap::new(),
            byline_ids: HashMap::new(),
            seen: HashSet::new(),
            names: HashSet::new(),
            seen_comments: HashSet::new(),
        };
        plan.read_categories(report);
        plan.read_tags(report);
        plan.read_authors(report);
        for term in std::mem::take(&mut plan.survey.others) {
            let detail = format!("A term of `{}`: {}.", term.taxonomy, cut(&plain(&term.name), 200));
            report.skip("term", &source_id(&term), "taxonomy_not_carried", detail);
        }
        plan.read_permalink(report);
        Ok(plan)
    }

    fn made<T: std::str::FromStr<Err = uuid::Error>>(&self, kind: &str, id: &str, at: Timestamp) -> Option<T> {
        self.ids.make(kind, id, at).ok()
    }

    fn read_categories(&mut self, report: &mut Report) {
        let terms = std::mem::take(&mut self.survey.categories);
        let mut by_slug: HashMap<&str, &Term> = HashMap::new();
        for term in &terms {
            if by_slug.get(term.slug.as_str()).is_some_and(|first| first.id == term.id) {
                // Newer exports declare each twice.
                continue;
            }
            if by_slug.contains_key(term.slug.as_str()) || term.slug.is_empty() {
                report.skip("category", &source_id(term), "duplicate_slug", format!("`{}` came before.", term.slug));
            } else {
                report.count("category").read += 1;
                flaws("category", &source_id(term), &term.flaws, report);
                by_slug.insert(&term.slug, term);
            }
        }
        // Each after the one above it, whatever the order of the file.
        let mut made: HashMap<&str, (CategoryId, String, i32)> = HashMap::new();
        for term in
            terms.iter().filter(|term| by_slug.get(term.slug.as_str()).is_some_and(|first| std::ptr::eq(*first, *term)))
        {
            let mut chain: Vec<&Term> = Vec::new();
            let mut next = Some(term);
            let mut above = None;
            while let Some(term) = next {
                if let Some(found) = made.get(term.slug.as_str()) {
                    above = Some(found.clone());
                    break;
                }
                if chain.iter().any(|below| below.slug == term.slug) {
                    let detail = format!("`{}` stands under itself; it was put at the root.", term.slug);
                    report.say("category", &source_id(term), Fate::Changed, "category_cycle", detail);
                    break;
                }
                chain.push(term);
                next = by_slug.get(term.parent.as_str()).copied();
                if next.is_none() && !term.parent.is_empty() && term.parent != "0" {
                    let detail = format!(
                        "`{}` stands under `{}`, which is not there; it was put at the root.",
                        term.slug, term.parent
                    );
                    report.say("category", &source_id(term), Fate::Changed, "parent_missing", detail);
                }
            }
            for term in chain.into_iter().rev() {
                let Some(id) = self.made::<CategoryId>("category", &term.slug, Timestamp::from_micros(0)) else {
                    continue;
                };
                let mut under = above.take();
                if under.as_ref().is_some_and(|(_, _, depth)| depth + 1 >= MAX_LEVELS) {
                    let detail =
                        format!("`{}` stands more than {MAX_LEVELS} levels deep; it was put at the root.", term.slug);
                    report.say("category", &source_id(term), Fate::Changed, "category_too_deep", detail);
                    under = None;
                }
                let slug = Self::slug_for("category", term, report);
                let path = under.as_ref().map_or_else(|| slug.clone(), |(_, path, _)| format!("{path}/{slug}"));
                let depth = under.as_ref().map_or(0, |(_, _, depth)| depth + 1);
                self.categories.push(Category {
                    id,
                    source_id: number(&term.id),
                    slug,
                    name: name_of("category", term, report),
                    description: prose(&term.description),
                    parent: under.map(|(id, _, _)| id),
                });
                self.category_ids.insert(term.slug.clone(), (id, path.clone()));
                self.category_numbers.insert(term.id.clone(), term.slug.clone());
                made.insert(&term.slug, (id, path.clone(), depth));
                above = Some((id, path, depth));
            }
        }
    }

    fn slug_for(kind: &str, term: &Term, report: &mut Report) -> String {
        let kept = text::slug(&term.slug).filter(|slug| kind != "category" || slug != "tree");
        kept.unwrap_or_else(|| {
            let made = text::slug_of(&format!("{} {}", plain(&term.name), if term.slug == "tree" { "2" } else { "" }));
            let detail = format!("The slug `{}` became `{made}`.", cut(&term.slug, 200));
            report.say(kind, &source_id(term), Fate::Changed, "slug_changed", detail);
            made
        })
    }

    fn read_tags(&mut self, report: &mut Report) {
        let mut numbers: HashMap<String, String> = HashMap::new();
        for term in std::mem::take(&mut self.survey.tags) {
            if numbers.get(&term.slug).is_some_and(|first| *first == term.id) {
                continue;
            }
            if term.slug.is_empty() || self.tag_ids.contains_key(&term.slug) {
                report.skip("tag", &source_id(&term), "duplicate_slug", format!("`{}` came before.", term.slug));
                continue;
            }
            report.count("tag").read += 1;
            flaws("tag", &source_id(&term), &term.flaws, report);
            let Some(id) = self.made("tag", &term.slug, Timestamp::from_micros(0)) else { continue };
            self.tags.push(Tag {
                id,
                source_id: number(&term.id),
                slug: Self::slug_for("tag", &term, report),
                name: name_of("tag", &term, report),
                description: prose(&term.description),
                internal: false,
            });
            numbers.insert(term.slug.clone(), term.id);
            self.tag_ids.insert(term.slug, id);
        }
    }

    fn read_authors(&mut self, report: &mut Report) {
        for author in std::mem::take(&mut self.survey.authors).into_values() {
            report.count("byline").read += 1;
            flaws("byline", &author.login, &author.flaws, report);
            let Some(id) = self.made::<BylineId>("author", &author.login, Timestamp::from_micros(0)) else { continue };
            let full = format!("{} {}", author.first_name, author.last_name);
            let names = [plain(&author.display_name), plain(&full), plain(&author.login)];
            let name = names.into_iter().find(|name| !name.is_empty()).unwrap_or_else(|| "Anonymous".into());
            self.bylines.push(Byline {
                id: Some(id),
                source_id: number(&author.id),
                slug: text::slug_of(&author.login.to_lowercase()),
                name: cut(&name, MAX_NAME),
                email: Some(author.email).filter(|email| !email.is_empty()),
                ..Byline::default()
            });
            self.byline_ids.insert(author.login, id);
        }
    }

    fn read_permalink(&mut self, report: &mut Report) {
        let shapes = self.survey.shapes(&self.zone, |slug| self.category_ids.get(slug).map(|(_, path)| path.clone()));
        let Some((shape, fit, all)) = shapes.most() else { return };
        let expressible = !shape.contains("{number}") && !shape.contains("{author}");
        let detail = if expressible {
            self.permalink = Some(shape.to_owned());
            if fit == all {
                return;
            }
            format!("Of {all} addresses {fit} have the shape {shape}; the others lead to it by redirects.")
        } else {
            format!("The site's addresses have the shape {shape}, which Byline has not; redirects lead from them.")
        };
        report.say("site", "", Fate::Changed, "permalink", detail);
    }

    /// The identity of a post or page by its number.
    pub fn article_id(&self, number: &str) -> Option<ArticleId> {
        let known = self.survey.items.get(number)?;
        self.made("post", number, known.when.stable().unwrap_or(Timestamp::from_micros(0)))
    }

    /// The article that a file is as public as; none, if it is anyone's.
    pub fn owner_of(&self, file: &Attachment) -> Option<ArticleId> {
        let parent = if file.inherits { file.parent.as_str() } else { file.id.as_str() };
        if matches!(parent, "" | "0") {
            return None;
        }
        // What does not come is never public: it has an identity that nothing has.
        self.article_id(parent).or_else(|| self.made("owner", parent, Timestamp::from_micros(0)))
    }

    /// A post or page in our terms; none, if it does not come: then the report says why.
    #[allow(clippy::too_many_lines, reason = "a line or two for each member")]
    pub fn entry(&mut self, item: &Item, now: Timestamp, report: &mut Report) -> Option<Entry> {
        let kind = if item.post_type == "page" { Kind::Page } else { Kind::Article };
        let name = kind.as_str();
        let mut source_id = item.id.clone();
        if !self.seen.insert(source_id.clone()) {
            // Two with one number are two all the same, if they have two names.
            source_id = format!("{}/{}", item.id, item.slug);
            if item.slug.is_empty() || self.names.contains(&source_id) || !self.seen.insert(source_id.clone()) {
                report.skip(name, &item.id, "duplicate_id", "Another item with this number came before.");
                return None;
            }
            report.say(
                name,
                &source_id,
                Fate::Changed,
                "duplicate_id",
                "Another item with this number came before; it got one of its own.",
            );
        }
        self.names.insert(format!("{}/{}", item.id, item.slug));
        if item.flaws.too_long.iter().any(|element| element == "content:encoded" || element == "title") {
            report.skip(name, &item.id, "too_long", "Its content is longer than any that can be read.");
            return None;
        }
        if matches!(item.status.as_str(), "trash" | "auto-draft") {
            report.skip(name, &item.id, "trashed", format!("Its state is `{}`.", item.status));
            return None;
        }
        let when = When::read(&item.date, &item.date_gmt);
        let id = self.made("post", &source_id, when.stable().unwrap_or(Timestamp::from_micros(0)));
        let Some(id) = id.filter(|_| !item.id.is_empty()) else {
            report.skip(name, &item.id, "no_number", "It has no number.");
            return None;
        };
        report.count(name).read += 1;
        flaws(name, &source_id, &item.flaws, report);
        let mut say = |fate, code: &str, detail: String| report.say(name, &source_id, fate, code, detail);

        let modified = When::read(&item.modified, &item.modified_gmt).at(&self.zone);
        let date = when.at(&self.zone).or_else(|| dates::rfc2822(&item.pub_date));
        let standing = standing(item, date, now, &mut say);
        let created_at = date.or(modified).unwrap_or(self.made_at);
        let updated_at = modified.unwrap_or(created_at).max(created_at);

        let mut title = plain(&item.title);
        if Title::parse(&title).is_err() {
            let fitting = (0..=200).rev().map(|max| cut(&title, max)).find(|cut| Title::parse(cut).is_ok());
            let made = fitting.unwrap_or_else(|| "Untitled".into());
            say(
                Fate::Changed,
                if title.is_empty() { "title_missing" } else { "title_cut" },
                format!("It is titled `{made}`."),
            );
            title = made;
        }
        let slug = text::slug(&item.slug);
        if slug.is_none() && !item.slug.is_empty() {
            say(Fate::Changed, "slug_changed", format!("`{}` can be no slug here.", cut(&item.slug, 200)));
        }
        let old_slugs = fields::metas(item, "_wp_old_slug").filter_map(text::slug).collect();
        let path =
            matches!(standing, Standing::Published(_)).then(|| path_below(&item.link, self.survey.address())).flatten();

        let excerpt = plain_prose(&item.excerpt);
        if excerpt.chars().count() > MAX_PROSE {
            say(Fate::Changed, "excerpt_cut", format!("It is cut to {MAX_PROSE} characters."));
        }
        let converted = content::convert(&item.content, &item.id, &self.survey);
        for (code, what) in &converted.notes {
            say(Fate::Changed, code, cut(&what.join(", "), 500));
        }
        let mut categories = self.categories_of(item, path.as_deref());
        let tags = item.labels.iter().filter(|label| matches!(label.domain.as_str(), "post_tag" | "tag"));
        let mut tags: Vec<TagId> = tags.filter_map(|label| self.tag_ids.get(&label.nicename).copied()).collect();
        if categories.len() > MAX_LABELS || tags.len() > MAX_LABELS {
            say(Fate::Changed, "labels_cut", format!("It keeps its first {MAX_LABELS} categories and tags."));
            categories.truncate(MAX_LABELS);
            tags.truncate(MAX_LABELS);
        }
        let (seo, unread) = fields::seo(item, &self.survey.site.title);
        if !unread.is_empty() {
            say(Fate::Changed, "seo_left_out", format!("{} could not be read.", unread.join(", ")));
        }
        let (mut custom, left_out) = fields::custom(item);
        if !left_out.is_empty() {
            say(Fate::Changed, "custom_fields_left_out", cut(&left_out.join(", "), 500));
        }
        let mut others = Vec::new();
        for label in &item.labels {
            match label.domain.as_str() {
                "category" | "post_tag" | "tag" => {}
                "post_format" => {
                    let format = label.nicename.trim_start_matches("post-format-");
                    custom.entry("post_format").or_insert_with(|| Value::from(format));
                }
                _ => others.push(format!("{} {}", label.domain, label.nicename)),
            }
        }
        if !others.is_empty() {
            say(Fate::Changed, "taxonomy_not_carried", cut(&others.join(", "), 500));
        }
        let cover = fields::meta(item, "_thumbnail_id").and_then(|number| {
            let found = self.survey.attachments.get(number);
            if found.is_none() {
                say(Fate::Changed, "cover_missing", format!("The picture {number} above it is not in the file."));
            }
            found.map(|attachment| Cover { url: attachment.url.clone(), alt: cut(&attachment.alt, 500) })
        });
        let parent = Some(item.parent.as_str()).filter(|parent| kind == Kind::Page && !matches!(*parent, "" | "0"));
        let parent = parent.and_then(|number| {
            let found = self.survey.items.get(number).filter(|known| known.is_page && number != item.id);
            if found.is_none() {
                say(Fate::Changed, "parent_missing", format!("The page {number} above it is not in the file."));
            }
            found.and_then(|_| self.article_id(number))
        });
        Some(Entry {
            id,
            source_id: source_id.clone(),
            kind,
            title,
            slug,
            old_slugs,
            path,
            html: converted.html,
            excerpt: (!excerpt.is_empty()).then(|| cut(&excerpt, MAX_PROSE)),
            standing,
            created_at,
            updated_at,
            bylines: self.byline_ids.get(&item.creator).copied().into_iter().collect(),
            categories,
            tags,
            cover,
            seo,
            custom,
            comments_open: item.comment_status == "open",
            featured: item.sticky == "1",
            readers: Readers::Everyone,
            parent,
        })
    }

    /// Categories of an item; first the one in its address, or the one that a plugin calls primary.
    fn categories_of(&self, item: &Item, path: Option<&str>) -> Vec<CategoryId> {
        let named = item.labels.iter().filter(|label| label.domain == "category");
        let mut categories: Vec<&(CategoryId, String)> =
            named.filter_map(|label| self.category_ids.get(&label.nicename)).collect();
        let by_plugin = fields::primary_category(item)
            .and_then(|number| self.category_ids.get(self.category_numbers.get(number)?))
            .map(|(id, _)| *id);
        let by_path = self.permalink.as_deref().filter(|shape| shape.contains("{category}")).and_then(|_| {
            let path = path?;
            let within = categories.iter().filter(|(_, of)| path.contains(&format!("/{of}/")));
            within.max_by_key(|(_, of)| of.len()).map(|(id, _)| *id)
        });
        if let Some(first) = by_path.or(by_plugin)
            && let Some(at) = categories.iter().position(|(id, _)| *id == first)
        {
            let first = categories.remove(at);
            categories.insert(0, first);
        }
        categories.into_iter().map(|(id, _)| *id).collect()
    }

    /// Says that the comments of what does not come do not come either.
    pub fn skip_comments(&self, item: &str, comments: &[wxr::Comment], report: &mut Report) {
        for comment in comments {
            let detail = format!("It stands under item {item}, which did not come.");
            report.skip(comment_kind(comment), &comment.id, "article_missing", detail);
        }
    }

    /// Comments of an article in our terms.
    pub fn comments(&mut self, article: ArticleId, comments: Vec<wxr::Comment>, report: &mut Report) -> Vec<Comment> {
        comments.into_iter().filter_map(|comment| self.comment(article, comment, report)).collect()
    }

    fn comment(&mut self, article: ArticleId, comment: wxr::Comment, report: &mut Report) -> Option<Comment> {
        let kind = comment_kind(&comment);
        if kind == "pingback" {
            report.skip(kind, &comment.id, "pingback", format!("From {}.", cut(&comment.url, 300)));
            return None;
        }
        if !matches!(comment.kind.as_str(), "" | "comment") {
            report.skip(kind, &comment.id, "comment_type", format!("Its type is `{}`.", cut(&comment.kind, 50)));
            return None;
        }
        if comment.id.is_empty() || !self.seen_comments.insert(comment.id.clone()) {
            report.skip(kind, &comment.id, "duplicate_id", "Another comment with this number came before.");
            return None;
        }
        if !comment.flaws.too_long.is_empty() {
            report.skip(kind, &comment.id, "too_long", "It is longer than any that can be read.");
            return None;
        }
        report.count(kind).read += 1;
        flaws(kind, &comment.id, &comment.flaws, report);
        let mut say = |code: &str, detail: String| report.say(kind, &comment.id, Fate::Changed, code, detail);
        let when = When::read(&comment.date, &comment.date_gmt);
        let created_at = when.at(&self.zone).unwrap_or_else(|| {
            say("date_missing", "It has the date of the export.".into());
            self.made_at
        });
        let id = self.made("comment", &comment.id, when.stable().unwrap_or(Timestamp::from_micros(0)))?;
        let mut name = cut(&plain(&comment.author), 80);
        if name.is_empty() {
            name = "Anonymous".into();
            say("name_missing", "It is signed `Anonymous`.".into());
        }
        let url = WebUrl::parse_optional(&comment.url, 200);
        if url.is_err() {
            say("url_left_out", format!("`{}` is no address of a site.", cut(&comment.url, 200)));
        }
        let state = match comment.approved.as_str() {
            "1" | "approve" | "approved" => State::Approved,
            "spam" => State::Spam,
            "trash" | "post-trashed" => State::Trash,
            _ => State::Pending,
        };
        Some(Comment {
            id,
            source_id: comment.id,
            article,
            parent: Some(comment.parent).filter(|parent| !matches!(parent.as_str(), "" | "0")),
            name,
            email: Some(comment.email.trim().to_owned()).filter(|email| !email.is_empty()),
            url: url.ok().flatten().map(|url| url.to_string()),
            html: content::autop(&comment.content),
            state,
            created_at,
        })
    }
}

fn comment_kind(comment: &wxr::Comment) -> &'static str {
    if matches!(comment.kind.as_str(), "pingback" | "trackback") { "pingback" } else { "comment" }
}

/// What becomes of a state of WordPress.
fn standing(
    item: &Item,
    date: Option<Timestamp>,
    now: Timestamp,
    say: &mut impl FnMut(Fate, &str, String),
) -> Standing {
    let mut draft = |code: &str, detail: &str| {
        say(Fate::Draft, code, detail.into());
        Standing::Draft
    };
    match (item.status.as_str(), date) {
        ("publish" | "future", _) if !item.password.is_empty() => {
            draft("password", "It was protected by a password, which Byline has not; it came as a draft.")
        }
        ("publish", Some(date)) if date > now => {
            say(Fate::Changed, "scheduled", "Its date is to come; it is public from then on.".into());
            Standing::Scheduled(date)
        }
        ("publish", Some(date)) => Standing::Published(date),
        ("publish", None) => {
            draft("date_missing", "It has no date, so that its addresses are not known; it came as a draft.")
        }
        ("future", Some(date)) if date > now => Standing::Scheduled(date),
        ("future", _) => draft("future_past", "It was to be published at a time that is past; it came as a draft."),
        ("private", _) => draft("private", "It was private; it came as a draft."),
        ("draft", _) => Standing::Draft,
        ("pending", _) => draft("pending", "It waited for a review; it came as a draft."),
        (other, _) => draft("status_unknown", &format!("Its state was `{}`; it came as a draft.", cut(other, 50))),
    }
}

fn source_id(term: &Term) -> String {
    if term.id.is_empty() { term.slug.clone() } else { term.id.clone() }
}

fn number(id: &str) -> Option<String> {
    id.parse::<u32>().ok().filter(|number| *number > 0).map(|number| number.to_string())
}

fn name_of(kind: &str, term: &Term, report: &mut Report) -> String {
    let name = plain(&term.name);
    let name = if name.is_empty() { text::slug(&term.slug).unwrap_or_default() } else { name };
    if name.chars().count() > MAX_NAME {
        report.say(kind, &source_id(term), Fate::Changed, "name_cut", format!("It is cut to {MAX_NAME} characters."));
    }
    let name = cut(&name, MAX_NAME);
    if name.is_empty() { "Untitled".into() } else { name }
}

fn prose(html: &str) -> Option<String> {
    let text = plain_prose(html);
    (!text.is_empty()).then(|| cut(&text, MAX_PROSE))
}

/// Text of one paragraph or several; tags go.
fn plain_prose(html: &str) -> String {
    let paragraphs: Vec<String> =
        html.replace("\r\n", "\n").split("\n\n").map(plain).filter(|text| !text.is_empty()).collect();
    paragraphs.join("\n\n")
}

/// Says what was wrong with a thing in the file.
fn flaws(kind: &str, id: &str, flaws: &Flaws, report: &mut Report) {
    let mut said: BTreeMap<&str, String> = BTreeMap::new();
    if !flaws.too_long.is_empty() {
        said.insert("element_too_long", format!("Left out: {}.", cut(&flaws.too_long.join(", "), 300)));
    }
    if flaws.forbidden > 0 {
        said.insert("characters_left_out", format!("{} characters that XML forbids.", flaws.forbidden));
    }
    if flaws.misread > 0 {
        said.insert("encoding", format!("{} times bytes that are no UTF-8 were read as Windows-1252.", flaws.misread));
    }
    if !flaws.entities.is_empty() {
        said.insert("entity_unknown", format!("Kept as text: {}.", cut(&flaws.entities.join(", "), 300)));
    }
    if flaws.too_many {
        said.insert("too_many_parts", "It has more categories or custom fields than are read.".into());
    }
    for (code, detail) in said {
        report.say(kind, id, Fate::Changed, code, detail);
    }
}
