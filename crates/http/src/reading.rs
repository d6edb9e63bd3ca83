//! Articles for readers: published content alone, from the read model alone.

use std::sync::Arc;

use actix_web::{HttpRequest, get, web};
use domain::articles::Kind;
use domain::comments::PublicComment;
use domain::ids::ArticleId;
use domain::published::{ArticleSummary, PublishedArticle};
use domain::{Error, Fault, Result, Timestamp};
use persistence::published::{self, Filters, Found, Position, PublicArticle, Shown, View};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::App;
use crate::answer::{Listing, Page, Public, gone, moved};
use crate::comments;
use crate::delivery::Depends;
use crate::fields::{Fields, names};
use crate::page::{Cursors, limit};
use crate::problem::Answer;
use crate::refused;
use crate::request::Params;

/// The members of an article, for `fields`.
const MEMBERS: [&str; 24] = [
    "id",
    "kind",
    "slug",
    "locale",
    "parent_id",
    "url",
    "title",
    "excerpt",
    "visibility",
    "featured",
    "body_html",
    "toc",
    "cover_image",
    "seo",
    "bylines",
    "primary_category",
    "categories",
    "tags",
    "translations",
    "custom",
    "word_count",
    "reading_minutes",
    "published_at",
    "updated_at",
];

/// Which articles to list, and what of them.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ArticlesQuery {
    /// In this category, by slug or path.
    category: Option<String>,
    /// And in everything below that category.
    #[serde(default)]
    subtree: bool,
    /// With this tag, by slug.
    tag: Option<String>,
    /// Signed with this byline, by slug.
    byline: Option<String>,
    /// In this locale; absent: the site's own; `*`: every one.
    locale: Option<String>,
    /// First published at this time or later (RFC 3339).
    published_after: Option<Timestamp>,
    /// First published before this time (RFC 3339).
    published_before: Option<Timestamp>,
    /// With all of these words, the last one as a beginning: at most 200 characters and 20 words.
    #[param(max_length = 200)]
    q: Option<String>,
    /// Articles, or pages.
    kind: Option<Kind>,
    /// Newest first (`-published_at`, the default) or oldest first.
    #[param(inline)]
    sort: Option<Sort>,
    /// How many, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u16>,
    /// Where to go on, from `page.next`.
    cursor: Option<String>,
    /// Whether to count them all (`page.total`).
    #[serde(default)]
    count: bool,
    /// Only these members, parted by commas.
    #[param(example = "title,slug,url")]
    fields: Option<String>,
    /// `body`: with `body_html` and `toc`.
    #[param(example = "body")]
    include: Option<String>,
}

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
pub(crate) enum Sort {
    /// Newest first.
    #[serde(rename = "-published_at")]
    Newest,
    /// Oldest first.
    #[serde(rename = "published_at")]
    Oldest,
}

impl ArticlesQuery {
    fn filters(&self) -> Filters {
        Filters {
            category: self.category.clone(),
            subtree: self.subtree,
            tag: self.tag.clone(),
            byline: self.byline.clone(),
            locale: self.locale.clone(),
            published_after: self.published_after,
            published_before: self.published_before,
            q: self.q.clone(),
            kind: self.kind,
            oldest_first: self.sort == Some(Sort::Oldest),
        }
    }
}

/// List articles
///
/// Published ones, newest first. A list carries everything but the body; `include=body` adds it. What is named and does
/// not exist gives an empty list.
#[utoipa::path(tag = "articles", params(ArticlesQuery), responses(
    (status = 200, description = "A page of articles", body = Listing<PublishedArticle>,
        headers(("ETag" = String, description = "For `If-None-Match`"),
            ("Link" = String, description = "The next page, `rel=\"next\"`"))),
    (status = 304, description = "The client has it already"),
    refused::ListPublic,
))]
#[get("/v1/articles")]
pub(crate) async fn list_articles(app: web::Data<App>, request: HttpRequest, query: Params<ArticlesQuery>) -> Answer {
    let Params(query) = query;
    let filters = query.filters();
    let limit = limit(query.limit)?;
    let fields = Fields::read(query.fields.as_deref(), &MEMBERS)?;
    let include = query.include.as_deref().map(|asked| names("include", asked, &["body"])).transpose()?;
    let cursors = Cursors::new(&app.secrets, "articles", &filters)?;
    let after = cursors.read::<Position>(query.cursor.as_deref())?;
    let with = (include.is_some(), query.count);
    let one_range = filters.is_one_range() && !query.count;
    let view = view(&app);
    let work = move |conn: &mut persistence::Conn| published::list(conn, &view, &filters, (after, limit), with);
    let listed = if one_range { app.db.peek(work).await? } else { app.db.read(work).await? };
    let next = listed.next.map(|position| cursors.write(&position)).transpose()?;
    let page = Page { next, total: listed.total.map(u64::try_from).transpose().map_err(Error::from)? };
    let depends = depends(listed.shown, listed.articles.iter().map(|article| article.id));
    let data =
        listed.articles.into_iter().map(|article| fields.of_document(article.json)).collect::<Result<Vec<_>>>()?;
    Ok(Public::document(page.around(&data)?, depends).next(&app, &request, &page).respond())
}

/// What a page of articles depends on: its part of the list, each article, and what its filters name.
pub(crate) fn depends(shown: Shown, articles: impl Iterator<Item = ArticleId>) -> Depends {
    // What exists is listed for as long as it has the name; of what does not, any new one may be it.
    let names = shown.named.iter().map(|key| match key.split_once(':') {
        Some((kind, id)) if kind != "list" => format!("name:{id}"),
        _ => key.clone(),
    });
    let articles = articles.map(|id| id.prefixed("article:"));
    let depends = Depends::default().and_within(names).and_within(articles).shown_as(shown.named.iter().cloned());
    match shown.window {
        Some(window) => depends.and_list(window),
        None => depends,
    }
}

/// What to show of an article.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ArticleQuery {
    /// In this locale; absent: the site's own.
    locale: Option<String>,
    /// Only these members, parted by commas.
    #[param(example = "title,body_html")]
    fields: Option<String>,
    /// More of it, parted by commas: `comments` (the first of them, as `GET /v1/articles/{slug}/comments` lists them) and
    /// `related` (up to six articles that share its tags and categories). `body` is there anyway.
    #[param(example = "comments,related")]
    include: Option<String>,
}

/// What `include` may ask of an article.
const INCLUDED: [&str; 3] = ["body", "comments", "related"];

/// An article, with what was asked for besides.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WholeArticle {
    #[serde(flatten)]
    #[schema(value_type = PublishedArticle)]
    #[allow(missing_docs, reason = "its members are described where they are")]
    article: Value,
    /// The first of its comments, those that reply to nothing with what stands under them, and where the list of them
    /// goes on; with `include=comments`.
    #[serde(skip_serializing_if = "Option::is_none")]
    comments: Option<Listing<PublicComment>>,
    /// Articles that share its tags and categories, those that share most first; with `include=related`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<ArticleSummary>>)]
    related: Option<Vec<Value>>,
}

/// Show an article
///
/// By its slug. An old slug leads to the present one.
#[utoipa::path(tag = "articles", params(("slug" = String, Path, description = "Its slug"), ArticleQuery), responses(
    (status = 200, description = "The article", body = WholeArticle,
        headers(("ETag" = String, description = "For `If-None-Match`"))),
    (status = 304, description = "The client has it already"),
    (status = 308, description = "It has another slug now", headers(("Location" = String, description = "Where it is"))),
    refused::ReadPublic,
))]
#[get("/v1/articles/{slug}")]
pub(crate) async fn get_article(
    app: web::Data<App>,
    request: HttpRequest,
    slug: web::Path<String>,
    query: Params<ArticleQuery>,
) -> Answer {
    let Params(ArticleQuery { locale, fields, include }) = query;
    let include = include.as_deref().map(|asked| names("include", asked, &INCLUDED)).transpose()?.unwrap_or_default();
    let fields = Fields::read(fields.as_deref(), &MEMBERS)?.and(&include);
    refuse_every_locale(locale.as_deref())?;
    show(&app, &request, (slug.into_inner(), locale), &fields, &include).await
}

/// The answer about an article.
pub(crate) async fn show(
    app: &App,
    request: &HttpRequest,
    named: (String, Option<String>),
    fields: &Fields,
    include: &[String],
) -> Answer {
    let (view, (slug, locale)) = (view(app), named.clone());
    let find = move |conn: &mut persistence::Conn| published::find(conn, &view, locale.as_deref(), &slug);
    let found = app.db.peek(find).await?;
    let on = |id: ArticleId| Depends::on([id.prefixed("article:")]);
    let article = match found {
        Found::Article(article) => article,
        Found::Moved(id, slug) => return Ok(moved(app, request, "/v1/articles", &slug, on(id))),
        Found::Gone(id) => return Ok(gone("article_gone", "The article was withdrawn for good.", on(id))),
        Found::Nothing => return Err(Error::NotFound("article").into()),
    };
    let (id, mut depends) = (article.id, on(article.id));
    let includes = |name: &str| include.iter().any(|asked| asked == name);
    let (with_comments, with_related) = (includes("comments"), includes("related"));
    if !with_comments && !with_related {
        return Ok(Public::document(fields.of_document(article.json)?, depends).respond());
    }
    let mut whole = WholeArticle { article: article.value()?, comments: None, related: None };
    if with_comments {
        whole.comments = Some(comments::first(app, named, id).await?);
        depends = depends.and(Depends::on([format!("comments:{id}")]));
    }
    if with_related {
        let view = self::view(app);
        let related = app.db.read(move |conn| published::related(conn, &view, id)).await?;
        let articles = related.articles.iter();
        whole.related = Some(articles.clone().map(PublicArticle::value).collect::<Result<_>>()?);
        depends = depends.and_within(articles.map(|article| format!("article:{}", article.id)));
        depends = related.windows.into_iter().fold(depends, Depends::and_list);
    }
    Ok(Public::new(&fields.of(&whole)?, depends)?.respond())
}

/// One article is in one locale.
pub(crate) fn refuse_every_locale(locale: Option<&str>) -> Result<()> {
    if locale == Some("*") {
        let detail = "Name one locale: slugs are unique within theirs.";
        return Err(Error::Malformed(Fault::parameter("locale", "not_one", detail)));
    }
    Ok(())
}

/// How documents are drawn now.
pub(crate) fn view(app: &App) -> View {
    View { public_url: app.config.public_url.clone(), now: app.now(), forms: Arc::clone(&app.forms) }
}
