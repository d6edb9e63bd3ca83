//! What a feed is about and how it is written, as its address says.

use domain::site::Settings;
use persistence::resolve::Resource;

/// What a feed is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Which {
    /// Every article.
    All,
    /// The articles in a category and everything below it, by slug or path.
    Category(String),
    /// The articles with a tag, by slug.
    Tag(String),
    /// The articles signed with a byline, by slug.
    Byline(String),
    /// The comments of an article, by slug; in this locale, if it is not the site's own.
    Comments(String, Option<String>),
}

/// How a feed is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Rss,
    Atom,
    Json,
}

impl Format {
    const ALL: [Self; 3] = [Self::Rss, Self::Atom, Self::Json];

    /// The end of its addresses.
    fn ending(self) -> &'static str {
        match self {
            Self::Rss => "rss",
            Self::Atom => "atom",
            Self::Json => "json",
        }
    }

    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Rss => "application/rss+xml; charset=utf-8",
            Self::Atom => "application/atom+xml; charset=utf-8",
            Self::Json => "application/feed+json",
        }
    }

    /// What WordPress calls so at the end of an address.
    pub(super) fn of_wordpress(name: &str) -> Option<Self> {
        match name {
            "atom" => Some(Self::Atom),
            "rss2" | "rss" => Some(Self::Rss),
            _ => None,
        }
    }
}

impl Which {
    /// What `all.rss`, `category/a/b.atom` and the like mean.
    pub(super) fn of(address: &str) -> Option<(Self, Format)> {
        let (about, ending) = address.rsplit_once('.')?;
        let format = Format::ALL.into_iter().find(|format| format.ending() == ending)?;
        let which = match about.split_once('/') {
            None if about == "all" => Self::All,
            Some((_, "")) | None => return None,
            Some(("category", path)) => Self::Category(path.to_owned()),
            Some(("tag", slug)) => Self::Tag(slug.to_owned()),
            Some(("byline", slug)) => Self::Byline(slug.to_owned()),
            Some(("article", rest)) => Self::Comments(rest.strip_suffix("/comments")?.to_owned(), None),
            Some(_) => return None,
        };
        Some((which, format))
    }

    /// What the feed of a thing of the site is about.
    pub(super) fn about(resource: Resource, settings: &Settings) -> Self {
        match resource.kind.as_str() {
            "category" => Self::Category(resource.slug),
            "tag" => Self::Tag(resource.slug),
            "byline" => Self::Byline(resource.slug),
            _ => Self::Comments(resource.slug, resource.locale.filter(|locale| *locale != settings.locale)),
        }
    }

    /// The same under another name.
    pub(super) fn renamed(&self, name: String) -> Self {
        match self {
            Self::Category(_) => Self::Category(name),
            Self::Tag(_) => Self::Tag(name),
            Self::Byline(_) => Self::Byline(name),
            Self::All | Self::Comments(..) => self.clone(),
        }
    }

    /// Below `/feeds/`.
    pub(super) fn address(&self, format: Format) -> String {
        let about = match self {
            Self::All => "all".to_owned(),
            Self::Category(path) => format!("category/{path}"),
            Self::Tag(slug) => format!("tag/{slug}"),
            Self::Byline(slug) => format!("byline/{slug}"),
            Self::Comments(slug, _) => format!("article/{slug}/comments"),
        };
        format!("{about}.{}", format.ending())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_what_the_feed_is_about() {
        for (address, which) in [
            ("all.rss", Which::All),
            ("category/a/b.atom", Which::Category("a/b".into())),
            ("tag/v1.2.json", Which::Tag("v1.2".into())),
            ("byline/ann.rss", Which::Byline("ann".into())),
            ("article/x/comments.atom", Which::Comments("x".into(), None)),
        ] {
            let (read, format) = Which::of(address).unwrap();
            assert_eq!((&read, read.address(format).as_str()), (&which, address));
        }
        for none in
            ["", "all", "all.xml", "all/.rss", "tag/.rss", "none/x.rss", "article/x.rss", "article/comments.rss"]
        {
            assert_eq!(Which::of(none), None, "{none}");
        }
    }
}
