//! Searching what is public, and suggesting titles while someone types.

use actix_web::{HttpRequest, get, web};
use domain::articles::Kind;
use domain::published::{FoundArticle, Suggestion};
use domain::{Error, Fault, Result, Timestamp};
use persistence::published::{self, Filters, Rank};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::App;
use crate::answer::{Page, Public};
use crate::page::{Cursors, limit};
use crate::problem::Answer;
use crate::reading::{depends, view};
use crate::refused;
use crate::request::Params;

/// What to look for, and where.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchQuery {
    /// All of these words, the last one as a beginning: at most 200 characters and 20 words.
    #[param(max_length = 200, required = true, example = "business succession")]
    q: Option<String>,
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
    /// Articles, or pages.
    kind: Option<Kind>,
    /// How many, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u16>,
    /// Where to go on, from `page.next`.
    cursor: Option<String>,
}

/// A page of what was found.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FoundArticles {
    /// The articles, the best first; of equally good ones the newest.
    #[schema(value_type = Vec<FoundArticle>)]
    data: Vec<Value>,
    /// Where the next page is.
    page: Page,
    /// There were so many hits that only the newest were ranked; absent: all were.
    #[serde(skip_serializing_if = "Option::is_none")]
    ranked: Option<Ranked>,
}

/// Which hits were ranked, if not all.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ranked {
    /// A bounded number of the newest.
    Newest,
}

/// Search articles
///
/// Ranked: a word counts most in the title, then in the excerpt, then in the body. Words are found by their stems in
/// languages that have a Snowball stemmer, and without regard to accents.
#[utoipa::path(tag = "articles", params(SearchQuery), responses(
    (status = 200, description = "A page of articles", body = FoundArticles,
        headers(("ETag" = String, description = "For `If-None-Match`"),
            ("Link" = String, description = "The next page, `rel=\"next\"`"))),
    (status = 304, description = "The client has it already"),
    refused::ListPublic,
))]
#[get("/v1/search")]
pub(crate) async fn search_articles(app: web::Data<App>, request: HttpRequest, query: Params<SearchQuery>) -> Answer {
    let Params(query) = query;
    let limit = limit(query.limit)?;
    let filters = Filters {
        category: query.category,
        subtree: query.subtree,
        tag: query.tag,
        byline: query.byline,
        locale: query.locale,
        published_after: query.published_after,
        published_before: query.published_before,
        q: Some(required(query.q)?),
        kind: query.kind,
        oldest_first: false,
    };
    let cursors = Cursors::new(&app.secrets, "search", &filters)?;
    let after = cursors.read::<Rank>(query.cursor.as_deref())?;
    let view = view(&app);
    let work = move |conn: &mut persistence::Conn| published::search(conn, &view, &filters, (after, limit + 1));
    let searched = app.db.read(work).await?;
    let listing = cursors.page(searched.found, limit, None, |found| found.rank)?;
    let depends = depends(searched.shown, listing.data.iter().map(|found| found.article.id));
    let found = FoundArticles {
        data: listing.data.iter().map(document).collect::<Result<_>>()?,
        page: listing.page,
        ranked: searched.newest.then_some(Ranked::Newest),
    };
    Ok(Public::new(&found, depends)?.next(&app, &request, &found.page).respond())
}

/// A document with its highlights.
fn document(found: &published::FoundArticle) -> Result<Value> {
    let mut document = found.article.value()?;
    document["highlights"] = serde_json::to_value(&found.highlights)?;
    Ok(document)
}

fn required(q: Option<String>) -> Result<String> {
    q.ok_or_else(|| Error::Malformed(Fault::parameter("q", "required", "Say what to look for.")))
}

/// What someone has typed so far.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SuggestQuery {
    /// Words of a title, the last one as a beginning of at least two letters: at most 200 characters and 20 words.
    #[param(max_length = 200, required = true, example = "business succ")]
    q: Option<String>,
    /// In this locale; absent: the site's own; `*`: every one.
    locale: Option<String>,
    /// How many, 1 to 20.
    #[param(minimum = 1, maximum = 20, default = 5)]
    limit: Option<u16>,
}

/// Titles that someone may be typing.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Suggestions {
    /// The newest first.
    data: Vec<Suggestion>,
}

/// How many titles may be asked for.
const MAX_SUGGESTIONS: u16 = 20;
const DEFAULT_SUGGESTIONS: u16 = 5;

/// Suggest titles
///
/// The newest articles whose titles have all the words, for type-ahead.
#[utoipa::path(tag = "articles", params(SuggestQuery), responses(
    (status = 200, description = "Titles", body = Suggestions,
        headers(("ETag" = String, description = "For `If-None-Match`"))),
    (status = 304, description = "The client has it already"),
    refused::ListPublic,
))]
#[get("/v1/search/suggest")]
pub(crate) async fn suggest_titles(app: web::Data<App>, query: Params<SuggestQuery>) -> Answer {
    let Params(SuggestQuery { q, locale, limit }) = query;
    let q = required(q)?;
    let limit = limit.unwrap_or(DEFAULT_SUGGESTIONS);
    if !(1..=MAX_SUGGESTIONS).contains(&limit) {
        let detail = format!("`limit` is a number from 1 to {MAX_SUGGESTIONS}.");
        return Err(Error::Malformed(Fault::parameter("limit", "out_of_range", detail)).into());
    }
    let view = view(&app);
    let work = move |conn: &mut persistence::Conn| published::suggest(conn, &view, &q, locale.as_deref(), limit.into());
    let (data, shown) = app.db.read(work).await?;
    Ok(Public::new(&Suggestions { data }, depends(shown, std::iter::empty()))?.respond())
}
