//! Addresses on the front end: from a thing to its address, and from a path back to what may be there.

use percent_encoding::percent_decode_str;
use url::Url;

use super::Settings;
use super::shape::{self, Name, Shape};
use crate::Timestamp;
use crate::error::Faults;
use crate::ids::ArticleId;

/// Longest path that is looked at, in bytes; ours are shorter.
const MAX_PATH: usize = 4_000;

/// What the address of an article is made of.
#[derive(Debug, Clone, Copy)]
pub struct ArticlePlace<'a> {
    /// Its slug.
    pub slug: &'a str,
    /// Its identity.
    pub id: ArticleId,
    /// Its locale.
    pub locale: &'a str,
    /// The path of its first category, as it is now; absent without one.
    pub category_path: Option<&'a str>,
    /// Its first publication.
    pub published_at: Timestamp,
    /// Of a page: the path made of the slugs of what it stands under, and its own; absent for an article.
    pub page_path: Option<&'a str>,
}

/// What may be at a path of the front end, by the shape of the path alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// An article, named by one of these at least.
    Article {
        /// Its slug.
        slug: Option<String>,
        /// Its identity.
        id: Option<ArticleId>,
        /// Its locale; absent: the shape does not tell.
        locale: Option<String>,
    },
    /// A page.
    Page {
        /// The slugs of what it stands under, and its own; at least that.
        slugs: Vec<String>,
        /// Its locale; absent: the shape does not tell.
        locale: Option<String>,
    },
    /// A category.
    Category {
        /// Its path, or its slug alone.
        path: String,
    },
    /// A tag.
    Tag {
        /// Its slug.
        slug: String,
    },
    /// A byline.
    Byline {
        /// Its slug.
        slug: String,
    },
}

/// The addresses of the articles and pages of a site on its front end.
pub struct ArticleUrls<'a> {
    settings: &'a Settings,
    base: &'a str,
    shape: Shape<'a>,
}

impl<'a> ArticleUrls<'a> {
    /// Whole ones. `public_url` stands in for a site without an address of its own.
    pub fn new(settings: &'a Settings, public_url: &'a Url) -> Self {
        Self { base: base(settings, public_url), ..Self::paths(settings) }
    }

    /// Paths below the site's own address.
    fn paths(settings: &'a Settings) -> Self {
        Self { settings, base: "", shape: Shape::of(&settings.permalink) }
    }

    /// That of one article or page.
    pub fn of(&self, place: &ArticlePlace<'_>) -> String {
        if let Some(path) = place.page_path {
            return Shape::of(&page_shape(self.settings)).fill(self.base, |name| match name {
                Name::Locale => place.locale.into(),
                _ => path.into(),
            });
        }
        let zone = || self.settings.zone();
        let date = |part: &str| place.published_at.to_jiff().to_zoned(zone()).strftime(part).to_string().into();
        self.shape.fill(self.base, |name| match name {
            Name::Slug => place.slug.into(),
            Name::Id => place.id.to_string().into(),
            Name::Locale => place.locale.into(),
            Name::Category | Name::Path => place.category_path.unwrap_or_default().into(),
            Name::Year => date("%Y"),
            Name::Month => date("%m"),
            Name::Day => date("%d"),
        })
    }
}

/// The path of an article, or of a page, on the front end, below the site's own address.
pub fn article_path(settings: &Settings, place: &ArticlePlace<'_>) -> String {
    ArticleUrls::paths(settings).of(place)
}

/// Pages stand at their slugs; they have the locale before them and the slash at the end that articles have.
fn page_shape(settings: &Settings) -> String {
    let locale = if Shape::of(&settings.permalink).has(Name::Locale) { "/{locale}" } else { "" };
    let end = if settings.permalink.ends_with('/') { "/" } else { "" };
    format!("{locale}/{{path}}{end}")
}

/// The path of a category on the front end; `path` is its own, made of slugs.
pub fn category_path(settings: &Settings, path: &str) -> String {
    Shape::of(&settings.category_path).fill("", |name| match name {
        Name::Slug => path.rsplit('/').next().unwrap_or_default().into(),
        _ => path.into(),
    })
}

/// The path of a tag on the front end.
pub fn tag_path(settings: &Settings, slug: &str) -> String {
    Shape::of(&settings.tag_path).fill("", |_| slug.into())
}

/// The path of a byline on the front end.
pub fn byline_path(settings: &Settings, slug: &str) -> String {
    Shape::of(&settings.byline_path).fill("", |_| slug.into())
}

/// The address of an article on the front end. `public_url` stands in for a site without an address of its own.
pub fn article_url(settings: &Settings, public_url: &Url, place: &ArticlePlace<'_>) -> String {
    ArticleUrls::new(settings, public_url).of(place)
}

/// The address of a category on the front end.
pub fn category_url(settings: &Settings, public_url: &Url, path: &str) -> String {
    below(settings, public_url, &category_path(settings, path))
}

/// The address of a tag on the front end.
pub fn tag_url(settings: &Settings, public_url: &Url, slug: &str) -> String {
    below(settings, public_url, &tag_path(settings, slug))
}

/// The address of a byline on the front end.
pub fn byline_url(settings: &Settings, public_url: &Url, slug: &str) -> String {
    below(settings, public_url, &byline_path(settings, slug))
}

/// What may be at a path, by its shape. Shapes may overlap (`/{slug}` and `/{path}`), so there may be several; what is
/// there decides. A query, a slash at the end and the path of the site's own address are left out of account.
pub fn match_path(settings: &Settings, path: &str) -> Vec<Place> {
    let Some(segments) = segments(settings, path) else { return Vec::new() };
    let read = |shape: &str| Shape::of(shape).read(&segments);
    let slug = |shape: &str| read(shape).and_then(|values| take(&values, Name::Slug));
    let category =
        read(&settings.category_path).and_then(|values| take(&values, Name::Path).or(take(&values, Name::Slug)));
    let article = read(&settings.permalink).map(|values| Place::Article {
        slug: take(&values, Name::Slug),
        id: take(&values, Name::Id).and_then(|id| id.parse().ok()),
        locale: take(&values, Name::Locale),
    });
    let named = |place: &Place| !matches!(place, Place::Article { slug: None, id: None, .. });
    let article = article.filter(named);
    // Where an article of this name would be, a page of this name is looked for too.
    let last = segments.last();
    let covered = matches!(&article, Some(Place::Article { slug: Some(slug), .. }) if Some(slug) == last);
    let page = Shape::of(&page_shape(settings)).read(&segments).filter(|_| !covered).and_then(|values| {
        let slugs: Vec<String> = take(&values, Name::Path)?.split('/').map(str::to_owned).collect();
        let whole = !slugs.iter().any(String::is_empty);
        whole.then(|| Place::Page { slugs, locale: take(&values, Name::Locale) })
    });
    [
        category.map(|path| Place::Category { path }),
        slug(&settings.tag_path).map(|slug| Place::Tag { slug }),
        slug(&settings.byline_path).map(|slug| Place::Byline { slug }),
        article,
        page,
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// What has addresses of a shape that the settings say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shaped {
    /// Articles and pages.
    Article,
    /// Categories.
    Category,
    /// Tags.
    Tag,
    /// Bylines.
    Byline,
}

impl Shaped {
    /// Each.
    pub const ALL: [Self; 4] = [Self::Article, Self::Category, Self::Tag, Self::Byline];

    /// Its name where it is kept.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Article => "article",
            Self::Category => "category",
            Self::Tag => "tag",
            Self::Byline => "byline",
        }
    }

    /// The shape that the settings give to its addresses.
    pub fn shape(self, settings: &Settings) -> &str {
        match self {
            Self::Article => &settings.permalink,
            Self::Category => &settings.category_path,
            Self::Tag => &settings.tag_path,
            Self::Byline => &settings.byline_path,
        }
    }
}

/// What may have been at a path when addresses had these shapes.
pub fn match_old(settings: &Settings, shapes: &[(Shaped, String)], path: &str) -> Vec<Place> {
    let mut places = Vec::new();
    for (shaped, shape) in shapes {
        let mut old = settings.clone();
        let (of_old, kind): (_, fn(&Place) -> bool) = match shaped {
            Shaped::Article => (&mut old.permalink, |place| matches!(place, Place::Article { .. })),
            Shaped::Category => (&mut old.category_path, |place| matches!(place, Place::Category { .. })),
            Shaped::Tag => (&mut old.tag_path, |place| matches!(place, Place::Tag { .. })),
            Shaped::Byline => (&mut old.byline_path, |place| matches!(place, Place::Byline { .. })),
        };
        of_old.clone_from(shape);
        places.extend(match_path(&old, path).into_iter().filter(kind));
    }
    places
}

/// A path of the site in one form, whatever is encoded in it: decoded, below the site's own address, without a slash at
/// its end; a query stays as it is. None if it is no path.
pub fn plain_path(settings: &Settings, path: &str) -> Option<String> {
    let (bare, query) = match path.split('#').next().unwrap_or_default().split_once('?') {
        Some((bare, query)) => (bare, Some(query)),
        None => (path.split('#').next().unwrap_or_default(), None),
    };
    let plain = segments(settings, bare)?.join("/");
    Some(match query.filter(|query| !query.is_empty()) {
        Some(query) => format!("/{plain}?{query}"),
        None => format!("/{plain}"),
    })
}

/// The path on the front end that an address is, whole or as a path; none if it is elsewhere.
pub fn own_path(settings: &Settings, address: &str) -> Option<String> {
    if address.starts_with('/') {
        return Some(address.to_owned());
    }
    let (url, site) = (Url::parse(address).ok()?, Url::parse(settings.site_url.as_deref()?).ok()?);
    (url.origin() == site.origin()).then(|| url[url::Position::BeforePath..].to_owned())
}

/// Whether two paths of the site are one, whatever is encoded in them and whether or not they end with a slash.
pub fn same_path(settings: &Settings, one: &str, other: &str) -> bool {
    let one = segments(settings, one);
    one.is_some() && one == segments(settings, other)
}

/// Checks the shapes of the settings, and gives them as they are kept: articles, categories, tags, bylines.
pub(super) fn check(settings: &Settings, faults: &mut Faults) -> [String; 4] {
    use Name::{Category, Day, Id, Locale, Month, Path, Slug, Year};
    let article = [Slug, Id, Locale, Category, Year, Month, Day];
    let known = "{slug}, {id}, {locale}, {category}, {year}, {month} and {day}";
    let mut take = |pointer, shape: &str, allowed: &[Name], needed: &[Name], known| {
        faults.take(pointer, shape::check(shape, allowed, needed, known)).unwrap_or_default()
    };
    [
        take("/permalink", &settings.permalink, &article, &[Slug, Id], known),
        take("/category_path", &settings.category_path, &[Path, Slug], &[Path, Slug], "{path} and {slug}"),
        take("/tag_path", &settings.tag_path, &[Slug], &[Slug], "{slug}"),
        take("/byline_path", &settings.byline_path, &[Slug], &[Slug], "{slug}"),
    ]
}

fn below(settings: &Settings, public_url: &Url, path: &str) -> String {
    format!("{}{path}", base(settings, public_url))
}

fn base<'a>(settings: &'a Settings, public_url: &'a Url) -> &'a str {
    settings.site_url.as_deref().unwrap_or(public_url.as_str()).trim_end_matches('/')
}

/// The decoded segments of a path, below that of the site's own address.
fn segments(settings: &Settings, path: &str) -> Option<Vec<String>> {
    if path.len() > MAX_PATH {
        return None;
    }
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let decode = |segment: &str| percent_decode_str(segment).decode_utf8().map(std::borrow::Cow::into_owned).ok();
    let decoded: Vec<String> =
        path.strip_prefix('/')?.trim_end_matches('/').split('/').map(decode).collect::<Option<_>>()?;
    let site = settings.site_url.as_deref().and_then(|url| Url::parse(url).ok());
    let base = site.as_ref().map_or("", |url| url.path()).trim_matches('/');
    let base: Vec<String> = base.split('/').filter(|segment| !segment.is_empty()).map(decode).collect::<Option<_>>()?;
    match decoded.strip_prefix(base.as_slice()) {
        Some(below) if !below.is_empty() => Some(below.to_vec()),
        _ => Some(decoded),
    }
}

fn take(values: &shape::Values, wanted: Name) -> Option<String> {
    values.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.clone())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Error;

    fn place<'a>(slug: &'a str, category_path: Option<&'a str>) -> ArticlePlace<'a> {
        let published_at = Timestamp::parse("2026-12-31T23:30:00Z").unwrap();
        ArticlePlace { slug, id: ArticleId::new(), locale: "en", category_path, published_at, page_path: None }
    }

    fn with(permalink: &str) -> Settings {
        Settings { permalink: permalink.into(), ..Settings::default() }
    }

    fn url() -> Url {
        "http://cms.example.org/".parse().unwrap()
    }

    #[test]
    fn addresses_stand_below_the_site() {
        let mut settings = Settings::default();
        assert_eq!(article_url(&settings, &url(), &place("hello", None)), "http://cms.example.org/hello");
        settings.site_url = Some("https://example.org/blog/".into());
        assert_eq!(category_url(&settings, &url(), "a/b"), "https://example.org/blog/category/a/b");
        assert_eq!(tag_url(&settings, &url(), "x"), "https://example.org/blog/tag/x");
        assert_eq!(byline_url(&settings, &url(), "ann"), "https://example.org/blog/author/ann");
        let found = match_path(&settings, "/blog/tag/x");
        let page = Place::Page { slugs: vec!["tag".into(), "x".into()], locale: None };
        assert_eq!(found, [Place::Tag { slug: "x".into() }, page]);
        assert_eq!(match_path(&settings, "/tag/x"), found);
    }

    #[test]
    fn dates_are_those_of_the_site() {
        let mut settings = with("/{year}/{month}/{day}/{slug}/");
        assert_eq!(article_path(&settings, &place("hello", None)), "/2026/12/31/hello/");
        settings.timezone = "Europe/Berlin".into();
        assert_eq!(article_path(&settings, &place("hello", None)), "/2027/01/01/hello/");
    }

    #[test]
    fn an_article_without_a_category_has_a_shorter_path() {
        let settings = with("/{category}/{slug}.html");
        assert_eq!(article_path(&settings, &place("hello", Some("a/b"))), "/a/b/hello.html");
        assert_eq!(article_path(&settings, &place("hello", None)), "/hello.html");
        for path in ["/a/b/hello.html", "/hello.html", "/hello.html?x=1"] {
            let article = Place::Article { slug: Some("hello".into()), id: None, locale: None };
            assert_eq!(match_path(&settings, path)[0], article, "{path}");
        }
    }

    #[test]
    fn overlapping_shapes_give_every_possibility() {
        let settings = Settings { category_path: "/{path}".into(), ..Settings::default() };
        assert_eq!(match_path(&settings, "/business").len(), 2);
        assert_eq!(match_path(&settings, "/business/succession").len(), 2);
        assert_eq!(match_path(&settings, "/tag/x").len(), 3);
    }

    #[test]
    fn pages_stand_at_their_slugs() {
        let page = |path: &'static str| ArticlePlace { page_path: Some(path), ..place("team", None) };
        assert_eq!(article_path(&with("/{year}/{slug}"), &page("über/team")), "/%C3%BCber/team");
        assert_eq!(article_path(&with("/{locale}/{slug}/"), &page("about/team")), "/en/about/team/");
        let slugs = || vec!["about".to_owned(), "team".to_owned()];
        let found = match_path(&with("/{slug}"), "/about/team/");
        assert_eq!(found, [Place::Page { slugs: slugs(), locale: None }]);
        let found = match_path(&with("/{locale}/{slug}"), "/en/about/team");
        assert_eq!(found, [Place::Page { slugs: slugs(), locale: Some("en".into()) }]);
        // An article's place of the same name is looked at for pages too.
        assert_eq!(match_path(&with("/{slug}"), "/about").len(), 1);
        assert_eq!(match_path(&with("/{year}/{slug}"), "/about").len(), 1);
        assert_eq!(match_path(&with("/{slug}"), "/about//team"), []);
    }

    #[test]
    fn paths_that_are_none_match_nothing() {
        let settings = Settings::default();
        for path in ["", "hello", "/", "//", "/%ff", &"/a".repeat(1_000_000), "/?p=12"] {
            assert_eq!(match_path(&settings, path), [], "{}", &path[..path.len().min(20)]);
        }
    }

    #[test]
    fn paths_are_one_whatever_their_writing() {
        let settings = Settings::default();
        assert!(same_path(&settings, "/tag/%C3%A4/", "/tag/ä"));
        assert!(!same_path(&settings, "/tag/a", "/tag/A"));
    }

    #[test]
    fn shapes_are_checked() {
        for good in
            ["/{slug}", "/{slug}/", "/archives/{id}", "/{locale}/{category}/{slug}", "/{year}-{month}/{slug}.html"]
        {
            assert_eq!(with(good).check().unwrap().permalink, good);
        }
        for bad in [
            "",
            "{slug}",
            "/",
            "/about",
            "/{slug",
            "/slug}",
            "/{slug}/{slug}",
            "/{path}/{slug}",
            "/{titel}/{slug}",
            "//{slug}",
            "/a//{slug}",
            "/../{slug}",
            "/{slug}?x",
            "/{slug}#x",
            "/a b/{slug}",
            "/%41/{slug}",
            "/in-{category}/{slug}",
            "/{category}",
            "/{year}",
            &format!("/{}/{{slug}}", "a".repeat(200)),
        ] {
            let Err(Error::Invalid(faults)) = with(bad).check() else { panic!("{bad} is taken") };
            assert_eq!(faults.len(), 1, "{bad}");
            assert_eq!(faults[0].place, crate::Place::Pointer("/permalink".into()));
        }
    }

    proptest! {
        #[test]
        fn what_an_article_is_found_by_is_in_its_path(
            slug in "[a-z0-9äß%+ ?#.-]{1,20}x",
            category in proptest::option::of("[a-z]{1,5}(/[a-z]{1,5}){0,3}"),
            shape in proptest::sample::select(vec![
                "/{slug}", "/{slug}/", "/{category}/{slug}", "/{year}/{month}/{day}/{slug}", "/{locale}/{slug}.html",
                "/{id}", "/{slug}-{id}", "/{year}{month}-{slug}", "/read/{category}/{id}/{slug}",
            ]),
        ) {
            let settings = with(shape);
            let place = place(&slug, category.as_deref());
            let path = article_path(&settings, &place);
            prop_assert!(path.bytes().all(|byte| byte.is_ascii_graphic()));
            let found = match_path(&settings, &path);
            let right = |found: &Place| match found {
                Place::Article { slug: read, id, .. } => {
                    read.as_ref().is_none_or(|read| *read == slug) && id.is_none_or(|read| read == place.id)
                }
                _ => false,
            };
            prop_assert!(found.iter().any(right), "{} {:?}", path, found);
            let closed = format!("{path}/");
            prop_assert!(same_path(&settings, &path, &closed));
        }

        #[test]
        fn no_path_is_too_odd_to_be_looked_at(path in "\\PC{0,200}", shape in "[{}a-z/%.]{0,40}") {
            let mut settings = with(&shape);
            settings.category_path = shape;
            match_path(&settings, &path);
            let _ = settings.check();
        }
    }
}
