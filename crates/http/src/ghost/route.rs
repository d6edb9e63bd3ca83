//! What is asked for: which things, and whether all of them or one.

use domain::articles::Kind;

/// What there is at a path below `/content/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route<'a> {
    Articles(Kind, Which<'a>),
    Tags(Which<'a>),
    Authors(Which<'a>),
    Settings,
    Tiers,
    Newsletters,
    Recommendations,
    Offer,
    /// Everything of a sort, for searching in the browser.
    SearchIndex(Indexed),
}

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which<'a> {
    All,
    /// By Ghost's identity.
    Id(&'a str),
    /// By slug, as it stands in the path.
    Slug(&'a str),
}

/// What can be searched in the browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Indexed {
    Posts,
    Tags,
    Authors,
}

impl<'a> Route<'a> {
    /// What a path means, with or without a slash at its end.
    pub(super) fn of(path: &'a str) -> Option<Self> {
        let path = path.trim_matches('/');
        let (resource, rest) = path.split_once('/').unwrap_or((path, ""));
        let which = || match rest.split_once('/') {
            None if rest.is_empty() => Some(Which::All),
            None => Some(Which::Id(rest)),
            Some(("slug", slug)) if !slug.contains('/') => Some(Which::Slug(slug)),
            Some(_) => None,
        };
        Some(match (resource, rest) {
            ("posts", _) => Self::Articles(Kind::Article, which()?),
            ("pages", _) => Self::Articles(Kind::Page, which()?),
            ("tags", _) => Self::Tags(which()?),
            ("authors", _) => Self::Authors(which()?),
            ("settings", "") => Self::Settings,
            ("tiers", "") => Self::Tiers,
            ("newsletters", "") => Self::Newsletters,
            ("recommendations", "") => Self::Recommendations,
            ("offers", _) => matches!(which()?, Which::Id(_)).then_some(Self::Offer)?,
            ("search-index", "posts") => Self::SearchIndex(Indexed::Posts),
            ("search-index", "tags") => Self::SearchIndex(Indexed::Tags),
            ("search-index", "authors") => Self::SearchIndex(Indexed::Authors),
            _ => return None,
        })
    }

    /// What is being done, as refusals name it.
    pub(super) fn action(self) -> &'static str {
        match self {
            Self::Articles(Kind::Article, Which::All) => "list posts",
            Self::Articles(Kind::Article, _) => "read post",
            Self::Articles(Kind::Page, Which::All) => "list pages",
            Self::Articles(Kind::Page, _) => "read page",
            Self::Tags(Which::All) => "list tags",
            Self::Tags(_) => "read tag",
            Self::Authors(Which::All) => "list authors",
            Self::Authors(_) => "read author",
            Self::Settings => "list settings",
            Self::Tiers => "list tiers",
            Self::Newsletters => "list newsletters",
            Self::Recommendations => "list recommendations",
            Self::Offer => "read offer",
            Self::SearchIndex(_) => "list search_index",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_with_and_without_the_slash_at_their_end() {
        assert_eq!(Route::of("posts"), Some(Route::Articles(Kind::Article, Which::All)));
        assert_eq!(Route::of("posts/"), Route::of("posts"));
        assert_eq!(Route::of("pages/slug/about/"), Some(Route::Articles(Kind::Page, Which::Slug("about"))));
        assert_eq!(
            Route::of("tags/5ddc9141c35e7700383b2937/"),
            Some(Route::Tags(Which::Id("5ddc9141c35e7700383b2937")))
        );
        assert_eq!(Route::of("search-index/posts/"), Some(Route::SearchIndex(Indexed::Posts)));
        for none in [
            "",
            "/",
            "users",
            "settings/x",
            "posts/a/b",
            "posts/slug/a/b",
            "offers",
            "search-index",
            "search-index/pages",
        ] {
            assert_eq!(Route::of(none), None, "{none}");
        }
    }
}
