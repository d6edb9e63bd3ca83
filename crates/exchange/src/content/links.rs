//! Addresses within HTML that lead to files which have moved along.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::{entities, escape, pattern};

static ADDRESS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(?i)(\s(?:src|href|poster)\s*=\s*)(?:"([^"]*)"|'([^']*)')"#));

/// Puts in the place of each address what `to` makes of it.
pub fn relink(html: &str, mut to: impl FnMut(&str) -> Option<String>) -> String {
    let replaced = ADDRESS.replace_all(html, |found: &Captures<'_>| {
        let value = found.get(2).or(found.get(3)).map_or("", |value| value.as_str());
        match to(entities(value).trim()) {
            Some(to) => format!("{}\"{}\"", &found[1], escape(&to)),
            None => found[0].to_owned(),
        }
    });
    replaced.into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_in_tags_are_looked_at() {
        let html = "<img alt='src=\"a\"' src='/a?b&amp;c'><a href=\"/d\">src=\"/a\"</a>";
        let mut seen = Vec::new();
        let linked = relink(html, |address| {
            seen.push(address.to_owned());
            (address == "/a?b&c").then(|| "/media/e\"&f".to_owned())
        });
        assert_eq!(seen, ["/a?b&c", "/d"]);
        assert_eq!(linked, "<img alt='src=\"a\"' src=\"/media/e&quot;&amp;f\"><a href=\"/d\">src=\"/a\"</a>");
    }
}
