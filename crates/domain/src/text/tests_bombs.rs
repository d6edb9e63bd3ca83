//! Bodies made to exhaust the renderer. Each runs in a thread with Rust's default stack of 2 MiB.

use std::time::{Duration, Instant};

use super::*;

/// Generous, because tests are not optimised and share the machine; a release build takes a tenth of it.
const PATIENCE: Duration = Duration::from_secs(if cfg!(debug_assertions) { 30 } else { 2 });

fn filled(unit: &str) -> String {
    unit.repeat(MAX_BODY_BYTES / unit.len())
}

fn paired(open: &str, close: &str) -> String {
    let times = MAX_BODY_BYTES / (open.len() + close.len());
    format!("{}{}", open.repeat(times), close.repeat(times))
}

fn numbered(form: impl Fn(usize) -> String) -> String {
    let mut body = String::new();
    for part in (0..).map(form) {
        if body.len() + part.len() > MAX_BODY_BYTES {
            break;
        }
        body.push_str(&part);
    }
    body
}

/// Renders in time, or refuses in time; what is rendered is stable.
fn assert_bounded(name: &str, body: String, format: BodyFormat) -> Result<Rendered, &'static str> {
    let name = name.to_owned();
    let work = move || {
        let begun = Instant::now();
        let rendered = render(&body, format);
        let taken = begun.elapsed();
        println!("{taken:>10.3?} {:?} {name:.40}", rendered.as_ref().map(|rendered| rendered.html.len()));
        assert!(taken < PATIENCE, "{name:.40} took {taken:?}");
        rendered.map_err(|wrong| wrong.0)
    };
    std::thread::Builder::new().stack_size(2 << 20).spawn(work).unwrap().join().unwrap()
}

#[test]
fn html_bombs_are_refused_before_they_cost_much() {
    let long = "x".repeat(MAX_BODY_BYTES / 4);
    let bombs: Vec<(&str, String)> = vec![
        ("nested div", "<div>".repeat(100_000)),
        ("b", filled("<b>")),
        ("different b", numbered(|n| format!("<b id={n}>"))),
        ("font in p", numbered(|n| if n < 100 { format!("<b id={n}>") } else { "<p>x".into() })),
        ("a with a long address", format!("<p><a href=\"{long}\">{}", "<p>x".repeat(100_000))),
        ("one tag of attributes", format!("<p {}>", numbered(|n| format!("a{n} "))[..1_000_000].to_owned())),
        ("quoted attributes", format!("<p {}>", numbered(|n| format!("a{n}='>'"))[..1_000_000].to_owned())),
        ("attributes behind a comment", format!("<!-- <a b=\"--><p {}>", &filled("a/b c=\"'\" ")[..1_000_000])),
        ("html attributes", numbered(|n| format!("<html a{n}>"))),
        ("end tag attributes", format!("</p {}>", &numbered(|n| format!("a{n} "))[..1_000_000])),
        ("fostered", format!("<table>{}", "<i></i>x".repeat(100_000))),
        ("nested tables", filled("<table><tr><td>")),
        ("nested table", filled("<table>")),
        ("misnested", filled("<b><i><a><p></b></i></a>")),
        ("template", filled("<template>")),
        ("svg", filled("<svg>")),
        ("math", filled("<math><mi>")),
        ("select", filled("<select><option>")),
        ("lists", filled("<ul><li>")),
        ("object", filled("<a><object>")),
        ("many paragraphs", filled("<p>")),
        ("ruby", filled("<ruby><rb><rt>")),
        ("closed", paired("<div>", "</div>")),
        ("form", filled("<form><div></form>")),
        ("frameset", filled("<frameset>")),
        ("button", filled("<p><button>")),
        ("ampersands", filled("&")),
        ("ampersands in an attribute", format!("<abbr title='{}'>", &filled("&")[..1_000_000])),
        ("ampersands in unknown tags", filled("&<x>")),
        ("degrees", filled("°")),
    ];
    for (name, body) in bombs {
        let refusal = assert_bounded(name, body, BodyFormat::Html).err();
        if ["nested div", "b", "closed", "different b"].contains(&name) {
            assert_eq!(refusal, Some("too_deep"), "{name}");
        }
    }
}

#[test]
fn large_html_that_is_harmless_is_rendered() {
    for (name, body) in [
        ("text", filled("word ")),
        ("less than", filled("< ")),
        ("ampersands", filled("word & ")[..100_000].to_owned()),
        ("comment", format!("<!--{}", "a".repeat(1_000_000))),
        ("script", format!("<script>{}", filled("a < b; ")[..1_000_000].to_owned())),
        ("data address", format!("<img src=\"data:image/png;base64,{}\">", "AAA/".repeat(15_000))),
        ("end tags", filled("</p>")[..100_000].to_owned()),
        ("ignored end tags", filled("</b>")),
        ("prose", filled(&format!("<p>{}</p>", "word ".repeat(20)))),
        ("headings", "<h2>a</h2>".repeat(40_000)),
        ("open code", format!("<pre>{}", filled("\n")[..1_000_000].to_owned())),
    ] {
        assert!(assert_bounded(name, body, BodyFormat::Html).is_ok(), "{name}");
    }
}

#[test]
fn markdown_bombs_are_bounded() {
    let mut bombs: Vec<(String, String)> = [
        ">",
        "> ",
        "[",
        "*",
        "*a ",
        "_a",
        "**a",
        "`",
        "![",
        "[a](",
        "- ",
        "1. ",
        "<",
        "<a ",
        "&",
        "|",
        "~",
        "[^1]",
        "[a](b",
        "<!--",
        "<?",
        "a@",
        "www.",
        "http://a",
        "\\",
        "a\n",
        "- a\n",
        "*_",
        "***a",
        "a**b_c",
        "~~a ",
        "|\n",
        "||\n",
        "[](",
        "<b>",
        "<div>",
        "<div>\n\n",
        "# a\n",
        "\0",
        "[^a]: b\n",
        "[a]: b\n",
        "`a``b",
    ]
    .map(|unit| (unit.to_owned(), filled(unit)))
    .into();
    for (open, close) in [("*a ", " a*"), ("**a ", " a**"), ("[", "](a)"), ("![", "](a)"), ("~~", "~~"), ("(", ")")] {
        bombs.push((format!("{open} {close}"), paired(open, close)));
    }
    bombs.push(("footnotes".into(), numbered(|n| format!("[^{n}]: a\n[^{n}]\n\n"))));
    bombs.push(("one footnote".into(), format!("[^a]: a\n\n{}", &filled("[^a]")[..1_000_000])));
    bombs.push(("nested list".into(), numbered(|n| format!("{}- a\n", " ".repeat(n)))));
    let wide = format!("{}\n{}\n{}", "|a".repeat(20_000), "|-".repeat(20_000), "a\n".repeat(400_000));
    bombs.push(("wide table".into(), wide));
    bombs.push(("long reference".into(), format!("[a]: {}\n\n{}", "b".repeat(500_000), "[a]".repeat(100_000))));
    for (name, body) in bombs {
        let _ = assert_bounded(&name, body, BodyFormat::Markdown);
    }
}

#[test]
fn comments_made_to_exhaust_are_bounded() {
    for unit in [">", "> ", "[", "*a ", "**a", "![", "[a](", "- ", "1. ", "<", "<a ", "`", "*_", "https://a.b/ ", "#"] {
        let begun = Instant::now();
        let Ok(body) = CommentBody::parse(&unit.repeat(10_000 / unit.len())) else { continue };
        let (html, _) = render_comment(&body);
        assert!(!html.is_empty() && begun.elapsed() < PATIENCE, "{unit}");
    }
}
