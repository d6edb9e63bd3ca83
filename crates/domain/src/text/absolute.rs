//! Markup that is read away from its page: relative addresses in it become absolute ones.

use url::Url;

/// Attributes that hold one address.
const ADDRESSES: [&str; 4] = [" href=\"", " src=\"", " cite=\"", " poster=\""];

/// Cleaned HTML whose addresses stand for themselves: those that begin with `/media/` are files of `server`, all others
/// are meant from the page `page`.
///
/// Reads only the sanitiser's own output, in which `<` and `>` stand for nothing but tags, and values stand in `"`.
pub fn absolute(html: &str, page: &Url, server: &Url) -> String {
    let mut written = String::with_capacity(html.len() + html.len() / 8);
    for part in html.split_inclusive('>') {
        match part.rfind('<') {
            Some(tag) => {
                written.push_str(&part[..tag]);
                push_tag(&mut written, &part[tag..], page, server);
            }
            None => written.push_str(part),
        }
    }
    written
}

fn push_tag(written: &mut String, tag: &str, page: &Url, server: &Url) {
    let mut rest = tag;
    while let Some((at, attribute)) =
        ADDRESSES.iter().filter_map(|name| Some((rest.find(name)?, *name))).min_by_key(|(at, _)| *at)
    {
        let (before, from) = rest.split_at(at + attribute.len());
        let Some((value, after)) = from.split_once('"') else { break };
        written.push_str(before);
        match join(value, page, server) {
            Some(address) => written.push_str(&address.replace('&', "&amp;")),
            None => written.push_str(value),
        }
        written.push('"');
        rest = after;
    }
    written.push_str(rest);
}

/// The absolute form of an escaped address; none if it has one already, or is none.
fn join(value: &str, page: &Url, server: &Url) -> Option<String> {
    let address = value.replace("&quot;", "\"").replace("&amp;", "&");
    if Url::parse(&address) != Err(url::ParseError::RelativeUrlWithoutBase) {
        return None;
    }
    match address.strip_prefix("/media/") {
        Some(file) => Some(format!("{}/media/{file}", server.as_str().trim_end_matches('/'))),
        None => page.join(&address).ok().map(String::from),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(html: &str) -> String {
        let page = Url::parse("https://example.org/2026/a").unwrap();
        absolute(html, &page, &Url::parse("https://cms.example.org/").unwrap())
    }

    #[test]
    fn relative_addresses_are_meant_from_their_page() {
        for (html, expected) in [
            ("<a href=\"/b?x=1&amp;y=2\">b</a>", "<a href=\"https://example.org/b?x=1&amp;y=2\">b</a>"),
            ("<a href=\"#fn-1\">1</a>", "<a href=\"https://example.org/2026/a#fn-1\">1</a>"),
            ("<img alt=\"a\" src=\"c.png\">", "<img alt=\"a\" src=\"https://example.org/2026/c.png\">"),
            ("<img src=\"/media/ab/c.png\">", "<img src=\"https://cms.example.org/media/ab/c.png\">"),
            ("<q cite=\"//other.example/\">q</q>", "<q cite=\"https://other.example/\">q</q>"),
        ] {
            assert_eq!(made(html), expected);
        }
    }

    #[test]
    fn what_is_absolute_or_no_address_stays() {
        for html in [
            "<a href=\"https://example.com/?a&amp;b\">a</a> href=\"x\" <b>",
            "<a href=\"mailto:a@b.example\">a</a>",
            "text",
            "",
            "a &lt; b > c",
            "<p title=\"the src= of\">x</p>",
            "<a href=\"unfinished",
        ] {
            assert_eq!(made(html), html);
        }
    }
}
