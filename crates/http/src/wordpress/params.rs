//! Parameters as WordPress takes them: lists in four spellings, what is unknown ignored, every fault named at once.

use std::collections::BTreeMap;

use domain::Timestamp;
use domain::site::Settings;

use super::wrong::Wrong;

/// Every parameter that means something; others change no answer, and are left out of what answers are kept under.
const KNOWN: [&str; 53] = [
    "_embed",
    "_envelope",
    "_fields",
    "after",
    "author",
    "author_email",
    "author_exclude",
    "before",
    "capabilities",
    "categories",
    "categories_exclude",
    "context",
    "exclude",
    "format",
    "has_published_posts",
    "hide_empty",
    "ignore_sticky",
    "include",
    "media_type",
    "menu_order",
    "mime_type",
    "modified_after",
    "modified_before",
    "offset",
    "order",
    "orderby",
    "page",
    "parent",
    "parent_exclude",
    "password",
    "per_page",
    "post",
    "rest_route",
    "roles",
    "search",
    "search_columns",
    "search_semantics",
    "slug",
    "status",
    "sticky",
    "subtype",
    "tags",
    "tags_exclude",
    "tax_relation",
    "taxonomy",
    "type",
    "who",
    "excerpt_length",
    "id",
    "post_type",
    "meta_key",
    "meta_value",
    "lang",
];

/// Most values of one list.
const MAX_VALUES: usize = 100;

/// Whether a parameter means something; `name` as it stands in the address, with or without brackets.
pub(crate) fn is_known(name: &str) -> bool {
    let name = name.split(['[', '%']).next().unwrap_or_default();
    KNOWN.contains(&name)
}

/// The parameters of a request.
#[derive(Debug, Default)]
pub(super) struct Params {
    values: BTreeMap<String, Vec<String>>,
    faults: Vec<(String, &'static str, String)>,
}

impl Params {
    /// Reads a query: `a[]=1&a[]=2`, `a[0]=1`, `a=1,2` and `a=1` are one; `a[b]=1` is a member `b` of `a`.
    pub(super) fn read(query: &str) -> Self {
        let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            let (name, listed) = match name.split_once('[') {
                None => (name.into_owned(), false),
                Some((base, rest)) => {
                    let key = rest.trim_end_matches(']').split("][").next().unwrap_or_default();
                    if key.is_empty() || key.bytes().all(|byte| byte.is_ascii_digit()) {
                        (base.to_owned(), true)
                    } else {
                        (format!("{base}[{key}]"), rest.contains("]["))
                    }
                }
            };
            let known = values.entry(name).or_default();
            if !listed {
                known.clear();
            }
            if known.len() < MAX_VALUES {
                known.push(value.into_owned());
            }
        }
        Self { values, faults: Vec::new() }
    }

    /// Whether it was sent at all.
    pub(super) fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// A text; the last one sent.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name)?.last().map(String::as_str)
    }

    /// A list of texts.
    pub(super) fn texts(&self, name: &str) -> Option<Vec<String>> {
        let values = self.values.get(name)?;
        let parts = values.iter().flat_map(|value| value.split([',', ' '])).filter(|part| !part.is_empty());
        Some(parts.take(MAX_VALUES).map(str::to_owned).collect())
    }

    fn note(&mut self, name: &str, code: &'static str, message: String) {
        self.faults.push((name.to_owned(), code, message));
    }

    /// A list of numbers.
    pub(super) fn numbers(&mut self, name: &str) -> Option<Vec<i64>> {
        let mut numbers = Vec::new();
        for (index, text) in self.texts(name)?.iter().enumerate() {
            let Ok(number) = text.parse() else {
                self.note(name, "rest_invalid_type", format!("{name}[{index}] is not of type integer."));
                return Some(numbers);
            };
            numbers.push(number);
        }
        Some(numbers)
    }

    /// A number within bounds.
    pub(super) fn number(&mut self, name: &str, default: i64, min: i64, max: Option<i64>) -> i64 {
        let Some(text) = self.text(name) else { return default };
        let Ok(number) = text.parse::<i64>() else {
            self.note(name, "rest_invalid_type", format!("{name} is not of type integer."));
            return default;
        };
        match max {
            Some(max) if !(min..=max).contains(&number) => {
                let message = format!("{name} must be between {min} (inclusive) and {max} (inclusive)");
                self.note(name, "rest_out_of_bounds", message);
            }
            None if number < min => {
                self.note(name, "rest_out_of_bounds", format!("{name} must be greater than or equal to {min}"));
            }
            _ => return number,
        }
        default
    }

    /// One of some words.
    pub(super) fn choice(&mut self, name: &str, words: &[&'static str], default: &'static str) -> &'static str {
        let Some(text) = self.text(name) else { return default };
        if let Some(word) = words.iter().find(|word| **word == text) {
            return word;
        }
        self.refuse_word(name, name, words);
        default
    }

    /// Some of some words.
    pub(super) fn choices(&mut self, name: &str, words: &[&'static str]) -> Option<Vec<&'static str>> {
        let mut chosen = Vec::new();
        for (index, text) in self.texts(name)?.iter().enumerate() {
            match words.iter().find(|word| *word == text) {
                Some(word) => chosen.push(*word),
                None => self.refuse_word(name, &format!("{name}[{index}]"), words),
            }
        }
        Some(chosen).filter(|chosen| !chosen.is_empty())
    }

    fn refuse_word(&mut self, name: &str, which: &str, words: &[&'static str]) {
        let (last, first) = words.split_last().unwrap_or((&"", &[]));
        let comma = if first.len() > 1 { "," } else { "" };
        let message = format!("{which} is not one of {}{comma} and {last}.", first.join(", "));
        self.note(name, "rest_not_in_enum", message);
    }

    /// Yes or no.
    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        match self.text(name)? {
            "1" | "true" | "TRUE" => Some(true),
            "0" | "false" | "FALSE" | "" => Some(false),
            _ => {
                self.note(name, "rest_invalid_type", format!("{name} is not of type boolean."));
                None
            }
        }
    }

    /// A time; in the site's zone if it names none.
    pub(super) fn time(&mut self, name: &str, settings: &Settings) -> Option<Timestamp> {
        let at = Timestamp::parse_in(self.text(name)?, &settings.zone());
        if at.is_none() {
            self.note(name, "rest_invalid_date", "Invalid date.".into());
        }
        at
    }

    /// `context`: `view` or `embed`; what needs a sign-in is refused.
    pub(super) fn embedded(&mut self, subject: &str) -> Result<bool, Wrong> {
        match self.choice("context", &["view", "embed", "edit"], "view") {
            "edit" => {
                let message = format!("Sorry, you are not allowed to edit {subject}.");
                Err(Wrong::sign_in("rest_forbidden_context", message))
            }
            context => Ok(context == "embed"),
        }
    }

    /// Refuses a state that only editors may ask for.
    pub(super) fn refuse_other_states(&mut self, public: &[&str]) {
        let asked = self.texts("status").unwrap_or_default();
        if asked.iter().any(|status| !public.contains(&status.as_str())) {
            self.note("status", "rest_forbidden_status", "Status is forbidden.".into());
        }
    }

    /// Refuses with every fault that was found.
    pub(super) fn finish(&self) -> Result<(), Wrong> {
        if self.faults.is_empty() { Ok(()) } else { Err(Wrong::parameters(&self.faults)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_have_four_spellings() {
        for query in ["a%5B%5D=1&a%5B%5D=2", "a[0]=1&a[1]=2", "a=1,2", "a[]=1,2"] {
            assert_eq!(Params::read(query).numbers("a"), Some(vec![1, 2]), "{query}");
        }
        assert_eq!(Params::read("a=1").numbers("a"), Some(vec![1]));
        let mut params = Params::read("a[terms][]=1&a[terms][]=2&a[operator]=AND");
        assert_eq!(params.numbers("a[terms]"), Some(vec![1, 2]));
        assert_eq!((params.text("a[operator]"), params.text("a")), (Some("AND"), None));
    }

    #[test]
    fn every_fault_is_worded_as_wordpress_words_it() {
        let mut params = Params::read("per_page=0&page=x&order=ASC&include=1,b&orderby=foo");
        params.number("per_page", 10, 1, Some(100));
        params.number("page", 1, 1, None);
        params.choice("order", &["asc", "desc"], "desc");
        params.choice("orderby", &["date", "id", "slug"], "date");
        params.numbers("include");
        let wrong = params.finish().unwrap_err().body();
        assert_eq!(wrong["message"], "Invalid parameter(s): per_page, page, order, orderby, include");
        let params = &wrong["data"]["params"];
        assert_eq!(params["per_page"], "per_page must be between 1 (inclusive) and 100 (inclusive)");
        assert_eq!(params["page"], "page is not of type integer.");
        assert_eq!(params["order"], "order is not one of asc and desc.");
        assert_eq!(params["orderby"], "orderby is not one of date, id, and slug.");
        assert_eq!(params["include"], "include[1] is not of type integer.");
    }

    #[test]
    fn what_means_nothing_is_known_for_that() {
        assert!(is_known("categories") && is_known("categories%5B%5D") && is_known("include[0]"));
        assert!(!is_known("utm_source") && !is_known("filter[s]"));
    }
}
