//! What posts and pages look like.

use std::collections::{HashMap, HashSet};

use domain::articles::Kind;
use domain::media::named_by;
use domain::published::{ArticleSummary, PublishedArticle};
use persistence::Conn;
use persistence::wordpress::{self, Author, Comment, File, Term, Which};
use serde::Serialize;
use serde_json::Value;

use super::{PAGES, POSTS, Type};
use crate::delivery::Depends;
use crate::wordpress::embed::Embed;
use crate::wordpress::shape::{Empty, Escaped, Links, Open, Paragraph, Rendered, embeddable, link, own};
use crate::wordpress::wrong::{Failure, Wrong};
use crate::wordpress::{Context, comments, files, terms, users};

/// A post or a page. What is none, only the other has.
#[derive(Serialize)]
pub(super) struct Post<'a> {
    id: i64,
    date: String,
    date_gmt: String,
    guid: Rendered<String>,
    modified: String,
    modified_gmt: String,
    slug: &'a str,
    status: &'static str,
    #[serde(rename = "type")]
    sort: &'static str,
    link: &'a str,
    title: Rendered<Escaped<'a>>,
    content: Open<&'a str>,
    excerpt: Open<Paragraph<'a>>,
    author: i64,
    featured_media: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    menu_order: Option<i64>,
    comment_status: &'static str,
    ping_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sticky: Option<bool>,
    template: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    format: Option<&'static str>,
    meta: Empty,
    #[serde(skip_serializing_if = "Option::is_none")]
    categories: Option<Vec<i64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Vec<i64>>,
    class_list: Vec<String>,
    _links: Links,
    #[serde(skip_serializing_if = "Embedded::is_empty")]
    _embedded: Embedded<'a>,
}

/// A post or a page, as it is embedded.
#[derive(Serialize)]
pub(in crate::wordpress) struct Small<'a> {
    id: i64,
    date: String,
    slug: &'a str,
    #[serde(rename = "type")]
    sort: &'static str,
    link: &'a str,
    title: Rendered<Escaped<'a>>,
    excerpt: Open<Paragraph<'a>>,
    author: i64,
    featured_media: i64,
    _links: Links,
    #[serde(skip_serializing_if = "Embedded::is_empty")]
    _embedded: Embedded<'a>,
}

/// What a post links to, inside it.
#[derive(Serialize)]
struct Embedded<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    author: Option<[users::User<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replies: Option<[Vec<comments::Shown<'a>>; 1]>,
    #[serde(rename = "wp:featuredmedia", skip_serializing_if = "Option::is_none")]
    file: Option<[Above<'a>; 1]>,
    #[serde(rename = "wp:term", skip_serializing_if = "Option::is_none")]
    terms: Option<[Vec<terms::Shown<'a>>; 2]>,
}

impl Embedded<'_> {
    fn is_empty(&self) -> bool {
        self.author.is_none() && self.replies.is_none() && self.file.is_none() && self.terms.is_none()
    }
}

/// The file above a post, or why it is not shown.
#[derive(Serialize)]
#[serde(untagged)]
enum Above<'a> {
    File(Box<files::Shown<'a>>),
    Hidden(Value),
}

/// The hash and the name of the file above an article, if it is one of ours.
fn cover(article: &PublishedArticle) -> Option<(String, String)> {
    let image = article.summary.stored.cover_image.as_ref()?;
    named_by(&image.url).map(|(sha256, name)| (sha256.to_owned(), name.to_owned()))
}

/// What is drawn of a page of posts, with all that they refer to.
pub(in crate::wordpress) struct Drawing<'a> {
    context: &'a Context,
    embed: &'a Embed,
    numbers: HashMap<String, i64>,
    open: HashSet<String>,
    authors: HashMap<String, Author>,
    /// Those that are embedded.
    terms: HashMap<String, Term>,
    comments: HashMap<String, Vec<Comment>>,
    /// By hash and name.
    files: HashMap<(String, String), File>,
    pub(in crate::wordpress) depends: Depends,
}

impl<'a> Drawing<'a> {
    pub(in crate::wordpress) fn read(
        conn: &mut Conn,
        context: &'a Context,
        articles: &[PublishedArticle],
        open: HashSet<String>,
        embed: &'a Embed,
    ) -> Result<Self, Failure> {
        let mut ids = Vec::new();
        let mut signed = Vec::new();
        for ArticleSummary { id, joined, .. } in articles.iter().map(|article| &article.summary) {
            ids.push(id.to_string());
            ids.extend(joined.parent_id.iter().map(ToString::to_string));
            ids.extend(joined.categories.iter().map(|category| category.id.to_string()));
            ids.extend(joined.tags.iter().map(|tag| tag.id.to_string()));
            signed.extend(joined.bylines.first().map(|byline| byline.id.to_string()));
        }
        signed.sort_unstable();
        signed.dedup();
        ids.extend(signed.iter().cloned());
        ids.sort_unstable();
        ids.dedup();
        let numbers = wordpress::numbers_of(conn, ids)?;
        let all: Vec<String> = articles.iter().map(|article| article.summary.id.to_string()).collect();
        let mut depends = Depends::default().and_within(all.iter().map(|id| format!("article:{id}")));
        let mut authors = HashMap::new();
        if embed.wants("author") && !signed.is_empty() {
            depends = depends.and_within(signed.iter().map(|id| format!("byline:{id}")));
            depends = depends.shown_as(["list:bylines".to_owned()]);
            authors = wordpress::authors_named(conn, signed)?;
        }
        let mut terms = HashMap::new();
        if embed.wants("wp:term") {
            terms = Self::terms(conn, articles)?;
            depends = depends.and_within(terms.keys().map(|id| format!("about:{id}")));
            depends = depends.shown_as(["list:categories", "list:tags"].map(str::to_owned));
        }
        let mut comments = HashMap::new();
        if embed.wants("replies") && !all.is_empty() {
            depends = depends.and_within(all.iter().map(|id| format!("comments:{id}")));
            depends = depends.shown_as(["list:comments".to_owned()]);
            comments = wordpress::latest_comments(conn, all)?;
        }
        let covers = articles.iter().filter_map(cover).map(|(sha256, _)| sha256).collect::<Vec<_>>();
        if !covers.is_empty() {
            depends = depends.and(Depends::on([files::FILES.to_owned()]));
        }
        let files = wordpress::files_of(conn, covers, context.view.now)?;
        // Whether one may be shown is up to what it belongs to.
        let owners = files.values().filter_map(|file| file.media.article);
        let depends = depends.and(Depends::on(owners.map(|id| id.prefixed("article:"))));
        Ok(Self { context, embed, numbers, open, authors, terms, comments, files, depends })
    }

    /// The categories and tags of articles, by identity.
    fn terms(conn: &mut Conn, articles: &[PublishedArticle]) -> Result<HashMap<String, Term>, Failure> {
        let joined = || articles.iter().map(|article| &article.summary.joined);
        let distinct = |mut ids: Vec<String>| {
            ids.sort_unstable();
            ids.dedup();
            Which::Ids(ids)
        };
        let categories = joined().flat_map(|joined| &joined.categories).map(|one| one.id.to_string());
        let tags = joined().flat_map(|joined| &joined.tags).map(|one| one.id.to_string());
        let mut terms = wordpress::categories(conn, distinct(categories.collect()))?;
        terms.extend(wordpress::tags(conn, distinct(tags.collect()))?);
        Ok(terms.into_iter().map(|term| (term.id.clone(), term)).collect())
    }

    /// The file above an article.
    fn cover(&self, article: &PublishedArticle) -> Option<&File> {
        self.files.get(&cover(article)?)
    }

    fn number(&self, id: &impl ToString) -> i64 {
        self.numbers.get(&id.to_string()).copied().unwrap_or(0)
    }

    /// The number of whom it is signed with first; 0: nobody.
    fn author(&self, article: &PublishedArticle) -> i64 {
        article.summary.joined.bylines.first().map_or(0, |byline| self.number(&byline.id))
    }

    /// A post, whole.
    pub(super) fn whole<'b>(&'b self, article: &'b PublishedArticle) -> Post<'b> {
        let ArticleSummary { id, kind, slug, joined, stored, published_at, updated_at, .. } = &article.summary;
        let (of, is_page) = (type_of(article), *kind == Kind::Page);
        let number = self.number(id);
        let (date, date_gmt) = self.context.times(*published_at);
        let (modified, modified_gmt) = self.context.times(*updated_at);
        let (categories, tags) = (by_name(&joined.categories, |one| &one.name), by_name(&joined.tags, |one| &one.name));
        let mut class_list = vec![
            format!("post-{number}"),
            of.name.to_owned(),
            format!("type-{}", of.name),
            "status-publish".to_owned(),
        ];
        if !is_page {
            class_list.extend(["format-standard".to_owned(), "hentry".to_owned()]);
            class_list.extend(categories.iter().map(|category| format!("category-{}", category.slug)));
            class_list.extend(tags.iter().map(|tag| format!("tag-{}", tag.slug)));
        }
        let parameter = if is_page { "page_id" } else { "p" };
        Post {
            id: number,
            date,
            date_gmt,
            guid: Rendered { rendered: format!("{}?{parameter}={number}", self.context.view.public_url) },
            modified,
            modified_gmt,
            slug,
            status: "publish",
            sort: of.name,
            link: &joined.url,
            title: Rendered { rendered: Escaped(&stored.title) },
            content: Open::new(article.body.as_ref().map_or("", |body| &body.body_html)),
            excerpt: Open::new(Paragraph(&stored.excerpt)),
            author: self.author(article),
            featured_media: self.cover(article).map_or(0, |file| file.number),
            parent: is_page.then(|| joined.parent_id.as_ref().map_or(0, |parent| self.number(parent))),
            menu_order: is_page.then_some(0),
            comment_status: if self.open.contains(&id.to_string()) { "open" } else { "closed" },
            ping_status: "closed",
            sticky: (!is_page).then_some(stored.featured),
            template: "",
            format: (!is_page).then_some("standard"),
            meta: [],
            categories: (!is_page).then(|| categories.iter().map(|one| self.number(&one.id)).collect()),
            tags: (!is_page).then(|| tags.iter().map(|one| self.number(&one.id)).collect()),
            class_list,
            _links: self.links(article),
            _embedded: self.embedded(article),
        }
    }

    /// A post, as it is embedded.
    pub(in crate::wordpress) fn small<'b>(&'b self, article: &'b PublishedArticle) -> Small<'b> {
        let ArticleSummary { id, slug, joined, stored, published_at, .. } = &article.summary;
        Small {
            id: self.number(id),
            date: self.context.times(*published_at).0,
            slug,
            sort: type_of(article).name,
            link: &joined.url,
            title: Rendered { rendered: Escaped(&stored.title) },
            excerpt: Open::new(Paragraph(&stored.excerpt)),
            author: self.author(article),
            featured_media: self.cover(article).map_or(0, |file| file.number),
            _links: self.links(article),
            _embedded: self.embedded(article),
        }
    }

    fn links(&self, article: &PublishedArticle) -> Links {
        let (context, of) = (self.context, type_of(article));
        let number = self.number(&article.summary.id);
        let author = Some(self.author(article)).filter(|author| *author > 0);
        let parent = article.summary.joined.parent_id.as_ref().map(|parent| self.number(parent));
        let links = Links::default()
            .with("self", own(context.at(&format!("{}/{number}", of.base))))
            .with("collection", link(context.at(of.base)))
            .with("about", link(context.at(&format!("types/{}", of.name))))
            .with_some("author", author.map(|author| embeddable(context.at(&format!("users/{author}")))))
            .with("replies", embeddable(context.at(&format!("comments?post={number}"))))
            .with_some("up", parent.map(|parent| embeddable(context.at(&format!("pages/{parent}")))))
            .with_some(
                "wp:featuredmedia",
                self.cover(article).map(|file| embeddable(context.at(&format!("media/{}", file.number)))),
            )
            .with("wp:attachment", link(context.at(&format!("media?parent={number}"))));
        if article.summary.kind == Kind::Page {
            return links.with_curies();
        }
        links
            .with("wp:term", embeddable(context.at(&format!("categories?post={number}"))).of_taxonomy("category"))
            .with("wp:term", embeddable(context.at(&format!("tags?post={number}"))).of_taxonomy("post_tag"))
            .with_curies()
    }

    fn embedded<'b>(&'b self, article: &'b PublishedArticle) -> Embedded<'b> {
        let (context, ArticleSummary { id, joined, kind, .. }) = (self.context, &article.summary);
        let author = joined.bylines.first().and_then(|byline| self.authors.get(&byline.id.to_string()));
        let replies = self.comments.get(&id.to_string());
        let file = self.cover(article).filter(|_| self.embed.wants("wp:featuredmedia")).map(|file| {
            if file.is_listed() {
                return Above::File(Box::new(files::draw(context, file, true)));
            }
            Above::Hidden(Wrong::sign_in("rest_forbidden", "Sorry, you are not allowed to do that.").body())
        });
        let draw = |of, id: String| Some(terms::draw(context, of, self.terms.get(&id)?, true));
        let terms = (self.embed.wants("wp:term") && *kind == Kind::Article).then(|| {
            let categories = by_name(&joined.categories, |one| &one.name).into_iter();
            let tags = by_name(&joined.tags, |one| &one.name).into_iter();
            [
                categories.filter_map(|one| draw(terms::CATEGORIES, one.id.to_string())).collect(),
                tags.filter_map(|one| draw(terms::TAGS, one.id.to_string())).collect(),
            ]
        });
        Embedded {
            author: author.map(|author| [users::draw(context, author, true)]),
            replies: replies
                .map(|all| [all.iter().map(|one| comments::draw(context, one, &joined.url, true)).collect()]),
            file: file.map(|file| [file]),
            terms,
        }
    }
}

/// What sort of post it is.
fn type_of(article: &PublishedArticle) -> Type {
    if article.summary.kind == Kind::Page { PAGES } else { POSTS }
}

/// Terms in WordPress's order.
fn by_name<T>(terms: &[T], name: impl Fn(&T) -> &str) -> Vec<&T> {
    let mut terms: Vec<&T> = terms.iter().collect();
    terms.sort_by_cached_key(|term| name(term).to_lowercase());
    terms
}
