//! Addresses that stand for what is at them: a player where the host is known, else a link.

use std::sync::LazyLock;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use regex::{Captures, Regex};
use url::Url;

use super::{escape, pattern};

static LINE: LazyLock<Regex> = LazyLock::new(|| pattern(r#"(?mi)^([ \t\r]*)(https?://[^\s<>"]+)([ \t\r]*)$"#));
static PARAGRAPH: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"(?i)(<p(?: [^>]*)?>[ \t\r\n]*)(https?://[^\s<>"]+)([ \t\r\n]*</p>)"#));

/// Embeds what stands alone on a line, or in a paragraph.
pub(super) fn lines(content: &str) -> String {
    let content =
        LINE.replace_all(content, |found: &Captures<'_>| format!("{}{}{}", &found[1], inner(&found[2]), &found[3]));
    let embedded = |found: &Captures<'_>| match player(&found[2]) {
        Some(player) => figure(&player),
        None => found[0].to_owned(),
    };
    PARAGRAPH.replace_all(&content, embedded).into_owned()
}

/// What an address on a line of its own becomes: within an embed block it has a figure around it already.
fn inner(url: &str) -> String {
    player(url).unwrap_or_else(|| link(url))
}

/// What `[embed]` makes of an address, and an embed card.
pub fn embed(url: &str) -> String {
    match player(url) {
        Some(player) => figure(&player),
        None => format!("<p>{}</p>", link(url)),
    }
}

fn figure(player: &str) -> String {
    format!("<figure class=\"wp-block-embed\">{player}</figure>")
}

fn link(url: &str) -> String {
    // What is escaped already is not escaped again.
    let url = escape(&super::entities(url));
    format!("<a href=\"{url}\">{url}</a>")
}

/// The frame of a host whose players are known.
fn player(url: &str) -> Option<String> {
    let address = source(&super::entities(url))?;
    Some(format!("<iframe src=\"{}\" width=\"640\" height=\"360\"></iframe>", escape(&address)))
}

/// Where the player of an address is.
fn source(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let host = url.host_str()?;
    let host = host.strip_prefix("www.").unwrap_or(host);
    let segments: Vec<&str> = url.path_segments()?.filter(|segment| !segment.is_empty()).collect();
    let word = |text: &str| {
        let is_word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        (!text.is_empty() && text.len() <= 100 && text.bytes().all(is_word)).then(|| text.to_owned())
    };
    let asked = |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    match (host, segments.as_slice()) {
        ("youtube.com" | "m.youtube.com" | "youtube-nocookie.com", ["watch", ..]) => {
            Some(format!("https://www.youtube-nocookie.com/embed/{}", word(&asked("v")?)?))
        }
        ("youtube.com" | "m.youtube.com" | "youtube-nocookie.com", ["embed" | "shorts" | "live" | "v", id]) => {
            Some(format!("https://www.youtube-nocookie.com/embed/{}", word(id)?))
        }
        ("youtu.be", [id]) => Some(format!("https://www.youtube-nocookie.com/embed/{}", word(id)?)),
        ("vimeo.com", [id]) if id.bytes().all(|b| b.is_ascii_digit()) => {
            Some(format!("https://player.vimeo.com/video/{id}"))
        }
        ("player.vimeo.com", ["video", id]) => Some(format!("https://player.vimeo.com/video/{}", word(id)?)),
        ("dailymotion.com", ["video", id]) | ("dai.ly", [id]) => {
            Some(format!("https://www.dailymotion.com/embed/video/{}", word(id)?))
        }
        ("open.spotify.com", [kind @ ("track" | "album" | "playlist" | "episode" | "show"), id]) => {
            Some(format!("https://open.spotify.com/embed/{kind}/{}", word(id)?))
        }
        ("soundcloud.com", [_, _, ..]) => {
            let encoded = utf8_percent_encode(url.as_str(), NON_ALPHANUMERIC);
            Some(format!("https://w.soundcloud.com/player/?url={encoded}"))
        }
        ("ted.com", ["talks", name]) => Some(format!("https://embed.ted.com/talks/{}", word(name)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_hosts_get_players() {
        for (url, source) in [
            ("https://www.youtube.com/watch?v=nwe-H6l4beM&t=3", "https://www.youtube-nocookie.com/embed/nwe-H6l4beM"),
            ("http://youtu.be/abc", "https://www.youtube-nocookie.com/embed/abc"),
            ("https://vimeo.com/44633289", "https://player.vimeo.com/video/44633289"),
            ("https://open.spotify.com/track/0a", "https://open.spotify.com/embed/track/0a"),
        ] {
            assert_eq!(super::source(url).as_deref(), Some(source), "{url}");
        }
        for url in
            ["https://example.org/watch?v=a", "https://youtu.be/\"onload=", "javascript:1", "https://vimeo.com/a"]
        {
            assert_eq!(super::source(url), None, "{url}");
        }
    }

    #[test]
    fn what_stands_alone_on_a_line_is_embedded() {
        assert_eq!(
            lines("a\nhttps://youtu.be/b\nsee https://youtu.be/c"),
            "a\n<iframe src=\"https://www.youtube-nocookie.com/embed/b\" width=\"640\" height=\"360\"></iframe>\nsee https://youtu.be/c"
        );
        assert_eq!(
            lines("https://example.org/?a=1&amp;b"),
            "<a href=\"https://example.org/?a=1&amp;b\">https://example.org/?a=1&amp;b</a>"
        );
        assert!(lines("<p>https://youtu.be/b</p>").starts_with("<figure class=\"wp-block-embed\"><iframe "));
    }
}
