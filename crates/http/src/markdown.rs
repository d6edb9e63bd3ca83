//! What is published, for programs that read text: each article as Markdown, and a list of what there is (`llms.txt`).
//!
//! Both are made from the published snapshot alone. What an editor typed is not in it, so Markdown is made from the HTML.

use std::fmt::Write as _;

use actix_web::{HttpRequest, get, web};
use domain::articles::Kind;
use domain::published::{ArticleSummary, PublishedArticle};
use domain::site::Settings;
use domain::text::absolute;
use domain::{Error, Result};
use htmd::HtmlToMarkdown;
use persistence::published::{self, Filters, Found, PublicArticle, View};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::answer::{encoded, gone, located};
use crate::delivery::Depends;
use crate::fields::Fields;
use crate::problem::Answer;
use crate::reading::{self, depends, view};
use crate::request::{Name, Params};
use crate::sitemaps::deliver;
use crate::{App, refused};

/// Articles, and pages, that `llms.txt` names.
const NAMED: i64 = 100;

/// In which locale.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LocaleQuery {
    /// In this locale; absent: the site's own.
    locale: Option<String>,
}

/// Show an article as Markdown
///
/// With its title, address, authors and dates in front, as YAML. Made from the HTML that readers see.
#[utoipa::path(tag = "articles", params(("slug" = String, Path, description = "Its slug"), LocaleQuery), responses(
    (status = 200, description = "The article", body = String, content_type = "text/markdown",
        headers(("ETag" = String, description = "For `If-None-Match`"))),
    (status = 304, description = "The client has it already"),
    (status = 308, description = "It has another slug now", headers(("Location" = String, description = "Where it is"))),
    refused::ReadPublic,
))]
#[get("/v1/articles/{slug}.md")]
pub(crate) async fn get_article_markdown(
    app: web::Data<App>,
    request: HttpRequest,
    slug: Name,
    query: Params<LocaleQuery>,
) -> Answer {
    let (Name(slug), Params(LocaleQuery { locale })) = (slug, query);
    reading::refuse_every_locale(locale.as_deref())?;
    let (view, asked, whole) = (view(&app), locale.clone(), format!("{slug}.md"));
    let work = move |conn: &mut persistence::Conn| {
        Ok(match published::find(conn, &view, asked.as_deref(), &slug)? {
            // Made here, since a long one takes its time.
            Found::Article(article) => Ok((article.id, write(&view, article.whole()?)?)),
            other => Err(other),
        })
    };
    let on = |id| Depends::on([format!("article:{id}")]);
    match app.db.read(work).await? {
        Ok((id, text)) => Ok(deliver(text.into_bytes(), "text/markdown; charset=utf-8", on(id))),
        Err(Found::Moved(id, slug)) => {
            let locale = locale.map(|locale| format!("?locale={}", encoded(&locale))).unwrap_or_default();
            Ok(located(&app.config.link(&format!("/v1/articles/{}.md{locale}", encoded(&slug))), on(id)))
        }
        Err(Found::Gone(id)) => Ok(gone("article_gone", "The article was withdrawn for good.", on(id))),
        // Imported slugs may end so.
        Err(Found::Article(_) | Found::Nothing) => {
            reading::show(&app, &request, (whole, locale), &Fields::read(None, &[])?, &[]).await
        }
    }
}

fn write(view: &View, article: PublishedArticle) -> Result<String> {
    let PublishedArticle { summary, body } = article;
    let html = body.map(|body| body.body_html).unwrap_or_default();
    let page = summary.joined.url.parse().unwrap_or_else(|_| view.public_url.clone());
    let converter = HtmlToMarkdown::builder().skip_tags(vec!["script", "style"]).build();
    let text = converter.convert(&absolute(&html, &page, &view.public_url))?;
    // A string of JSON is one of YAML.
    let quoted = |text: &str| serde_json::to_string(text);
    let authors: Vec<&str> = summary.joined.bylines.iter().map(|byline| byline.name.as_str()).collect();
    let tags = summary.joined.categories.iter().map(|category| category.name.as_str());
    let tags: Vec<&str> = tags.chain(summary.joined.tags.iter().map(|tag| tag.name.as_str())).collect();
    let mut written = String::with_capacity(text.len() + 512);
    writeln!(written, "---\ntitle: {}\nurl: {}", quoted(&summary.stored.title)?, quoted(&summary.joined.url)?)?;
    writeln!(written, "authors: {}\ntags: {}", serde_json::to_string(&authors)?, serde_json::to_string(&tags)?)?;
    writeln!(written, "published: {}\nupdated: {}", summary.published_at, summary.updated_at)?;
    writeln!(written, "language: {}", quoted(&summary.locale)?)?;
    writeln!(written, "---\n\n# {}\n", on_one_line(&summary.stored.title))?;
    written.push_str(text.trim());
    written.push('\n');
    Ok(written)
}

/// Show what there is to read
///
/// In the form of <https://llmstxt.org>: the newest articles, and the pages, with links to their Markdown.
#[utoipa::path(tag = "feeds", responses(
    (status = 200, description = "A list in Markdown", body = String, content_type = "text/plain",
        headers(("ETag" = String, description = "For `If-None-Match`"))),
    (status = 304, description = "The client has it already"),
    refused::ListPublic,
))]
#[get("/llms.txt")]
pub(crate) async fn get_llms(app: web::Data<App>) -> Answer {
    let view = view(&app);
    let work = move |conn: &mut persistence::Conn| {
        let settings = persistence::site::settings(conn)?;
        let mut list = |kind| {
            let filters = Filters { kind: Some(kind), locale: Some("*".into()), ..Filters::default() };
            published::list(conn, &view, &filters, (None, NAMED), (false, false))
        };
        let (articles, pages) = (list(Kind::Article)?, list(Kind::Page)?);
        Ok((settings, articles, pages))
    };
    let (settings, articles, pages) = app.db.read(work).await?;
    let mut text = format!("# {}\n", on_one_line(&settings.name));
    if !settings.description.is_empty() {
        write!(text, "\n> {}\n", on_one_line(&settings.description)).map_err(Error::from)?;
    }
    let mut on = Depends::default();
    for (heading, listed) in [("Articles", articles), ("Pages", pages)] {
        let whole = listed.articles.iter().map(PublicArticle::whole).collect::<Result<Vec<_>>>()?;
        list(&mut text, &app, &settings, heading, whole.iter().map(|article| &article.summary))?;
        on = on.and(depends(listed.shown, listed.articles.iter().map(|article| article.id)));
    }
    let (feed, sitemap, api) = ("/feeds/all.json", "/sitemap.xml", "/openapi.json");
    text.push_str("\n## Optional\n\n");
    for (name, path) in [("What is new", feed), ("Everything there is", sitemap), ("The API", api)] {
        writeln!(text, "- [{name}]({})", app.config.link(path)).map_err(Error::from)?;
    }
    Ok(deliver(text.into_bytes(), "text/plain; charset=utf-8", on))
}

fn list<'a>(
    text: &mut String,
    app: &App,
    settings: &Settings,
    heading: &str,
    articles: impl Iterator<Item = &'a ArticleSummary>,
) -> Result<()> {
    let mut articles = articles.filter(|article| !article.stored.seo.noindex).peekable();
    if articles.peek().is_some() {
        writeln!(text, "\n## {heading}\n")?;
    }
    for article in articles {
        let locale = Some(&article.locale).filter(|locale| **locale != settings.locale);
        let locale = locale.map(|locale| format!("?locale={}", encoded(locale))).unwrap_or_default();
        let link = app.config.link(&format!("/v1/articles/{}.md{locale}", encoded(&article.slug)));
        write!(text, "- [{}]({link})", on_one_line(&article.stored.title))?;
        match article.stored.excerpt.as_str() {
            "" => writeln!(text)?,
            excerpt => writeln!(text, ": {}", on_one_line(excerpt))?,
        }
    }
    Ok(())
}

/// Plain text for a line of Markdown.
fn on_one_line(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.chars().fold(String::with_capacity(text.len()), |mut line, c| {
        if matches!(c, '\\' | '[' | ']' | '*' | '_' | '`' | '<' | '#') {
            line.push('\\');
        }
        line.push(c);
        line
    })
}
