//! Articles for readers: published content alone, from the read model alone.

use actix_web::{HttpRequest, get, web};
use domain::articles::Kind;
use domain::ids::ArticleId;
use domain::published::PublishedArticle;
use domain::{Error, Fault, Result, Timestamp};
use persistence::published::{self, Filters, Found, Position, Shown, View};
use persistence::site;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::App;
use crate::answer::{Listing, Public, gone, moved};
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
    let view = view(&app);
    let work = move |conn: &mut persistence::Conn| {
        let settings = site::settings(conn)?;
        published::list(conn, &view, &settings, &filters, (after, limit + 1), with)
    };
    let listed = app.db.read(work).await?;
    let position = |article: &PublishedArticle| (article.summary.published_at.micros(), article.summary.id);
    let mut listing = cursors.page(listed.articles, limit, listed.total, position)?;
    if let (None, Some(resume)) = (&listing.page.next, listed.resume) {
        listing.page.next = Some(cursors.write(&resume)?);
    }
    let articles = listing.data.iter().map(|article| article.summary.id);
    let depends = depends(listed.shown, articles);
    let data = listing.data.iter().map(|article| fields.of(article)).collect::<Result<_>>()?;
    let listing = Listing { data, page: listing.page };
    Ok(Public::new(&listing, depends)?.next(&app, &request, &listing.page).respond())
}

/// What a page of articles depends on: its part of the list, each article, and what its filters name.
pub(crate) fn depends(shown: Shown, articles: impl Iterator<Item = ArticleId>) -> Depends {
    // What exists is listed for as long as it has the name; of what does not, any new one may be it.
    let names = shown.named.iter().map(|key| match key.split_once(':') {
        Some((kind, id)) if kind != "list" => format!("name:{id}"),
        _ => key.clone(),
    });
    let articles = articles.map(|id| format!("article:{id}"));
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
    /// `body` is there anyway.
    #[param(example = "body")]
    include: Option<String>,
}

/// Show an article
///
/// By its slug. An old slug leads to the present one.
#[utoipa::path(tag = "articles", params(("slug" = String, Path, description = "Its slug"), ArticleQuery), responses(
    (status = 200, description = "The article", body = PublishedArticle,
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
    let fields = Fields::read(fields.as_deref(), &MEMBERS)?;
    if let Some(include) = &include {
        names("include", include, &["body"])?;
    }
    refuse_every_locale(locale.as_deref())?;
    show(&app, &request, slug.into_inner(), locale, &fields).await
}

/// The answer about an article.
pub(crate) async fn show(
    app: &App,
    request: &HttpRequest,
    slug: String,
    locale: Option<String>,
    fields: &Fields,
) -> Answer {
    let view = view(app);
    let work = move |conn: &mut persistence::Conn| {
        let settings = site::settings(conn)?;
        published::find(conn, &view, &settings, locale.as_deref(), &slug)
    };
    let found = app.db.read(work).await?;
    let on = |id| Depends::on([format!("article:{id}")]);
    match found {
        Found::Article(article) => Ok(Public::new(&fields.of(&article)?, on(article.summary.id))?.respond()),
        Found::Moved(id, slug) => Ok(moved(app, request, "/v1/articles", &slug, on(id))),
        Found::Gone(id) => Ok(gone("article_gone", "The article was withdrawn for good.", on(id))),
        Found::Nothing => Err(Error::NotFound("article").into()),
    }
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
    View { public_url: app.config.public_url.clone(), now: app.now() }
}
