//! Which lists of articles a change alters: a list looks through a window at a row of articles, and what happens
//! outside of it does not concern it.
//!
//! A scope is what an article is listed under: `all`, or a row of `published_in` as `category:ID`, `subtree:ID`,
//! `tag:ID`, `byline:ID`.

use std::ops::{Bound, RangeBounds as _};

use domain::Timestamp;
use domain::articles::Kind;
use serde::{Deserialize, Serialize};

use crate::published::Position;

/// Where an article is listed, and was listed before a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relisted {
    /// Articles and pages have lists of their own.
    pub kind: Kind,
    /// Its place in all of them.
    pub position: Position,
    /// Scopes it was in and is in: there, what is shown of it may be new.
    pub stays: Vec<String>,
    /// Scopes it was not in, and is in now.
    pub comes: Vec<String>,
    /// Scopes it was in, and is in no longer.
    pub goes: Vec<String>,
}

impl Relisted {
    /// Compares the scopes from before a change with those after it; none of both: it was, or is, not public.
    pub(crate) fn new(kind: Kind, position: Position, before: &[String], after: &[String]) -> Self {
        let without = |these: &[String], those: &[String]| -> Vec<String> {
            these.iter().filter(|scope| !those.contains(scope)).cloned().collect()
        };
        let (comes, goes) = (without(after, before), without(before, after));
        Self { kind, position, stays: without(after, &comes), comes, goes }
    }

    /// Every scope that it is or was in.
    pub fn scopes(&self) -> impl Iterator<Item = &String> {
        self.stays.iter().chain(&self.comes).chain(&self.goes)
    }
}

/// The part of a list of articles that an answer shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// What the articles are in, all of it.
    pub scopes: Vec<String>,
    /// Articles or pages.
    pub kind: Kind,
    /// In this locale; none: in every one.
    pub locale: Option<String>,
    /// First published at this time or later.
    pub after: Option<Timestamp>,
    /// First published before this time.
    pub before: Option<Timestamp>,
    /// The positions that are seen.
    pub seen: (Bound<Position>, Bound<Position>),
    /// The one right behind them, which makes that there is a next page.
    pub next: Option<Position>,
    /// Whether the answer says how many there are in all.
    pub counted: bool,
}

impl Window {
    /// On all articles, or pages, in every locale.
    pub fn whole(kind: Kind) -> Self {
        let seen = (Bound::Unbounded, Bound::Unbounded);
        let (scopes, locale, after, before) = (vec!["all".to_owned()], None, None, None);
        Self { scopes, kind, locale, after, before, seen, next: None, counted: false }
    }

    /// Whether the answer is another one after this change of an article in `locale`.
    pub fn is_altered_by(&self, change: &Relisted, locale: Option<&str>) -> bool {
        let holds = |scopes: [&Vec<String>; 2]| {
            self.scopes.iter().all(|scope| scopes.iter().any(|scopes| scopes.contains(scope)))
        };
        let was = holds([&change.stays, &change.goes]);
        let is = holds([&change.stays, &change.comes]);
        let (at, _) = change.position;
        let fits = change.kind == self.kind
            && self.locale.as_deref().is_none_or(|own| locale == Some(own))
            && self.after.is_none_or(|after| at >= after.micros())
            && self.before.is_none_or(|before| at < before.micros());
        let counts = self.counted || self.next == Some(change.position);
        fits && (was || is) && (self.seen.contains(&change.position) || (counts && was != is))
    }
}

#[cfg(test)]
mod tests {
    use domain::ids::ArticleId;

    use super::*;

    fn position(at: i64) -> Position {
        (at, ArticleId::new())
    }

    fn scopes(names: &[&str]) -> Vec<String> {
        names.iter().map(ToString::to_string).collect()
    }

    fn window(names: &[&str]) -> Window {
        Window {
            scopes: scopes(names),
            kind: Kind::Article,
            locale: Some("en".into()),
            after: None,
            before: None,
            seen: (Bound::Included(position(10)), Bound::Excluded(position(20))),
            next: None,
            counted: false,
        }
    }

    fn alters(window: &Window, at: i64, before: &[&str], after: &[&str]) -> bool {
        let change = Relisted::new(Kind::Article, position(at), &scopes(before), &scopes(after));
        window.is_altered_by(&change, Some("en"))
    }

    #[test]
    fn what_happens_inside_the_window_alters_the_answer() {
        let window = window(&["all"]);
        assert!(alters(&window, 15, &["all"], &["all"]), "it says something else");
        assert!(alters(&window, 15, &[], &["all"]), "it came");
        assert!(alters(&window, 15, &["all"], &[]), "it went");
    }

    #[test]
    fn what_happens_outside_of_it_does_not() {
        let mut window = window(&["all"]);
        for at in [5, 25] {
            assert!(!alters(&window, at, &[], &["all"]));
        }
        window.seen.0 = Bound::Unbounded;
        assert!(alters(&window, 5, &[], &["all"]), "a list that is at its end sees what comes after it");
        assert!(!alters(&window, 25, &[], &["all"]));
    }

    #[test]
    fn a_count_sees_what_comes_and_goes_but_not_what_stays() {
        let mut window = window(&["all"]);
        window.counted = true;
        assert!(alters(&window, 5, &[], &["all"]));
        assert!(alters(&window, 5, &["all"], &[]));
        assert!(!alters(&window, 5, &["all"], &["all"]));
    }

    #[test]
    fn what_is_right_behind_the_page_makes_that_there_is_a_next_one() {
        let mut window = window(&["all"]);
        let next = position(9);
        window.next = Some(next);
        let change =
            |before: &[&str], after: &[&str]| Relisted::new(Kind::Article, next, &scopes(before), &scopes(after));
        assert!(window.is_altered_by(&change(&["all"], &[]), Some("en")));
        assert!(!window.is_altered_by(&change(&["all"], &["all"]), Some("en")), "what it says is not seen yet");
    }

    #[test]
    fn a_list_of_several_things_sees_what_is_in_all_of_them() {
        let window = window(&["tag:t", "subtree:c"]);
        assert!(!alters(&window, 15, &["all", "tag:t"], &["all", "tag:t"]));
        assert!(alters(&window, 15, &["all", "tag:t"], &["all", "tag:t", "subtree:c"]), "it came into the second");
        assert!(alters(&window, 15, &["all", "tag:t", "subtree:c"], &["all", "tag:t"]));
        assert!(!alters(&window, 15, &["tag:t"], &["subtree:c"]), "it was in one, and is in the other");
    }

    #[test]
    fn another_kind_locale_or_time_is_not_in_the_list() {
        let mut window = window(&["all"]);
        let change = Relisted::new(Kind::Page, position(15), &[], &scopes(&["all"]));
        assert!(!window.is_altered_by(&change, Some("en")));
        let change = Relisted::new(Kind::Article, position(15), &[], &scopes(&["all"]));
        assert!(window.is_altered_by(&change, Some("en")));
        assert!(!window.is_altered_by(&change, Some("de")));
        window.locale = None;
        assert!(window.is_altered_by(&change, Some("de")));
        window.after = Some(Timestamp::from_micros(16));
        assert!(!window.is_altered_by(&change, Some("de")));
        (window.after, window.before) = (None, Some(Timestamp::from_micros(15)));
        assert!(!window.is_altered_by(&change, Some("de")));
    }
}
