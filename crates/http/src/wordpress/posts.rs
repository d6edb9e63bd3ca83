//! Posts and pages.

use std::collections::{HashMap, HashSet};
use std::ops::Bound;

use domain::articles::Kind;
use domain::media::named_by;
use domain::published::{ArticleSummary, PublishedArticle};
use persistence::Conn;
use persistence::changes::Window;
use persistence::wordpress::{self, Author, Comment, File, PostOrder, PostQuery, Posts, Relation, TermFilter};
use serde_json::{Value, json};

use super::embed::Embed;
use super::params::Params;
use super::shape::{curies, embeddable, escaped, link, own};
use super::wrong::{Failure, Wrong};
use super::{Answered, Context, Counted, comments, files, slice, terms, users};
use crate::delivery::Depends;

/// Posts, or pages.
#[derive(Clone, Copy)]
pub(super) struct Type {
    kind: Kind,
    name: &'static str,
    base: &'static str,
}

/// Articles.
pub(super) const POSTS: Type = Type { kind: Kind::Article, name: "post", base: "posts" };
/// Pages.
pub(super) const PAGES: Type = Type { kind: Kind::Page, name: "page", base: "pages" };

const ORDERS: [&str; 11] = [
    "author",
    "date",
    "id",
    "include",
    "modified",
    "parent",
    "relevance",
    "slug",
    "include_slugs",
    "title",
    "menu_order",
];

/// A page of posts.
pub(super) fn list(
    conn: &mut Conn,
    context: &Context,
    mut params: Params,
    embed: &Embed,
    of: Type,
) -> Result<Answered, Failure> {
    let (slice, page) = slice(&mut params);
    let embedded = params.embedded("posts in this post type")?;
    params.refuse_other_states(&["publish"]);
    let query = query(&mut params, context, of)?;
    params.finish()?;
    let Posts { articles, open, total } = wordpress::posts(conn, &context.view, &context.settings, &query, slice)?;
    let counted = Counted { total, per_page: slice.limit, page };
    counted.refuse_beyond(&params)?;
    let window = window(context, &query, &articles);
    let mut drawing = Drawing::read(conn, context, &articles, open, embed)?;
    let body = articles.iter().map(|article| drawing.draw(article, of, embedded)).collect();
    let depends = match by_slug(&query) {
        Some(slugs) => drawing.depends.and_within(slugs).shown_as(["lists", "list:all"].map(str::to_owned)),
        None => drawing.depends.and_within(named(&query)).and_list(window),
    };
    Ok(Answered::new(body, depends).counted(counted))
}

/// One post.
pub(super) fn show(
    conn: &mut Conn,
    context: &Context,
    mut params: Params,
    embed: &Embed,
    of: Type,
    number: i64,
) -> Result<Answered, Failure> {
    let embedded = params.embedded("this post")?;
    params.finish()?;
    let query = PostQuery {
        pages: of.kind == Kind::Page,
        include: Some(vec![number]),
        any_locale: true,
        ..PostQuery::default()
    };
    let only = wordpress::Slice { offset: 0, limit: 1 };
    let Posts { articles, open, .. } = wordpress::posts(conn, &context.view, &context.settings, &query, only)?;
    let Some(article) = articles.first() else {
        return Err(Wrong::not_found("rest_post_invalid_id", "Invalid post ID.").into());
    };
    let mut drawing = Drawing::read(conn, context, &articles, open, embed)?;
    let body = drawing.draw(article, of, embedded);
    let depends = drawing.depends.shown_as([article.summary.id.after("article:")]);
    let mut answered = Answered::new(body, depends);
    answered.alternate = Some(article.summary.joined.url.clone());
    Ok(answered)
}

/// Reads what posts are asked for.
fn query(params: &mut Params, context: &Context, of: Type) -> Result<PostQuery, Wrong> {
    let pages = of.kind == Kind::Page;
    let orders = if pages { &ORDERS[..] } else { &ORDERS[..10] };
    let orderby = params.choice("orderby", orders, "date");
    let settings = &context.settings;
    let mut query = PostQuery {
        pages,
        search: params.text("search").filter(|text| !text.trim().is_empty()).map(str::to_owned),
        after: params.time("after", settings),
        before: params.time("before", settings),
        modified_after: params.time("modified_after", settings),
        modified_before: params.time("modified_before", settings),
        authors: params.numbers("author").filter(|list| !list.is_empty()),
        authors_exclude: params.numbers("author_exclude").unwrap_or_default(),
        include: params.numbers("include").filter(|list| !list.is_empty()),
        exclude: params.numbers("exclude").unwrap_or_default(),
        slugs: params.texts("slug").filter(|list| !list.is_empty()),
        order: match orderby {
            "modified" => PostOrder::Modified,
            "id" => PostOrder::Number,
            "slug" => PostOrder::Slug,
            "title" | "menu_order" => PostOrder::Title,
            "include" => PostOrder::Include,
            "include_slugs" => PostOrder::IncludeSlugs,
            _ => PostOrder::Date,
        },
        ascending: params.choice("order", &["asc", "desc"], "desc") == "asc",
        ..PostQuery::default()
    };
    if pages {
        query.parents = params.numbers("parent").filter(|list| !list.is_empty());
        query.parents_exclude = params.numbers("parent_exclude").unwrap_or_default();
    } else {
        query.categories = terms_of(params, "categories").filter(|filter| !filter.terms.is_empty());
        query.categories_exclude = terms_of(params, "categories_exclude").unwrap_or_default();
        query.tags = terms_of(params, "tags").filter(|filter| !filter.terms.is_empty());
        query.tags_exclude = terms_of(params, "tags_exclude").unwrap_or_default();
        let relation = params.choice("tax_relation", &["AND", "OR"], "AND");
        query.relation = if relation == "OR" { Relation::Or } else { Relation::And };
        query.featured = params.flag("sticky");
    }
    match orderby {
        "relevance" if query.search.is_none() => {
            Err(Wrong::bad("rest_no_search_term_defined", "You need to define a search term to order by relevance."))
        }
        "include" if query.include.is_none() => {
            let message = "You need to define an include parameter to order by include.";
            Err(Wrong::bad("rest_orderby_include_missing_include", message))
        }
        _ => Ok(query),
    }
}

/// Terms as a list, or as an object with `terms`, `include_children` and `operator`.
fn terms_of(params: &mut Params, name: &str) -> Option<TermFilter> {
    if let Some(terms) = params.numbers(name) {
        return Some(TermFilter { terms, ..TermFilter::default() });
    }
    let terms = params.numbers(&format!("{name}[terms]"))?;
    let include_children = params.flag(&format!("{name}[include_children]")).unwrap_or_default();
    let all = params.choice(&format!("{name}[operator]"), &["AND", "OR"], "OR") == "AND";
    Some(TermFilter { terms, include_children, all })
}

/// Lists of what a filter names: it may come, go, or stand elsewhere in its tree.
fn named(query: &PostQuery) -> impl Iterator<Item = String> {
    let categories = query.categories.is_some() || !query.categories_exclude.terms.is_empty();
    let tags = query.tags.is_some() || !query.tags_exclude.terms.is_empty();
    let bylines = query.authors.is_some() || !query.authors_exclude.is_empty();
    let lists = [(categories, "list:categories"), (tags, "list:tags"), (bylines, "list:bylines")];
    lists.into_iter().filter(|(named, _)| *named).map(|(_, list)| list.to_owned())
}

/// The slugs that decide alone what is shown, if they do: whatever else is published, those that have them stay.
fn by_slug(query: &PostQuery) -> Option<impl Iterator<Item = String>> {
    let slugs = query.slugs.clone()?;
    let alone = PostQuery {
        pages: query.pages,
        slugs: query.slugs.clone(),
        order: query.order,
        ascending: query.ascending,
        ..PostQuery::default()
    };
    (*query == alone).then(|| slugs.into_iter().map(|slug| format!("slug:{slug}")))
}

/// The part of all posts that decides what is on a page. In the order of time that is from its first one to its last;
/// else any of them may be.
fn window(context: &Context, query: &PostQuery, articles: &[PublishedArticle]) -> Window {
    let position = |article: &PublishedArticle| (article.summary.published_at.micros(), article.summary.id);
    // What an article is filtered by may be another with its next publication, wherever it stands.
    let fixed = PostQuery {
        pages: query.pages,
        after: query.after,
        before: query.before,
        include: query.include.clone(),
        exclude: query.exclude.clone(),
        order: PostOrder::Date,
        ascending: query.ascending,
        ..PostQuery::default()
    };
    let in_time = *query == fixed;
    // What comes or goes before them moves them: that is seen by the count.
    let seen = match (articles.first().map(position), articles.last().map(position)) {
        (Some(first), Some(last)) if in_time => (Bound::Included(first.min(last)), Bound::Included(first.max(last))),
        _ => (Bound::Unbounded, Bound::Unbounded),
    };
    Window { seen, ..everything(context, query.pages) }
}

/// All posts, or pages.
pub(super) fn everything(context: &Context, pages: bool) -> Window {
    Window {
        scopes: vec!["all".to_owned()],
        kind: if pages { Kind::Page } else { Kind::Article },
        locale: Some(context.settings.locale.clone()),
        after: None,
        before: None,
        seen: (Bound::Unbounded, Bound::Unbounded),
        next: None,
        counted: true,
    }
}

/// The hash and the name of the file above an article, if it is one of ours.
fn cover(article: &PublishedArticle) -> Option<(String, String)> {
    let image = article.summary.stored.cover_image.as_ref()?;
    named_by(&image.url).map(|(sha256, name)| (sha256.to_owned(), name.to_owned()))
}

/// What is drawn of a page of posts, with all that they refer to.
pub(super) struct Drawing<'a> {
    context: &'a Context,
    embed: &'a Embed,
    numbers: HashMap<String, i64>,
    open: HashSet<String>,
    authors: HashMap<String, Author>,
    comments: HashMap<String, Vec<Comment>>,
    /// By hash and name.
    files: HashMap<(String, String), File>,
    depends: Depends,
}

impl<'a> Drawing<'a> {
    fn read(
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
        let depends = depends.and(Depends::on(owners.map(|id| id.after("article:"))));
        Ok(Self { context, embed, numbers, open, authors, comments, files, depends })
    }

    /// The file above an article.
    fn cover(&self, article: &PublishedArticle) -> Option<&File> {
        self.files.get(&cover(article)?)
    }

    fn number(&self, id: &impl ToString) -> i64 {
        self.numbers.get(&id.to_string()).copied().unwrap_or(0)
    }

    /// A post, whole or as it is embedded.
    fn draw(&mut self, article: &PublishedArticle, of: Type, embedded: bool) -> Value {
        let ArticleSummary { id, slug, joined, stored, published_at, updated_at, .. } = &article.summary;
        let number = self.number(id);
        let (date, date_gmt) = self.context.times(*published_at);
        let (modified, modified_gmt) = self.context.times(*updated_at);
        let author = joined.bylines.first().map_or(0, |byline| self.number(&byline.id));
        let excerpt =
            if stored.excerpt.is_empty() { String::new() } else { format!("<p>{}</p>\n", escaped(&stored.excerpt)) };
        let excerpt = json!({"rendered": excerpt, "protected": false});
        let title = json!({"rendered": escaped(&stored.title)});
        let media = self.cover(article).map_or(0, |file| file.number);
        let links = self.links(article, of, number, author);
        let mut post = if embedded {
            json!({
                "id": number, "date": date, "slug": slug, "type": of.name, "link": joined.url, "title": title,
                "excerpt": excerpt, "author": author, "featured_media": media, "_links": links,
            })
        } else {
            let numbers = |ids: Vec<String>| ids.iter().map(|id| self.number(id)).collect::<Vec<_>>();
            let parameter = if of.kind == Kind::Page { "page_id" } else { "p" };
            let body = article.body.as_ref().map_or("", |body| body.body_html.as_str());
            let open = if self.open.contains(&id.to_string()) { "open" } else { "closed" };
            let mut post = json!({
                "id": number, "date": date, "date_gmt": date_gmt,
                "guid": {"rendered": format!("{}?{parameter}={number}", self.context.view.public_url)},
                "modified": modified, "modified_gmt": modified_gmt, "slug": slug, "status": "publish",
                "type": of.name, "link": joined.url, "title": title,
                "content": {"rendered": body, "protected": false}, "excerpt": excerpt, "author": author,
                "featured_media": media,
            });
            let mut more = if of.kind == Kind::Page {
                json!({
                    "parent": joined.parent_id.as_ref().map_or(0, |parent| self.number(parent)), "menu_order": 0,
                    "comment_status": open, "ping_status": "closed", "template": "", "meta": [],
                })
            } else {
                json!({
                    "comment_status": open, "ping_status": "closed", "sticky": stored.featured, "template": "",
                    "format": "standard", "meta": [],
                    "categories": numbers(joined.categories.iter().map(|one| one.id.to_string()).collect()),
                    "tags": numbers(joined.tags.iter().map(|one| one.id.to_string()).collect()),
                })
            };
            let mut classes = vec![
                format!("post-{number}"),
                of.name.to_owned(),
                format!("type-{}", of.name),
                "status-publish".into(),
            ];
            if of.kind == Kind::Article {
                classes.extend(["format-standard".to_owned(), "hentry".to_owned()]);
                classes.extend(joined.categories.iter().map(|category| format!("category-{}", category.slug)));
                classes.extend(joined.tags.iter().map(|tag| format!("tag-{}", tag.slug)));
            }
            more["class_list"] = json!(classes);
            more["_links"] = links;
            if let (Value::Object(post), Value::Object(more)) = (&mut post, more) {
                post.extend(more);
            }
            post
        };
        let embedded = self.embedded(article);
        if embedded.as_object().is_some_and(|embedded| !embedded.is_empty()) {
            post["_embedded"] = embedded;
        }
        post
    }

    fn links(&self, article: &PublishedArticle, of: Type, number: i64, author: i64) -> Value {
        let context = self.context;
        let mut links = json!({
            "self": own(&context.at(&format!("{}/{number}", of.base))),
            "collection": link(&context.at(of.base)),
            "about": link(&context.at(&format!("types/{}", of.name))),
        });
        if author > 0 {
            links["author"] = embeddable(&context.at(&format!("users/{author}")));
        }
        links["replies"] = embeddable(&context.at(&format!("comments?post={number}")));
        if let Some(parent) = &article.summary.joined.parent_id {
            links["up"] = embeddable(&context.at(&format!("pages/{}", self.number(parent))));
        }
        if let Some(file) = self.cover(article) {
            links["wp:featuredmedia"] = embeddable(&context.at(&format!("media/{}", file.number)));
        }
        links["wp:attachment"] = link(&context.at(&format!("media?parent={number}")));
        if of.kind == Kind::Article {
            links["wp:term"] = json!([
                {"taxonomy": "category", "embeddable": true, "href": context.at(&format!("categories?post={number}"))},
                {"taxonomy": "post_tag", "embeddable": true, "href": context.at(&format!("tags?post={number}"))},
            ]);
        }
        links["curies"] = curies();
        links
    }

    fn embedded(&self, article: &PublishedArticle) -> Value {
        let mut embedded = json!({});
        let ArticleSummary { id, joined, kind, .. } = &article.summary;
        let author = joined.bylines.first().and_then(|byline| self.authors.get(&byline.id.to_string()));
        if let Some(author) = author {
            embedded["author"] = json!([users::draw(self.context, author)]);
        }
        if let Some(comments) = self.comments.get(&id.to_string()).filter(|comments| !comments.is_empty()) {
            let url = &joined.url;
            let drawn: Vec<Value> =
                comments.iter().map(|comment| comments::draw(self.context, comment, url, true)).collect();
            embedded["replies"] = json!([drawn]);
        }
        if let Some(file) = self.cover(article).filter(|_| self.embed.wants("wp:featuredmedia")) {
            let hidden = || Wrong::sign_in("rest_forbidden", "Sorry, you are not allowed to do that.").body();
            let drawn = if file.is_listed() { files::draw(self.context, file, true) } else { hidden() };
            embedded["wp:featuredmedia"] = json!([drawn]);
        }
        if self.embed.wants("wp:term") && *kind == Kind::Article {
            let categories = joined.categories.iter().map(|category| {
                let number = self.number(&category.id);
                terms::small(
                    self.context,
                    terms::CATEGORIES,
                    number,
                    &category.slug,
                    Some(&category.path),
                    &category.name,
                )
            });
            let tags = joined
                .tags
                .iter()
                .map(|tag| terms::small(self.context, terms::TAGS, self.number(&tag.id), &tag.slug, None, &tag.name));
            embedded["wp:term"] = json!([categories.collect::<Vec<_>>(), tags.collect::<Vec<_>>()]);
        }
        embedded
    }
}
