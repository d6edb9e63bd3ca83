//! Players of other hosts within an article. The sanitiser never sees an `iframe`: one of a known host stands before it
//! as an element of our own, and comes back out of it in one form, which cannot reach the page around it.

use std::borrow::Cow;

use url::Url;

/// The element that stands for a frame while its surroundings are cleaned.
pub(super) const FRAME: &str = "byline-frame";

/// How a frame begins and ends.
const OPEN: &str = "<iframe";
const CLOSE: &str = "</iframe";

/// What every frame may and may not.
const FIXED: &str = " loading=\"lazy\" referrerpolicy=\"strict-origin-when-cross-origin\" \
                     sandbox=\"allow-popups allow-presentation allow-same-origin allow-scripts\" allowfullscreen=\"\"></iframe>";

/// Hosts with what a player's path begins with.
const HOSTS: &[(&str, &str)] = &[
    ("archive.org", "/embed/"),
    ("bandcamp.com", "/EmbeddedPlayer/"),
    ("datawrapper.dwcdn.net", "/"),
    ("embed.music.apple.com", "/"),
    ("embed.podcasts.apple.com", "/"),
    ("embed.ted.com", "/talks/"),
    ("flo.uri.sh", "/"),
    ("open.spotify.com", "/embed/"),
    ("player.vimeo.com", "/video/"),
    ("w.soundcloud.com", "/player/"),
    ("www.dailymotion.com", "/embed/"),
    ("www.google.com", "/maps/embed"),
    ("www.openstreetmap.org", "/export/embed.html"),
    ("www.youtube-nocookie.com", "/embed/"),
    ("www.youtube.com", "/embed/"),
];

/// Whether this is the address of a player that may be shown, as the URL standard writes it.
pub(super) fn is_known(address: &str) -> bool {
    Url::parse(address).is_ok_and(|url| {
        let host = url.host_str().unwrap_or_default();
        url.scheme() == "https"
            && url.as_str() == address
            && url.username().is_empty()
            && url.password().is_none()
            && url.port().is_none()
            && HOSTS.iter().any(|(known, path)| *known == host && url.path().starts_with(path))
    })
}

/// The address of a player in the form that is known: encrypted, and without the parts that only browsers guess.
fn known(address: &str) -> Option<String> {
    let address = address.trim();
    let address = match address.strip_prefix("//") {
        Some(rest) => format!("https://{rest}"),
        None => address.replacen("http://", "https://", 1),
    };
    let address = String::from(Url::parse(&address).ok()?);
    is_known(&address).then_some(address)
}

/// Puts our element in the place of each frame that may be shown. What is not recognised stays, and the sanitiser takes
/// it away.
pub(super) fn fold(html: &str) -> Cow<'_, str> {
    let Some(first) = find(html, OPEN) else { return Cow::Borrowed(html) };
    // Behind the last end there is none that could be whole.
    let Some(last) = html.rmatch_indices("</").map(|(at, _)| at).find(|at| is_at(html, *at, CLOSE)) else {
        return Cow::Borrowed(html);
    };
    let mut folded = html[..first].to_owned();
    let mut rest = &html[first..];
    loop {
        let tag = &rest[OPEN.len()..];
        if html.len() - tag.len() > last {
            break;
        }
        if let Some((element, after)) = frame(tag) {
            folded.push_str(&element);
            rest = after;
        } else {
            folded.push_str(&rest[..OPEN.len()]);
            rest = tag;
        }
        let Some(next) = find(rest, OPEN) else { break };
        folded.push_str(&rest[..next]);
        rest = &rest[next..];
    }
    folded.push_str(rest);
    folded.into()
}

/// Where `needle` is, whatever the case of its letters.
fn find(html: &str, needle: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = html.as_bytes().get(from..)?.iter().position(|byte| *byte == b'<') {
        let at = from + at;
        if is_at(html, at, needle) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

fn is_at(html: &str, at: usize, needle: &str) -> bool {
    html.as_bytes().get(at..at + needle.len()).is_some_and(|found| found.eq_ignore_ascii_case(needle.as_bytes()))
}

/// Our element for the frame whose attributes stand at the beginning of `tag`, and what follows its end.
fn frame(tag: &str) -> Option<(String, &str)> {
    let mut kept = String::new();
    let mut source = None;
    let mut rest = tag;
    loop {
        let trimmed = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if let Some(after) = trimmed.strip_prefix('>') {
            rest = after;
            break;
        }
        if trimmed.len() == rest.len() {
            return None;
        }
        let end = trimmed.find(|c: char| c.is_ascii_whitespace() || matches!(c, '=' | '>' | '/' | '"' | '\'' | '<'))?;
        let (name, after) = trimmed.split_at(end);
        if name.is_empty() {
            return None;
        }
        let (value, after) = value(after)?;
        match name.to_ascii_lowercase().as_str() {
            "src" if source.is_none() => source = Some(known(&unescape(value))?),
            name @ ("width" | "height" | "title")
                if !kept.contains(&format!(" {name}=")) && !value.contains(['"', '<', '>']) =>
            {
                kept.extend([" ", name, "=\"", value, "\""]);
            }
            _ => {}
        }
        rest = after;
    }
    let source = source?;
    // Browsers take whatever stands within for text that is never shown.
    let end = find(rest, CLOSE)?;
    let after = rest[end..].split_once('>')?.1;
    let source = source.replace('&', "&amp;").replace('"', "&quot;");
    Some((format!("<{FRAME} src=\"{source}\"{kept}></{FRAME}>"), after))
}

/// The value of an attribute, none of it if there is none, and what follows.
fn value(text: &str) -> Option<(&str, &str)> {
    let Some(after) = text.trim_start().strip_prefix('=') else { return Some(("", text)) };
    let after = after.trim_start();
    if let quote @ (b'"' | b'\'') = after.as_bytes().first()? {
        return after[1..].split_once(char::from(*quote));
    }
    let end = after.find(|c: char| c.is_ascii_whitespace() || c == '>')?;
    Some(after.split_at(end))
}

fn unescape(value: &str) -> String {
    value.replace("&quot;", "\"").replace("&#038;", "&").replace("&#38;", "&").replace("&amp;", "&")
}

/// Puts frames in the place of our elements. Reads only the serializer's own output, in which `<` and `>` stand for
/// nothing but tags.
pub(super) fn unfold(html: &str) -> String {
    let (open, close) = (format!("<{FRAME}"), format!("</{FRAME}>"));
    if !html.contains(&open) {
        return html.to_owned();
    }
    let mut unfolded = String::with_capacity(html.len() + 200);
    let mut rest = html;
    while let Some((before, tag)) = rest.split_once(&open) {
        unfolded.push_str(before);
        let (attributes, after) = tag.split_once('>').unwrap_or((tag, ""));
        // Without an address there is nothing to show.
        if attributes.contains(" src=\"") {
            unfolded.push_str("<iframe");
            for name in ["src", "title", "width", "height"] {
                let begin = format!(" {name}=\"");
                if let Some((_, after)) = attributes.split_once(&begin)
                    && let Some((value, _)) = after.split_once('"')
                {
                    unfolded.push_str(&begin);
                    unfolded.push_str(value);
                    unfolded.push('"');
                }
            }
            unfolded.push_str(FIXED);
        }
        rest = after;
    }
    unfolded.push_str(rest);
    unfolded.replace(&close, "")
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::sanitise;
    use super::*;

    const PLAYER: &str = "<iframe src=\"https://www.youtube.com/embed/a?b=1&amp;c=2\" width=\"640\" height=\"360\" loading=\"lazy\" \
                          referrerpolicy=\"strict-origin-when-cross-origin\" \
                          sandbox=\"allow-popups allow-presentation allow-same-origin allow-scripts\" allowfullscreen=\"\"></iframe>";

    /// Whether an attribute of a frame is one that we wrote.
    pub(in super::super) fn is_ours(name: &str, value: &str) -> bool {
        match name {
            "src" => is_known(value),
            "loading" => value == "lazy",
            "referrerpolicy" => value == "strict-origin-when-cross-origin",
            "sandbox" => value == "allow-popups allow-presentation allow-same-origin allow-scripts",
            "allowfullscreen" => value.is_empty(),
            "width" | "height" => value.bytes().all(|b| b.is_ascii_digit()),
            _ => matches!(name, "title" | "class" | "dir" | "lang"),
        }
    }

    #[test]
    fn players_of_known_hosts_stay_in_one_form() {
        for html in [
            "<iframe width=640 height='360' src='http://www.youtube.com/embed/a?b=1&amp;c=2' onload=x allow=\"autoplay\" allowfullscreen></iframe>",
            "<IFRAME SRC=\"//www.youtube.com/embed/a?b=1&#038;c=2\" width=\"640\" height=\"360\" sandbox=\"allow-top-navigation\"><p>none</p></IFRAME>",
            PLAYER,
        ] {
            assert_eq!(sanitise(html).unwrap(), PLAYER, "{html}");
        }
        let within = format!("<figure class=\"wp-block-embed\">{PLAYER}</figure>");
        assert_eq!(sanitise(&within).unwrap(), within);
    }

    #[test]
    fn other_frames_go() {
        for src in [
            "https://evil.example/embed/a",
            "https://www.youtube.com/redirect?q=https://evil.example",
            "https://www.youtube.com:444/embed/a",
            "https://a@www.youtube.com/embed/a",
            "https://www.youtube.com/embed/../redirect",
            "javascript:alert(1)//www.youtube.com/embed/",
            "data:text/html,www.youtube.com/embed/",
        ] {
            assert_eq!(sanitise(&format!("a<iframe src=\"{src}\"></iframe>b")).unwrap(), "ab", "{src}");
        }
        for html in [
            "a<iframe></iframe>",
            "a<iframe srcdoc=\"<script>b</script>\"></iframe>",
            "a<byline-frame></byline-frame>",
            "a<iframe src=",
        ] {
            assert_eq!(sanitise(html).unwrap(), "a", "{html}");
        }
    }

    #[test]
    fn nothing_comes_in_with_a_frame() {
        let src = "https://www.youtube.com/embed/a";
        for html in [
            format!("<iframe src=\"{src}\"><script>b</script></iframe>"),
            format!("<p title='<iframe src=\"{src}\"></iframe>'>a</p>"),
            format!("<iframe src=\"{src}\" title='\"><script>b</script>'></iframe>"),
            format!("<byline-frame src=\"{src}\" onload=\"b\"><img src=x onerror=b></byline-frame>"),
            format!("<svg><iframe src=\"{src}\"></iframe><script>b</script></svg>"),
        ] {
            let clean = sanitise(&html).unwrap();
            assert!(!clean.contains("script>") && !clean.contains("onerror") && !clean.contains("onload"), "{clean}");
            assert_eq!(sanitise(&clean).unwrap(), clean);
        }
    }
}
