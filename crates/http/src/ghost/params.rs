//! Parameters as Ghost takes them: what is unknown is ignored, what asks for too much gets as much as there may be.

use std::collections::HashMap;

use actix_web::http::uri::PathAndQuery;

use super::wrong::Wrong;

/// Every parameter that means something; others change no answer, and are left out of what answers are kept under.
const KNOWN: [&str; 7] = ["fields", "filter", "formats", "include", "limit", "order", "page"];

/// How many a page has if nothing is said, and at most.
const LIMIT: i64 = 15;
const MAX_LIMIT: i64 = 100;

/// The address under which an answer is kept: without the slash at its end, the key, and what means nothing, and with the
/// parameters in the order of their names.
pub(crate) fn address(whole: &PathAndQuery) -> String {
    let mut address = whole.path().trim_end_matches('/').to_owned();
    let mut kept: Vec<_> = pairs(whole.query().unwrap_or_default()).collect();
    kept.sort_by_key(|(name, _)| *name);
    for (number, (_, pair)) in kept.into_iter().enumerate() {
        address.push(if number == 0 { '?' } else { '&' });
        address.push_str(pair);
    }
    address
}

/// The pairs of a query that mean something, as they stand there, each with its name. No name is written in percents: what
/// is read is what the address tells.
fn pairs(query: &str) -> impl Iterator<Item = (&'static str, &str)> {
    query.split('&').filter_map(|pair| {
        let name = pair.split('=').next().unwrap_or_default();
        Some((KNOWN.into_iter().find(|known| *known == name)?, pair))
    })
}

/// The parameters of a request.
#[derive(Debug, Default)]
pub(super) struct Params(HashMap<&'static str, String>);

impl Params {
    /// Reads a query. What is named twice is a list.
    pub(super) fn read(query: &str) -> Self {
        let mut values: HashMap<&'static str, String> = HashMap::new();
        for (name, pair) in pairs(query) {
            let Some((_, value)) = url::form_urlencoded::parse(pair.as_bytes()).next() else { continue };
            match values.get_mut(name) {
                Some(known) => {
                    known.push(',');
                    known.push_str(&value);
                }
                None => drop(values.insert(name, value.into_owned())),
            }
        }
        Self(values)
    }

    /// What was sent, if it is not empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// A list of names, in lower case.
    pub(super) fn names(&self, name: &str) -> Option<Vec<String>> {
        let names = self.text(name)?.split(',').map(|name| name.trim().to_lowercase());
        Some(names.filter(|name| !name.is_empty()).collect())
    }

    /// What is to be brought along; unknown names are passed over.
    pub(super) fn include(&self) -> Result<Vec<String>, Wrong> {
        if self.0.contains_key("include") && self.text("include").is_none() {
            return Err(Wrong::misused("Expected a value for include."));
        }
        Ok(self.names("include").unwrap_or_default())
    }

    /// Which part of a list is asked for.
    pub(super) fn page(&self) -> Result<Page, Wrong> {
        let limit = match self.text("limit") {
            None => LIMIT,
            Some(text) if text.starts_with('-') && number(&text[1..]).is_some() => {
                return Err(Wrong::invalid("matches", "limit"));
            }
            // `all`, and what is no number, means as much as there may be.
            Some(text) => match number(text) {
                Some(0) => LIMIT,
                Some(limit) => limit.min(MAX_LIMIT),
                None => MAX_LIMIT,
            },
        };
        let page = match self.text("page") {
            None => 1,
            Some(text) => number(text).ok_or_else(|| Wrong::invalid("matches", "page"))?.max(1),
        };
        Ok(Page { page, limit })
    }

    /// In which order, by names that may mean nothing; whether each descends. What has no direction is passed over.
    pub(super) fn order(&self) -> Result<Vec<(String, bool)>, Wrong> {
        let Some(text) = self.text("order") else { return Ok(Vec::new()) };
        if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_,. ".contains(&byte)) {
            return Err(Wrong::invalid("matches", "order"));
        }
        let rule = |rule: &str| {
            let (field, direction) = rule.trim().split_once(' ')?;
            let descends = match direction.trim().to_ascii_lowercase().as_str() {
                "asc" => false,
                "desc" => true,
                _ => return None,
            };
            Some((field.to_ascii_lowercase(), descends))
        };
        Ok(text.split(',').filter_map(rule).collect())
    }
}

/// A number; one that is too large is the largest there is.
fn number(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(i64::MAX))
}

/// A part of a list: pages are counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) page: i64,
    pub(super) limit: i64,
}

impl Page {
    /// How many stand before it.
    pub(super) fn offset(self) -> i64 {
        (self.page - 1).saturating_mul(self.limit)
    }

    /// The part of a list that was put into order here.
    pub(super) fn cut<T>(self, list: Vec<T>) -> Vec<T> {
        let (offset, limit) = (usize::try_from(self.offset()), usize::try_from(self.limit));
        list.into_iter().skip(offset.unwrap_or(usize::MAX)).take(limit.unwrap_or(0)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(query: &str) -> Result<(i64, i64), u16> {
        Params::read(query).page().map(|page| (page.page, page.limit)).map_err(|wrong| wrong.status.as_u16())
    }

    #[test]
    fn an_address_tells_what_is_read_and_nothing_else() {
        let address = |text: &str| address(&text.parse().unwrap());
        assert_eq!(address("/g/posts/?key=abc&limit=2&utm=1&filter=a"), "/g/posts?filter=a&limit=2");
        assert_eq!(address("/g/posts?limit=2&limit=3"), "/g/posts?limit=2&limit=3");
        assert_eq!(address("/g/posts/?key=abc"), "/g/posts");
        // What is not in the address is not read either.
        assert_eq!(address("/g/posts?%66ilter=a&filter[]=b"), "/g/posts");
        assert_eq!(Params::read("%66ilter=a&filter[]=b").text("filter"), None);
        assert_eq!(Params::read("filter=tag%3Aa%2Bb&x=y").text("filter"), Some("tag:a+b"));
    }

    #[test]
    fn pages_are_as_large_as_they_may_be() {
        for (query, expected) in [
            ("", Ok((1, 15))),
            ("limit=all", Ok((1, 100))),
            ("limit=1000&page=2", Ok((2, 100))),
            ("limit=abc", Ok((1, 100))),
            ("limit=0&page=0", Ok((1, 15))),
            ("limit=&page=", Ok((1, 15))),
            ("limit=-1", Err(422)),
            ("page=-1", Err(422)),
            ("page=abc", Err(422)),
            ("page=99999999999999999999999", Ok((i64::MAX, 15))),
        ] {
            assert_eq!(page(query), expected, "{query}");
        }
        assert_eq!(Page { page: i64::MAX, limit: 100 }.offset(), i64::MAX);
    }

    #[test]
    fn an_order_without_a_direction_is_passed_over() {
        let order = |text: &str| Params::read(&format!("order={text}")).order().map_err(|wrong| wrong.status.as_u16());
        assert_eq!(
            order("Title+ASC,slug,published_at%20desc,x+up"),
            Ok(vec![("title".into(), false), ("published_at".into(), true)])
        );
        assert_eq!(order("title;drop"), Err(422));
    }
}
