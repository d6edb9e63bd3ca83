//! Addresses that name something in their query, as WordPress's short ones do: `/?p=12`, `/?cat=3`, `/?tag=tide`.

use url::Url;
use url::form_urlencoded;

use super::addresses::Place;
use super::{Settings, same_path};

/// What a short address names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Short {
    /// An article or a page, by its number in WordPress.
    Article(i64),
    /// A category, by its number in WordPress.
    Category(i64),
    /// A byline, by its number in WordPress.
    Byline(i64),
    /// Something by its name.
    Named(Place),
}

/// What a path names if it is a short address: the root of the site, with a query.
pub fn match_short(settings: &Settings, path: &str) -> Option<Short> {
    let (root, query) = path.split('#').next()?.split_once('?')?;
    let site = settings.site_url.as_deref().and_then(|url| Url::parse(url).ok());
    let is_root = root == "/" || site.is_some_and(|site| same_path(settings, root, site.path()));
    form_urlencoded::parse(query.as_bytes()).filter(|_| is_root).find_map(|(name, value)| {
        let number = || value.parse().ok().filter(|number| *number > 0);
        let slug = || value.trim_matches('/').to_owned();
        match &*name {
            "p" | "page_id" => number().map(Short::Article),
            "cat" => number().map(Short::Category),
            "author" => number().map(Short::Byline),
            "name" => Some(Short::Named(Place::Article { slug: Some(slug()), id: None, locale: None })),
            "pagename" => {
                let slugs = slug().split('/').map(str::to_owned).collect();
                Some(Short::Named(Place::Page { slugs, locale: None }))
            }
            "category_name" => Some(Short::Named(Place::Category { path: slug() })),
            "tag" => Some(Short::Named(Place::Tag { slug: slug() })),
            "author_name" => Some(Short::Named(Place::Byline { slug: slug() })),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_addresses_name_things_at_the_root_alone() {
        let site = Settings { site_url: Some("https://example.org/blog".into()), ..Settings::default() };
        for (path, named) in [
            ("/?p=12", Some(Short::Article(12))),
            ("/blog/?utm_source=x&page_id=7#top", Some(Short::Article(7))),
            ("/blog?cat=3", Some(Short::Category(3))),
            ("/?author=4&p=2", Some(Short::Byline(4))),
            ("/?tag=high%20tide", Some(Short::Named(Place::Tag { slug: "high tide".into() }))),
            ("/?category_name=a/b/", Some(Short::Named(Place::Category { path: "a/b".into() }))),
            ("/?p=-1", None),
            ("/?p=99999999999999999999", None),
            ("/?p=", None),
            ("/other/?p=12", None),
            ("/p=12", None),
            ("?p=12", None),
        ] {
            assert_eq!(match_short(&site, path), named, "{path}");
        }
    }
}
