//! Articles for readers: published content alone, from the read model alone.

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, get, web};
use domain::articles::Kind;
use domain::published::PublishedArticle;
use domain::{Error, Fault, Result, Timestamp};
use persistence::published::{self, Filters, Found, Position, View};
use persistence::taxonomy::{self, Frame};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::App;
use crate::answer::{Listing, Public};
use crate::fields::{Fields, names};
use crate::page::{Cursors, limit};
use crate::problem::Answer;
use crate::refused;
use crate::request::Params;

/// The members of an article, for `fields`.
const MEMBERS: [&str; 21] = [
    "id",
    "kind",
    "slug",
    "locale",
    "url",
    "title",
    "excerpt",
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
    let listed = app
        .db
        .read(move |conn| {
            let Frame { settings, due } = taxonomy::frame(conn, view.now)?;
            Ok((published::list(conn, &view, &settings, &filters, (after, limit + 1), with)?, due))
        })
        .await?;
    let (listed, due) = listed;
    let position = |article: &PublishedArticle| (article.summary.published_at.micros(), article.summary.id);
    let mut listing = cursors.page(listed.articles, limit, listed.total, position)?;
    if let (None, Some(resume)) = (&listing.page.next, listed.resume) {
        listing.page.next = Some(cursors.write(&resume)?);
    }
    let data = listing.data.iter().map(|article| fields.of(article)).collect::<Result<_>>()?;
    let listing = Listing { data, page: listing.page };
    Ok(Public::new(&app, &listing, "list:articles site")?
        .until(&app, due)
        .next(&app, &request, &listing.page)
        .respond(&request))
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
    if locale.as_deref() == Some("*") {
        let detail = "Name one locale: slugs are unique within theirs.";
        return Err(Error::Malformed(Fault::parameter("locale", "not_one", detail)).into());
    }
    let view = view(&app);
    let (found, due) = app
        .db
        .read(move |conn| {
            let Frame { settings, due } = taxonomy::frame(conn, view.now)?;
            Ok((published::find(conn, &view, &settings, locale.as_deref(), &slug)?, due))
        })
        .await?;
    match found {
        Found::Article(article) => {
            let keys = surrogate_keys(&article);
            Ok(Public::new(&app, &fields.of(&article)?, keys)?.until(&app, due).respond(&request))
        }
        Found::Moved(slug) => {
            let query = request.query_string();
            let query = if query.is_empty() { String::new() } else { format!("?{query}") };
            let location = app.config.link(&format!("/v1/articles/{slug}{query}"));
            Ok(HttpResponse::PermanentRedirect()
                .insert_header((header::LOCATION, location))
                .insert_header((header::CACHE_CONTROL, app.config.cache.header(None)))
                .finish())
        }
        Found::Gone => {
            Err(Error::Gone { code: "article_gone", detail: "The article was withdrawn for good.".into() }.into())
        }
        Found::Nothing => Err(Error::NotFound("article").into()),
    }
}

fn surrogate_keys(article: &PublishedArticle) -> String {
    let joined = &article.summary.joined;
    let mut keys = vec![format!("article:{}", article.summary.id), "site".into()];
    keys.extend(joined.categories.iter().map(|category| format!("category:{}", category.id)));
    keys.extend(joined.tags.iter().map(|tag| format!("tag:{}", tag.id)));
    keys.extend(joined.bylines.iter().map(|byline| format!("byline:{}", byline.id)));
    keys.join(" ")
}

/// How documents are drawn now.
pub(crate) fn view(app: &App) -> View {
    View { public_url: app.config.public_url.clone(), now: app.now() }
}
