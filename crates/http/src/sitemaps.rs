//! What search engines are told: where everything is (sitemaps.org), and what is not for them (`robots.txt`).

use actix_web::{get, web};
use domain::articles::Kind;
use domain::site::Settings;
use domain::{Error, Result};
use persistence::changes::{self, Window};
use persistence::published::{self, Located, Locates};

use crate::delivery::{Deliverable, Depends};
use crate::problem::Answer;
use crate::reading::view;
use crate::request::Name;
use crate::xml::Xml;
use crate::{App, refused};

const SITEMAPS: (&str, &str) = ("xmlns", "http://www.sitemaps.org/schemas/sitemap/0.9");
const IMAGES: (&str, &str) = ("xmlns:image", "http://www.google.com/schemas/sitemap-image/1.1");
const XML: &str = "application/xml; charset=utf-8";

/// What has parts of its own, as their addresses call it.
const PARTED: [(&str, Locates); 5] = [
    ("articles", Locates::Articles(Kind::Article)),
    ("pages", Locates::Articles(Kind::Page)),
    ("categories", Locates::Categories),
    ("tags", Locates::Tags),
    ("bylines", Locates::Bylines),
];

/// Show the index of the sitemaps
///
/// Its parts hold every article and page in every locale, with its picture, and every category, tag and byline with
/// something in it; at most 50,000 each.
#[utoipa::path(tag = "feeds", responses(
    (status = 200, description = "The index", body = String, content_type = "application/xml",
        headers(("ETag" = String, description = "For `If-None-Match`"))),
    (status = 304, description = "The client has it already"),
    refused::ListPublic,
))]
#[get("/sitemap.xml")]
pub(crate) async fn get_sitemap_index(app: web::Data<App>) -> Answer {
    let work = |conn: &mut persistence::Conn, now| {
        let mut names = Vec::new();
        for (name, kind) in PARTED {
            let parts = published::parts(conn, kind, now)?;
            names.extend((1..=parts).map(|number| (format!("{name}-{number}"), matches!(kind, Locates::Articles(_)))));
        }
        Ok((names, changes::last_of(conn, Vec::new(), "all")?))
    };
    let (names, changed) = app.read(work).await?;
    let mut xml = Xml::new()?;
    xml.open("sitemapindex", &[SITEMAPS])?;
    // The front page changes with what is new.
    for (name, dated) in std::iter::once(("home".to_owned(), true)).chain(names) {
        xml.open("sitemap", &[])?;
        xml.text("loc", &app.config.link(&format!("/sitemaps/{name}.xml")))?;
        if let Some(changed) = changed.filter(|_| dated) {
            xml.text("lastmod", &changed.to_string())?;
        }
        xml.close("sitemap")?;
    }
    xml.close("sitemapindex")?;
    Ok(deliver(xml.finish(), XML, on_everything()))
}

/// Show a part of the sitemaps
#[utoipa::path(tag = "feeds", params(("part" = String, Path, description = "Which, as the index has it", example = "articles-1")),
    responses(
        (status = 200, description = "Addresses on the front end", body = String, content_type = "application/xml",
            headers(("ETag" = String, description = "For `If-None-Match`"))),
        (status = 304, description = "The client has it already"),
        refused::ReadPublic,
))]
#[get("/sitemaps/{part}.xml")]
pub(crate) async fn get_sitemap(app: web::Data<App>, part: Name) -> Answer {
    let which = of_name(&part.0).ok_or(Error::NotFound("sitemap"))?;
    let view = view(&app);
    let work = move |conn: &mut persistence::Conn| {
        let settings = persistence::site::settings(conn)?;
        let mut xml = Xml::new()?;
        xml.open("urlset", &[SITEMAPS, IMAGES])?;
        let mut count = 0;
        let mut each = |located: Located| {
            count += 1;
            write(&mut xml, &located)
        };
        let depends = match which {
            Part::Of(kind, number) => {
                published::part(conn, &view, &settings, kind, number, &mut each)?;
                on_part(kind, &settings)
            }
            Part::Home => {
                let url = settings.site_url.clone().unwrap_or_else(|| view.public_url.to_string());
                each(Located { url, updated_at: None, image: None })?;
                Depends::on_site()
            }
        };
        // One that holds nothing is none, but for the first: what was in it may be nothing for search engines.
        if count == 0 && !matches!(which, Part::Of(_, 1)) {
            return Err(Error::NotFound("sitemap"));
        }
        xml.close("urlset")?;
        Ok((xml.finish(), depends))
    };
    let (body, depends) = app.db.read(work).await?;
    Ok(deliver(body, XML, depends))
}

/// A part of the sitemaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The front page.
    Home,
    /// A kind of things, and the number of the part.
    Of(Locates, i64),
}

/// The part of this name.
fn of_name(name: &str) -> Option<Part> {
    if name == "home" {
        return Some(Part::Home);
    }
    let (name, number) = name.rsplit_once('-')?;
    let kind = PARTED.iter().find(|(known, _)| *known == name)?.1;
    // Each part has one name.
    let plain = number.len() <= 6 && number.bytes().all(|byte| byte.is_ascii_digit()) && !number.starts_with('0');
    number.parse().ok().filter(|_| plain).map(|number| Part::Of(kind, number))
}

fn write(xml: &mut Xml, located: &Located) -> Result<()> {
    xml.open("url", &[])?;
    xml.text("loc", &located.url)?;
    if let Some(updated_at) = located.updated_at {
        xml.text("lastmod", &updated_at.to_string())?;
    }
    if let Some(image) = &located.image {
        xml.open("image:image", &[])?;
        xml.text("image:loc", image)?;
        xml.close("image:image")?;
    }
    xml.close("url")
}

/// What any part of a kind depends on: search engines come seldom, so a finer distinction is not worth its keys.
fn on_part(kind: Locates, settings: &Settings) -> Depends {
    match kind {
        // An address may be made of the path of a category.
        Locates::Articles(kind) if settings.permalink.contains("{category}") => {
            Depends::on(["list:categories".to_owned()]).and_list(Window::whole(kind))
        }
        Locates::Articles(kind) => Depends::default().and_list(Window::whole(kind)),
        Locates::Categories => Depends::on(["list:categories", "used:category"].map(str::to_owned)),
        Locates::Tags => Depends::on(["list:tags", "used:tag"].map(str::to_owned)),
        Locates::Bylines => Depends::on(["list:bylines", "used:byline"].map(str::to_owned)),
    }
}

/// All articles and pages in every locale, and what there is of other things.
fn on_everything() -> Depends {
    let things = [Locates::Categories, Locates::Tags, Locates::Bylines].map(|kind| on_part(kind, &Settings::default()));
    let articles = [Kind::Article, Kind::Page].map(Window::whole);
    articles.into_iter().fold(things.into_iter().fold(Depends::default(), Depends::and), Depends::and_list)
}

/// Show what crawlers may read
#[utoipa::path(tag = "feeds", responses(
    (status = 200, description = "The rules, and where the sitemaps are", body = String, content_type = "text/plain",
        headers(("ETag" = String, description = "For `If-None-Match`"))),
    (status = 304, description = "The client has it already"),
))]
#[get("/robots.txt")]
pub(crate) async fn get_robots(app: web::Data<App>) -> Answer {
    let sitemap = app.config.link("/sitemap.xml");
    let rules = format!("User-agent: *\nDisallow: /v1/admin/\nDisallow: /v1/auth/\n\nSitemap: {sitemap}\n");
    Ok(deliver(rules.into_bytes(), "text/plain; charset=utf-8", Depends::on_site()))
}

/// A public answer that is no JSON.
pub(crate) fn deliver(body: Vec<u8>, kind: &'static str, depends: Depends) -> actix_web::HttpResponse {
    Deliverable::whole(kind, body, depends).carry()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_has_one_name() {
        assert_eq!(of_name("articles-12"), Some(Part::Of(Locates::Articles(Kind::Article), 12)));
        assert_eq!(of_name("home"), Some(Part::Home));
        for none in
            ["", "articles", "articles-0", "articles-01", "articles-+1", "articles--1", "articles-9999999", "x-1"]
        {
            assert_eq!(of_name(none), None, "{none}");
        }
    }
}
