//! The shape of a site's addresses, found from those of its posts.

use std::collections::BTreeMap;

use jiff::civil::Date;
use percent_encoding::percent_decode_str;
use url::Url;

/// Most shapes that are told apart.
const MAX_SHAPES: usize = 500;

/// What the address of a post may be made of.
#[derive(Debug, Clone, Default)]
pub struct Named<'a> {
    /// Its slug, decoded.
    pub slug: &'a str,
    /// Its number.
    pub id: &'a str,
    /// Its day on the site's clock.
    pub day: Option<Date>,
    /// The login of its author.
    pub author: &'a str,
    /// Paths of categories that it is in.
    pub categories: &'a [String],
}

/// Counts the shapes of addresses.
#[derive(Debug, Clone, Default)]
pub struct Shapes {
    votes: BTreeMap<String, usize>,
}

impl Shapes {
    /// Looks at an address; answers the path of the category that is in it.
    pub fn note(&mut self, path: &str, named: &Named<'_>) -> Option<String> {
        let (shape, category) = shape(path, named)?;
        if self.votes.len() < MAX_SHAPES || self.votes.contains_key(&shape) {
            *self.votes.entry(shape).or_default() += 1;
        }
        category
    }

    /// The shape that most have, and how many of how many.
    pub fn most(&self) -> Option<(&str, usize, usize)> {
        let all = self.votes.values().sum();
        // Of equals the longest: `/{year}/{slug}/` says more than `/{slug}/`.
        let (shape, votes) = self.votes.iter().max_by_key(|(shape, votes)| (**votes, shape.len()))?;
        Some((shape, *votes, all))
    }
}

/// The path of an address below that of the site, with its query; nothing if it is of another site.
pub fn path_below(link: &str, site: &str) -> Option<String> {
    let link = Url::parse(link).ok()?;
    let base = Url::parse(site).ok();
    let path = link.path();
    let below = match &base {
        Some(base) => {
            let host = |url: &Url| url.host_str().map(|host| host.trim_start_matches("www.").to_owned());
            if host(&link) != host(base) {
                return None;
            }
            path.strip_prefix(base.path().trim_end_matches('/')).unwrap_or(path)
        }
        None => path,
    };
    let below = if below.starts_with('/') { below.to_owned() } else { format!("/{below}") };
    Some(match link.query() {
        Some(query) => format!("{below}?{query}"),
        None => below,
    })
}

/// The shape of one address, if it names the post, and the path of the category in it.
fn shape(path: &str, named: &Named<'_>) -> Option<(String, Option<String>)> {
    if path.contains('?') {
        return None;
    }
    let ends = path.ends_with('/');
    let decoded: Vec<String> = path
        .trim_matches('/')
        .split('/')
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
        .collect();
    let mut segments: Vec<String> = decoded.clone();
    let (year, month, day) = match named.day {
        Some(date) => (format!("{:04}", date.year()), format!("{:02}", date.month()), format!("{:02}", date.day())),
        None => Default::default(),
    };
    let last = segments.len().checked_sub(1)?;
    let at = (0..segments.len()).rev().find(|at| {
        let segment = segments[*at].as_str();
        let stem = segment.strip_suffix(".html").or(segment.strip_suffix(".htm")).unwrap_or(segment);
        !named.slug.is_empty() && (segment == named.slug || stem == named.slug)
    });
    match at {
        Some(at) => segments[at] = segments[at].replacen(named.slug, "{slug}", 1),
        // A number instead of a name.
        None if segments[last].trim_end_matches(".html") == named.id && !named.id.is_empty() => {
            segments[last] = segments[last].replacen(named.id, "{number}", 1);
        }
        None => return None,
    }
    let end = at.unwrap_or(last);
    let mut wanted = vec![(year, "{year}"), (month, "{month}"), (day, "{day}"), (named.id.to_owned(), "{number}")];
    wanted.push((named.author.to_lowercase(), "{author}"));
    for (at, segment) in segments.iter_mut().enumerate() {
        if at == end {
            continue;
        }
        if let Some(found) = wanted.iter().position(|(value, _)| !value.is_empty() && *value == segment.to_lowercase())
        {
            wanted.remove(found).1.clone_into(segment);
        }
    }
    // The rest in one row may be the path of a category.
    let mut paths: Vec<&String> = named.categories.iter().collect();
    paths.sort_by_key(|path| std::cmp::Reverse(path.matches('/').count()));
    let mut category = None;
    for path in paths {
        let parts: Vec<&str> = path.split('/').collect();
        let place = (0..segments.len()).find(|at| {
            decoded[*at..].iter().map(String::as_str).take(parts.len()).eq(parts.iter().copied())
                && !segments[*at..(*at + parts.len()).min(segments.len())].iter().any(|segment| segment.contains('{'))
        });
        if let Some(place) = place {
            segments.splice(place..place + parts.len(), ["{category}".to_owned()]);
            category = Some(path.clone());
            break;
        }
    }
    Some((format!("/{}{}", segments.join("/"), if ends { "/" } else { "" }), category))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str) -> Option<(String, Option<String>)> {
        let categories = ["news".to_owned(), "news/local".to_owned()];
        let named = Named {
            slug: "über-uns",
            id: "12",
            day: Some(jiff::civil::date(2020, 1, 2)),
            author: "Ann",
            categories: &categories,
        };
        shape(path, &named)
    }

    #[test]
    fn shapes_are_found() {
        for (path, shape) in [
            ("/2020/01/%c3%bcber-uns/", "/{year}/{month}/{slug}/"),
            ("/2020/01/02/über-uns", "/{year}/{month}/{day}/{slug}"),
            ("/über-uns.html", "/{slug}.html"),
            ("/blog/über-uns/", "/blog/{slug}/"),
            ("/archives/12", "/archives/{number}"),
            ("/ann/über-uns/", "/{author}/{slug}/"),
            ("/news/local/über-uns/", "/{category}/{slug}/"),
            ("/news/über-uns/", "/{category}/{slug}/"),
        ] {
            assert_eq!(found(path).map(|(shape, _)| shape).as_deref(), Some(shape), "{path}");
        }
        assert_eq!(found("/news/local/über-uns/").unwrap().1.as_deref(), Some("news/local"));
        for none in ["/?p=12", "/", "/something/else/"] {
            assert_eq!(found(none), None, "{none}");
        }
    }

    #[test]
    fn paths_are_below_the_site() {
        assert_eq!(
            path_below("https://www.example.org/blog/a/?b", "https://example.org/blog").as_deref(),
            Some("/a/?b")
        );
        assert_eq!(path_below("https://example.com/a", "https://example.org"), None);
        assert_eq!(path_below("no address", "https://example.org"), None);
    }
}
