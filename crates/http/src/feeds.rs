//! Feeds: what is new on the site, in a category, under a tag, by a byline, or below an article; under our own addresses
//! and under those that WordPress and Ghost gave them.

mod atom;
mod feed;
mod json;
mod rss;
mod which;

use actix_web::{HttpRequest, get, routes, web};
use domain::comments::PublicComment;
use domain::ids::ArticleId;
use domain::published::{BylineSmall, PublishedArticle};
use domain::site::{self, Settings};
use domain::text::absolute;
use domain::{Error, Result};
use persistence::published::{self, Filters, PublicArticle, View};
use persistence::published_comments as comments;
use persistence::resolve::{self, Meaning};
use persistence::taxonomy::Found;
use persistence::{Conn, bylines, categories, changes, tags};
use url::Url;

use crate::answer::{gone, located};
use crate::delivery::{Deliverable, Depends};
use crate::problem::Answer;
use crate::reading::{depends, view};
use crate::request::Name;
use crate::{App, refused};
use feed::{Author, Feed, Item};
pub(crate) use json::JsonFeed;
use which::{Format, Which};

/// How many items a feed holds.
const ITEMS: i64 = 20;
/// As comments themselves: they change by a moderator's hand, and may be half a minute old.
const COMMENTS_CACHE_CONTROL: &str = "public, max-age=30, stale-while-revalidate=300";

/// What reading one came to.
enum Outcome {
    Feed(Box<Feed>, Depends),
    /// It has another address now.
    Moved(Which, Depends),
    /// What it was about is gone for good.
    Gone(Depends),
}

/// Read a feed
///
/// The 20 newest articles with their whole content: `all`, `category/PATH` (with everything below it), `tag/SLUG`,
/// `byline/SLUG`; or the 20 newest comments of an article: `article/SLUG/comments`. The ending is the format: `.rss`
/// (RSS 2.0), `.atom`, `.json` (JSON Feed 1.1). Other parameters than `locale` are ignored.
#[utoipa::path(tag = "feeds",
    params(("path" = String, Path, description = "Which feed, and its format", example = "category/business.rss"),
        ("locale" = Option<String>, Query, description = "In this locale; absent: the site's own; `*`: every one")),
    responses(
        (status = 200, description = "The feed",
            content((String = "application/rss+xml"), (String = "application/atom+xml"), (JsonFeed = "application/feed+json")),
            headers(("ETag" = String, description = "For `If-None-Match`"),
                ("Last-Modified" = String, description = "The last change of the list, for `If-Modified-Since`"),
                ("Link" = String, description = "The feed itself, `rel=\"self\"`, and its hub, `rel=\"hub\"`"))),
        (status = 304, description = "The client has it already"),
        (status = 308, description = "What it is about has another name now", headers(("Location" = String, description = "Where it is"))),
        refused::ReadPublic,
))]
#[get("/feeds/{path:.*}")]
pub(crate) async fn get_feed(app: web::Data<App>, request: HttpRequest, path: Name) -> Answer {
    let (which, format) = Which::of(&path.0).ok_or(Error::NotFound("feed"))?;
    let query = url::form_urlencoded::parse(request.query_string().as_bytes());
    let locale = query.into_iter().find(|(name, _)| name == "locale").map(|(_, locale)| locale.into_owned());
    answer(&app, format, move |conn, view, settings| read(conn, view, settings, &which, locale.as_deref(), format))
        .await
}

/// Makes routes of addresses that another system gave to feeds.
macro_rules! old_addresses {
    ($($(#[$doc:meta])* $name:ident: $address:literal, $bare:literal, $documented:literal, [$($parameter:literal),*];)*) => {$(
        $(#[$doc])*
        ///
        /// The same as one of `/feeds/`, at its old address; parameters are ignored.
        #[utoipa::path(get, path = $documented, tag = "feeds",
            params($(($parameter = String, Path, description = "As it was")),*),
            responses(
                (status = 200, description = "The feed",
                    content((String = "application/rss+xml"), (String = "application/atom+xml")),
                    headers(("ETag" = String, description = "For `If-None-Match`"),
                        ("Last-Modified" = String, description = "The last change of the list, for `If-Modified-Since`"),
                        ("Link" = String, description = "The feed itself, `rel=\"self\"`, and its hub, `rel=\"hub\"`"))),
                (status = 304, description = "The client has it already"),
                refused::ReadPublic,
        ))]
        #[routes]
        #[get($address)]
        #[get($bare)]
        pub(crate) async fn $name(app: web::Data<App>, request: HttpRequest) -> Answer {
            old(&app, &request).await
        }
    )*};
}

old_addresses! {
    /// Read a feed at WordPress's address
    get_wordpress_feed: "/feed/", "/feed", "/feed/", [];
    /// Read a feed in another format at WordPress's address
    get_wordpress_feed_as: "/feed/{format}/", "/feed/{format}", "/feed/{format}/", ["format"];
    /// Read the feed of something at WordPress's address
    get_wordpress_feed_of: "/{path:.*}/feed/", "/{path:.*}/feed", "/{path}/feed/", ["path"];
    /// Read the feed of something in another format at WordPress's address
    get_wordpress_feed_of_as: "/{path:.*}/feed/{format}/", "/{path:.*}/feed/{format}", "/{path}/feed/{format}/",
        ["path", "format"];
    /// Read a feed at Ghost's address
    get_ghost_feed: "/rss/", "/rss", "/rss/", [];
    /// Read the feed of something at Ghost's address
    get_ghost_feed_of: "/{path:.*}/rss/", "/{path:.*}/rss", "/{path}/rss/", ["path"];
}

/// Whether a path is an address that another system gave to a feed: its answer is the same for everyone.
pub(crate) fn is_old_address(path: &str) -> bool {
    let path = path.strip_suffix('/').unwrap_or(path);
    let last = |path: &str| path.rsplit('/').next().is_some_and(|last| last == "feed" || last == "rss");
    last(path) || path.rsplit_once('/').is_some_and(|(before, _)| before.ends_with("/feed"))
}

async fn old(app: &App, request: &HttpRequest) -> Answer {
    let format = match request.match_info().get("format") {
        Some(name) => Format::of_wordpress(name).ok_or(Error::NotFound("feed"))?,
        None => Format::Rss,
    };
    let about = request.match_info().get("path").map(|path| format!("/{path}/"));
    answer(app, format, move |conn, view, settings| {
        let Some(about) = about else { return read(conn, view, settings, &Which::All, None, format) };
        let resolved = resolve::resolve(conn, settings, view.now, &about)?;
        // What the path means may change by what happens elsewhere.
        let meaning = crate::resolve::depends(&resolved, settings);
        match resolved.meaning {
            Meaning::Nothing | Meaning::Elsewhere(_) => Err(Error::NotFound("feed")),
            Meaning::Gone => Ok(Outcome::Gone(meaning)),
            Meaning::Resource(resource) => {
                let outcome = read(conn, view, settings, &Which::about(resource, settings), None, format)?;
                Ok(match outcome {
                    Outcome::Feed(feed, depends) => Outcome::Feed(feed, depends.and(meaning)),
                    other => other,
                })
            }
        }
    })
    .await
}

async fn answer<F>(app: &App, format: Format, work: F) -> Answer
where
    F: FnOnce(&mut Conn, &View, &Settings) -> Result<Outcome> + Send + 'static,
{
    let view = view(app);
    let read = app.db.read(move |conn| {
        let settings = persistence::site::settings(conn)?;
        work(conn, &view, &settings)
    });
    let (feed, depends) = match read.await? {
        Outcome::Feed(feed, depends) => (*feed, depends),
        Outcome::Moved(which, depends) => {
            return Ok(located(&app.config.link(&format!("/feeds/{}", encoded(&which, format))), depends));
        }
        Outcome::Gone(depends) => return Ok(gone("article_gone", "The article was withdrawn for good.", depends)),
    };
    let hub = feed.hub.as_ref().map(|hub| format!(", <{hub}>; rel=\"hub\"")).unwrap_or_default();
    let link = Some(format!("<{}>; rel=\"self\"{hub}", feed.own));
    let cache_control = feed.below_an_article.then_some(COMMENTS_CACHE_CONTROL);
    let last_modified = feed.updated;
    let body = match format {
        Format::Rss => rss::write(&feed)?,
        Format::Atom => atom::write(&feed)?,
        Format::Json => json::write(feed)?,
    };
    let whole = Deliverable::whole(format.media_type(), body, depends);
    Ok(Deliverable { cache_control, link, last_modified, ..whole }.carry())
}

fn encoded(which: &Which, format: Format) -> String {
    crate::answer::encoded(&which.address(format))
}

/// What stands at the head of a feed of articles.
struct Head {
    filters: Filters,
    /// What the log calls the list.
    scope: String,
    /// What it is named after: the kind of thing, and its identity.
    named: Option<(&'static str, String)>,
    title: String,
    description: String,
    home: String,
}

fn read(
    conn: &mut Conn,
    view: &View,
    settings: &Settings,
    which: &Which,
    locale: Option<&str>,
    format: Format,
) -> Result<Outcome> {
    if let Which::Comments(slug, own) = which {
        let locale = own.as_deref().or(locale);
        return below_article(conn, view, settings, slug, locale, &link(view, which, format));
    }
    let head = match head(conn, view, settings, which)? {
        Found::Here(head) => head,
        Found::Moved { id, name } => {
            let kinds = ["category", "tag", "byline"].map(|kind| format!("{kind}:{id}"));
            return Ok(Outcome::Moved(which.renamed(name), Depends::on(kinds)));
        }
    };
    let filters = Filters { locale: locale.map(str::to_owned), ..head.filters };
    let listed = published::list(conn, view, &filters, (None, ITEMS), (true, false))?;
    let ids = || listed.articles.iter().map(|article| article.id);
    let articles = listed.articles.iter().map(PublicArticle::whole).collect::<Result<Vec<_>>>()?;
    let things = ids().map(|id| id.to_string()).chain(head.named.iter().map(|(_, id)| id.clone())).collect();
    let changed = changes::last_of(conn, things, &head.scope)?;
    let newest = articles.iter().map(|article| article.summary.updated_at).max();
    let named = head.named.iter().map(|(kind, id)| format!("{kind}:{id}"));
    let depends = depends(listed.shown, ids()).and_within(named);
    let feed = Feed {
        title: head.title,
        description: head.description,
        home: head.home,
        own: link(view, which, format),
        language: locale.filter(|locale| *locale != "*").unwrap_or(&settings.locale).to_owned(),
        hub: settings.websub_hub.clone(),
        publisher: settings.name.clone(),
        updated: changed.max(newest),
        below_an_article: false,
        items: articles.into_iter().map(|article| item(view, settings, article)).collect(),
    };
    Ok(Outcome::Feed(Box::new(feed), depends))
}

fn link(view: &View, which: &Which, format: Format) -> String {
    format!("{}/feeds/{}", view.public_url.as_str().trim_end_matches('/'), encoded(which, format))
}

fn head(conn: &mut Conn, view: &View, settings: &Settings, which: &Which) -> Result<Found<Head>> {
    let url = &view.public_url;
    let titled = |name: &str| format!("{name} – {}", settings.name);
    let description = |own: Option<String>| own.unwrap_or_else(|| settings.description.clone());
    let head = match which {
        Which::All | Which::Comments(..) => Head {
            filters: Filters::default(),
            scope: "all".into(),
            named: None,
            title: settings.name.clone(),
            description: settings.description.clone(),
            home: settings.site_url.clone().unwrap_or_else(|| url.to_string()),
        },
        Which::Category(path) => match categories::show(conn, path, view.now)? {
            Found::Moved { id, name } => return Ok(Found::Moved { id, name }),
            Found::Here(shown) => Head {
                filters: Filters { category: Some(shown.category.path.clone()), subtree: true, ..Filters::default() },
                scope: format!("subtree:{}", shown.category.id),
                named: Some(("category", shown.category.id.to_string())),
                title: titled(&shown.category.name),
                description: description(shown.category.description),
                home: site::category_url(settings, url, &shown.category.path),
            },
        },
        Which::Tag(slug) => match tags::show(conn, slug, view.now)? {
            Found::Moved { id, name } => return Ok(Found::Moved { id, name }),
            Found::Here(shown) => Head {
                filters: Filters { tag: Some(shown.item.slug.clone()), ..Filters::default() },
                scope: format!("tag:{}", shown.item.id),
                named: Some(("tag", shown.item.id.to_string())),
                title: titled(&shown.item.name),
                description: description(shown.item.description),
                home: site::tag_url(settings, url, &shown.item.slug),
            },
        },
        Which::Byline(slug) => match bylines::show(conn, slug, view.now)? {
            Found::Moved { id, name } => return Ok(Found::Moved { id, name }),
            Found::Here(shown) => Head {
                filters: Filters { byline: Some(shown.item.slug.clone()), ..Filters::default() },
                scope: format!("byline:{}", shown.item.id),
                named: Some(("byline", shown.item.id.to_string())),
                title: titled(&shown.item.name),
                description: description(shown.item.bio),
                home: site::byline_url(settings, url, &shown.item.slug),
            },
        },
    };
    Ok(Found::Here(head))
}

fn item(view: &View, settings: &Settings, article: PublishedArticle) -> Item {
    let PublishedArticle { summary, body } = article;
    let html = body.map(|body| body.body_html).unwrap_or_default();
    // An address that is none is nobody's: then everything is meant from the server.
    let page = summary.joined.url.parse::<Url>().unwrap_or_else(|_| view.public_url.clone());
    let author = |byline: BylineSmall| Author {
        url: Some(site::byline_url(settings, &view.public_url, &byline.slug)),
        name: byline.name,
    };
    let categories = summary.joined.categories.into_iter().map(|category| category.name);
    Item {
        id: format!("urn:uuid:{}", summary.id),
        title: summary.stored.title,
        language: (summary.locale != settings.locale).then_some(summary.locale),
        labels: categories.chain(summary.joined.tags.into_iter().map(|tag| tag.name)).collect(),
        authors: summary.joined.bylines.into_iter().map(author).collect(),
        summary: Some(summary.stored.excerpt).filter(|excerpt| !excerpt.is_empty()),
        html: absolute(&html, &page, &view.public_url),
        image: summary.stored.cover_image.and_then(|image| page.join(&image.url).ok()).map(String::from),
        url: summary.joined.url,
        published: summary.published_at,
        updated: summary.updated_at,
    }
}

fn below_article(
    conn: &mut Conn,
    view: &View,
    settings: &Settings,
    slug: &str,
    locale: Option<&str>,
    own: &str,
) -> Result<Outcome> {
    let id = comments::article(conn, slug, locale, view.now)?.id;
    let article =
        published::with_ids(conn, view, &[id.to_string()])?.pop().ok_or(Error::NotFound("article"))?.whole()?;
    let newest = comments::newest(conn, id, ITEMS)?;
    let changed = changes::last_of(conn, vec![id.to_string()], &format!("comments:{id}"))?;
    let summary = article.summary;
    let feed = Feed {
        title: format!("Comments on “{}” – {}", summary.stored.title, settings.name),
        description: summary.stored.excerpt,
        home: summary.joined.url.clone(),
        own: own.to_owned(),
        language: summary.locale,
        hub: settings.websub_hub.clone(),
        publisher: settings.name.clone(),
        updated: changed.max(newest.iter().map(written).max()),
        below_an_article: true,
        items: newest.into_iter().map(|comment| said(&summary.joined.url, &summary.stored.title, comment)).collect(),
    };
    Ok(Outcome::Feed(Box::new(feed), on_comments(id)))
}

/// What the comments of an article depend on, with its title and where it is.
fn on_comments(id: ArticleId) -> Depends {
    let keys = [format!("article:{id}"), format!("comments:{id}")];
    Depends::on(keys).and_within([format!("address:{id}")])
}

/// When a comment became what it is.
fn written(comment: &PublicComment) -> domain::Timestamp {
    comment.edited_at.unwrap_or(comment.created_at)
}

fn said(page: &str, title: &str, comment: PublicComment) -> Item {
    Item {
        id: format!("urn:uuid:{}", comment.id),
        url: format!("{page}#comment-{}", comment.id),
        title: format!("{} on “{title}”", comment.author.name),
        language: None,
        labels: Vec::new(),
        summary: None,
        published: comment.created_at,
        updated: written(&comment),
        html: comment.body_html,
        image: None,
        authors: vec![Author { name: comment.author.name, url: comment.author.url }],
    }
}
