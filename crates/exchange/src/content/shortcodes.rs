//! Shortcodes: those of WordPress itself become HTML, others stay as text.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::{Attached, Converted, Library, embeds, escape, figure, pattern};

/// An opening shortcode: escaped by a bracket, its name, its attributes, whether it closes itself.
static OPENING: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r#"\[(\[?)([A-Za-z][A-Za-z0-9_-]{0,60})((?:[ \t\r\n]+(?:"[^"]*"|'[^']*'|[^\]"'])*)?)(/?)\]"#)
});
static ATTRIBUTE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r#"([A-Za-z0-9_-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s'"]+))|"([^"]*)"|([^\s]+)"#));
static EMBED: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?s)\[embed(?:\s[^\]]*)?\](.*?)\[/embed\]"));
static PICTURE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?is)^\s*((?:<a\s[^>]+>\s*)?<img\s[^>]+>(?:\s*</a>)?)(.*)$"));
static ALONE: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?s)<p>[\s]*(\[/?(?:caption|wp_caption|gallery|audio|video|playlist)(?:\s[^\]]*)?\])"));
static ALONE_END: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?s)(\[/(?:caption|wp_caption|gallery|audio|video|playlist)\]|\[(?:gallery|audio|video|playlist)(?:\s[^\]]*)?\])[\s]*</p>",
    )
});

/// `[embed]`, which WordPress expands before it makes paragraphs.
pub(super) fn embeds(content: &str) -> String {
    if !content.contains("[embed") {
        return content.to_owned();
    }
    EMBED.replace_all(content, |found: &Captures<'_>| embeds::embed(found[1].trim())).into_owned()
}

/// Takes away the paragraph around a shortcode that stands alone (`shortcode_unautop`).
pub(super) fn unwrap(html: &str) -> String {
    if !html.contains('[') {
        return html.to_owned();
    }
    let html = ALONE.replace_all(html, "$1");
    ALONE_END.replace_all(&html, "$1").into_owned()
}

/// Expands what is known.
pub(super) fn expand(html: &str, post: &str, library: &dyn Library, converted: &mut Converted) -> String {
    let mut expanded = String::with_capacity(html.len());
    let mut closings = Closings::default();
    let mut rest = html;
    while let Some(found) = OPENING.captures(rest) {
        let (Some(whole), name) = (found.get(0), &found[2]) else { break };
        expanded.push_str(&rest[..whole.start()]);
        let after = &rest[whole.end()..];
        if !found[1].is_empty() && after.starts_with(']') {
            expanded.push_str(&whole.as_str()[1..]);
            rest = &after[1..];
            continue;
        }
        let given = attributes(&found[3]);
        let is_known = matches!(name, "caption" | "wp_caption" | "gallery" | "audio" | "video" | "playlist");
        let encloses = is_known && name != "gallery" && name != "playlist" && found[4].is_empty();
        let closing = closings.next(html, html.len() - after.len(), name);
        let (inner, following) = match closing.filter(|_| encloses) {
            Some(at) => (&html[html.len() - after.len()..at], &html[at + name.len() + 3..]),
            None => ("", after),
        };
        let made = match name {
            "caption" | "wp_caption" => Some(caption(&given, inner)),
            "gallery" => Some(gallery(&given, post, library, converted)),
            "audio" | "video" => player(name, &given),
            _ => None,
        };
        if let Some(made) = made {
            expanded.push_str(&found[1]);
            expanded.push_str(&made);
            rest = following;
            continue;
        }
        if is_known || closing.is_some() || given.keys().any(|key| key.parse::<usize>().is_err()) || name.contains('_')
        {
            converted.note("shortcode_kept", name);
        }
        expanded.push_str(whole.as_str());
        rest = after;
    }
    expanded + rest
}

/// Most names whose ends are looked for in one text.
const MAX_NAMES: usize = 200;

/// Where the next end of each shortcode is; each end is looked for once.
#[derive(Default)]
struct Closings(BTreeMap<String, Option<usize>>);

impl Closings {
    fn next(&mut self, html: &str, from: usize, name: &str) -> Option<usize> {
        match self.0.get(name) {
            Some(None) => return None,
            Some(Some(at)) if *at >= from => return Some(*at),
            None if self.0.len() >= MAX_NAMES => return None,
            _ => {}
        }
        let found = html[from..].find(&format!("[/{name}]")).map(|at| from + at);
        self.0.insert(name.to_owned(), found);
        found
    }
}

/// Attributes by name; those without one by their number.
fn attributes(text: &str) -> BTreeMap<String, String> {
    // The editors of WordPress make other quotes of some.
    let text =
        text.replace(['\u{201C}', '\u{201D}', '\u{2033}'], "\"").replace("&#8221;", "\"").replace("&#8243;", "\"");
    let mut given = BTreeMap::new();
    for (number, found) in ATTRIBUTE.captures_iter(&text).enumerate() {
        let value = (2..=6).find_map(|group| found.get(group)).map_or("", |value| value.as_str()).to_owned();
        let name = found.get(1).map_or_else(|| number.to_string(), |name| name.as_str().to_ascii_lowercase());
        given.entry(name).or_insert(value);
    }
    given
}

fn caption(given: &BTreeMap<String, String>, inner: &str) -> String {
    let (picture, said) = match PICTURE.captures(inner) {
        Some(found) => (found[1].to_owned(), found[2].trim().to_owned()),
        None => (inner.to_owned(), String::new()),
    };
    let said = given.get("caption").cloned().unwrap_or(said);
    let said = super::autop::autop(&said);
    // A caption is a line, unless it is several.
    let said = said.trim();
    let said = match said.strip_prefix("<p>").and_then(|said| said.strip_suffix("</p>")) {
        Some(line) if !line.contains("<p>") => line,
        _ => said,
    };
    let said = said.strip_suffix("<br />").unwrap_or(said);
    if said.is_empty() {
        return picture;
    }
    let align = given.get("align").map_or("alignnone", String::as_str);
    figure(&format!("wp-caption {align}"), &picture, said)
}

fn gallery(given: &BTreeMap<String, String>, post: &str, library: &dyn Library, converted: &mut Converted) -> String {
    let listed = |name: &str| -> Vec<String> {
        let ids = given.get(name).map_or("", String::as_str);
        ids.split([',', ' ']).filter(|id| !id.is_empty()).map(str::to_owned).collect()
    };
    let ids = if given.contains_key("ids") { listed("ids") } else { listed("include") };
    let pictures: Vec<Attached> = if ids.is_empty() {
        library.pictures_of(given.get("id").map_or(post, String::as_str))
    } else {
        let found = ids.iter().filter_map(|id| {
            let found = library.attachment(id);
            if found.is_none() {
                converted.note("gallery_picture_missing", id.clone());
            }
            found
        });
        found.collect()
    };
    if pictures.is_empty() {
        converted.note("gallery_empty", given.get("ids").cloned().unwrap_or_default());
        return String::new();
    }
    let inner: String = pictures.iter().map(picture).collect();
    figure("wp-block-gallery", &inner, "")
}

fn picture(attached: &Attached) -> String {
    let img = format!("<img src=\"{}\" alt=\"{}\">", escape(&attached.url), escape(&attached.alt));
    figure("wp-block-image", &img, &attached.caption)
}

fn player(kind: &str, given: &BTreeMap<String, String>) -> Option<String> {
    let names = ["src", "mp4", "m4v", "webm", "ogv", "flv", "mp3", "m4a", "ogg", "wav", "0"];
    let source = names.iter().find_map(|name| given.get(*name)).filter(|source| source.contains('/'))?;
    Some(figure(
        &format!("wp-block-{kind}"),
        &format!("<{kind} controls src=\"{}\"></{kind}>", escape(&super::entities(source))),
        "",
    ))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A library of two pictures and a block.
    pub(in super::super) struct Shelf;

    impl Library for Shelf {
        fn attachment(&self, id: &str) -> Option<Attached> {
            (id == "1" || id == "2").then(|| Attached {
                url: format!("/{id}.jpg"),
                alt: format!("No. {id}"),
                caption: if id == "1" { "One".into() } else { String::new() },
            })
        }

        fn pictures_of(&self, post: &str) -> Vec<Attached> {
            if post == "7" { self.attachment("2").into_iter().collect() } else { Vec::new() }
        }

        fn block(&self, id: &str) -> Option<String> {
            (id == "9").then(|| "<p>again</p>".to_owned())
        }
    }

    fn converted(content: &str) -> Converted {
        super::super::convert(content, "7", &Shelf)
    }

    #[test]
    fn captions_become_figures() {
        let html = "<figure class=\"wp-caption alignleft\"><img src=\"/a.jpg\" /><figcaption>Said of <em>it</em></figcaption></figure>";
        let code = "[caption id=\"attachment_1\" align=\"alignleft\" width=\"300\"]<img src=\"/a.jpg\" /> Said of <em>it</em>[/caption]";
        assert_eq!(converted(code).html.trim(), html);
        let old = "[caption align=\"alignleft\" width=\"300\" caption=\"Said of <em>it</em>\"]<img src=\"/a.jpg\" />[/caption]";
        assert_eq!(converted(old).html.trim(), html);
        assert_eq!(converted("[caption]<img src=\"/a.jpg\">[/caption]").html.trim(), "<img src=\"/a.jpg\">");
    }

    #[test]
    fn galleries_are_made_of_what_they_name_or_of_what_belongs_to_the_post() {
        let two = "<figure class=\"wp-block-image\"><img src=\"/2.jpg\" alt=\"No. 2\"></figure>";
        let one =
            "<figure class=\"wp-block-image\"><img src=\"/1.jpg\" alt=\"No. 1\"><figcaption>One</figcaption></figure>";
        let named = converted("[gallery ids=\"1,2,3\" columns=2]");
        assert_eq!(named.html.trim(), format!("<figure class=\"wp-block-gallery\">{one}{two}</figure>"));
        assert_eq!(named.notes["gallery_picture_missing"], ["3"]);
        assert_eq!(converted("[gallery]").html.trim(), format!("<figure class=\"wp-block-gallery\">{two}</figure>"));
    }

    #[test]
    fn embeds_and_players() {
        assert!(
            converted("[embed]https://youtu.be/a[/embed]")
                .html
                .contains("<iframe src=\"https://www.youtube-nocookie.com/embed/a\"")
        );
        assert_eq!(
            converted("[audio src=\"/a.mp3\"]").html.trim(),
            "<figure class=\"wp-block-audio\"><audio controls src=\"/a.mp3\"></audio></figure>"
        );
    }

    #[test]
    fn what_is_not_known_stays_and_is_told() {
        let kept = converted("A [contact-form to=\"a\"] b [note]c[/note] [sic] [[gallery]]");
        assert_eq!(kept.html, "<p>A [contact-form to=\"a\"] b [note]c[/note] [sic] [gallery]</p>\n");
        assert_eq!(kept.notes["shortcode_kept"], ["contact-form", "note"]);
    }

    #[test]
    fn brackets_without_end_cost_what_they_are_long() {
        for unit in ["[", "[a ", "[caption]", "[a b='", "[[a]", "[gallery ids=\"", "[/a]"] {
            let begun = std::time::Instant::now();
            converted(&unit.repeat(100_000 / unit.len()));
            assert!(begun.elapsed().as_secs() < 20, "{unit:?}");
        }
    }
}
