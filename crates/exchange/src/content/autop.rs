//! Paragraphs as WordPress makes them of classic content: `wpautop` of WordPress 6, step by step.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::pattern;

const BLOCKS: &str = "(?:table|thead|tfoot|caption|col|colgroup|tbody|tr|td|th|div|dl|dd|dt|ul|ol|li|pre|form|map|area|\
                      blockquote|address|style|p|h[1-6]|hr|fieldset|legend|section|article|aside|hgroup|header|footer|\
                      nav|figure|figcaption|details|menu|summary)";
/// What stands for a line end within a tag while lines are looked at.
const LINE_END: &str = " <!-- wpnl --> ";
/// What stands for one that is no `br`.
const KEPT: &str = "<WPPreserveNewline />";

/// The steps that are one replacement each. `\s` of PHP is ASCII's.
struct Steps {
    two_breaks: Regex,
    block_begins: Regex,
    block_ends: Regex,
    rule: Regex,
    option_begins: Regex,
    option_ends: Regex,
    object_begins: Regex,
    object_ends: Regex,
    object_parts: Regex,
    player_begins: Regex,
    player_ends: Regex,
    player_parts: Regex,
    caption_begins: Regex,
    caption_ends: Regex,
    line_ends: Regex,
    between: Regex,
    empty: Regex,
    unclosed: Regex,
    only_block: Regex,
    item: Regex,
    quote: Regex,
    before_block: Regex,
    after_block: Regex,
    verbatim: Regex,
    break_after: Regex,
    break_before: Regex,
    pre: Regex,
}

static STEPS: LazyLock<Steps> = LazyLock::new(|| {
    let ws = "(?-u:\\s)*";
    Steps {
        two_breaks: pattern(&format!("<br{ws}/?>{ws}<br{ws}/?>")),
        block_begins: pattern(&format!("(<{BLOCKS}(?-u:[\\s/>]))")),
        block_ends: pattern(&format!("(</{BLOCKS}>)")),
        rule: pattern("(<hr(?-u:\\s)*?/?>)"),
        option_begins: pattern(&format!("{ws}<option")),
        option_ends: pattern(&format!("</option>{ws}")),
        object_begins: pattern(&format!("(<object[^>]*>){ws}")),
        object_ends: pattern(&format!("{ws}</object>")),
        object_parts: pattern(&format!("{ws}(</?(?:param|embed)[^>]*>){ws}")),
        player_begins: pattern(&format!("([<\\[](?:audio|video)[^>\\]]*[>\\]]){ws}")),
        player_ends: pattern(&format!("{ws}([<\\[]/(?:audio|video)[>\\]])")),
        player_parts: pattern(&format!("{ws}(<(?:source|track)[^>]*>){ws}")),
        caption_begins: pattern(&format!("{ws}(<figcaption[^>]*>)")),
        caption_ends: pattern(&format!("</figcaption>{ws}")),
        line_ends: pattern("\n\n+"),
        between: pattern(&format!("\n{ws}\n")),
        empty: pattern(&format!("<p>{ws}</p>")),
        unclosed: pattern("<p>([^<]+)</(div|address|form)>"),
        only_block: pattern(&format!("<p>{ws}(</?{BLOCKS}[^>]*>){ws}</p>")),
        item: pattern("<p>(<li.+?)</p>"),
        quote: pattern("(?i)<p><blockquote([^>]*)>"),
        before_block: pattern(&format!("<p>{ws}(</?{BLOCKS}[^>]*>)")),
        after_block: pattern(&format!("(</?{BLOCKS}[^>]*>){ws}</p>")),
        verbatim: pattern("(?s)<script.*?</script>|<style.*?</style>|<svg.*?</svg>|<math.*?</math>"),
        break_after: pattern(&format!("(</?{BLOCKS}[^>]*>){ws}<br />")),
        break_before: pattern(&format!("<br />({ws}</?(?:p|li|div|dl|dd|dt|th|pre|td|ul|ol)[^>]*>)")),
        pre: pattern("<pre wp-pre-tag-([0-9]+)></pre>"),
    }
});

/// Makes paragraphs and line breaks of lines.
pub fn autop(text: &str) -> String {
    if text.trim_matches(|c: char| c.is_ascii_whitespace() || c == '\0' || c == '\x0B').is_empty() {
        return String::new();
    }
    let mut verbatim = Vec::new();
    let mut text = take_pre(format!("{text}\n"), &mut verbatim);
    let s = &*STEPS;
    let each = |text: &mut String, step: &Regex, by: &str| {
        if let Cow::Owned(changed) = step.replace_all(text, by) {
            *text = changed;
        }
    };
    each(&mut text, &s.two_breaks, "\n\n");
    each(&mut text, &s.block_begins, "\n\n$1");
    each(&mut text, &s.block_ends, "$1\n\n");
    each(&mut text, &s.rule, "$1\n\n");
    text = text.replace("\r\n", "\n").replace('\r', "\n");
    text = mark_line_ends_in_tags(&text);
    if text.contains("<option") {
        each(&mut text, &s.option_begins, "<option");
        each(&mut text, &s.option_ends, "</option>");
    }
    if text.contains("</object>") {
        each(&mut text, &s.object_begins, "$1");
        each(&mut text, &s.object_ends, "</object>");
        each(&mut text, &s.object_parts, "$1");
    }
    if text.contains("<source") || text.contains("<track") {
        each(&mut text, &s.player_begins, "$1");
        each(&mut text, &s.player_ends, "$1");
        each(&mut text, &s.player_parts, "$1");
    }
    if text.contains("<figcaption") {
        each(&mut text, &s.caption_begins, "$1");
        each(&mut text, &s.caption_ends, "</figcaption>");
    }
    each(&mut text, &s.line_ends, "\n\n");
    let mut paragraphs = String::with_capacity(text.len() * 2);
    for paragraph in s.between.split(&text).filter(|paragraph| !paragraph.is_empty()) {
        paragraphs.push_str("<p>");
        paragraphs.push_str(paragraph.trim_matches('\n'));
        paragraphs.push_str("</p>\n");
    }
    text = paragraphs;
    each(&mut text, &s.empty, "");
    each(&mut text, &s.unclosed, "<p>$1</p></$2>");
    each(&mut text, &s.only_block, "$1");
    each(&mut text, &s.item, "$1");
    each(&mut text, &s.quote, "<blockquote$1><p>");
    text = text.replace("</blockquote></p>", "</p></blockquote>");
    each(&mut text, &s.before_block, "$1");
    each(&mut text, &s.after_block, "$1");
    text = s.verbatim.replace_all(&text, |found: &Captures<'_>| found[0].replace('\n', KEPT)).into_owned();
    text = text.replace("<br>", "<br />").replace("<br/>", "<br />");
    text = break_lines(&text).replace(KEPT, "\n");
    each(&mut text, &s.break_after, "$1");
    each(&mut text, &s.break_before, "$1");
    // `$` of PHP also stands before a line end that is the last character.
    if let Some(before) = text.strip_suffix("\n</p>").map(str::len) {
        text.replace_range(before..=before, "");
    } else if let Some(before) = text.strip_suffix("\n</p>\n").map(str::len) {
        text.replace_range(before..=before, "");
    }
    if !verbatim.is_empty() {
        let put_back = |found: &Captures<'_>| {
            found[1].parse::<usize>().ok().and_then(|n| verbatim.get(n).cloned()).unwrap_or_default()
        };
        text = s.pre.replace_all(&text, put_back).into_owned();
    }
    text.replace(LINE_END, "\n").replace(LINE_END.trim(), "\n")
}

/// Puts a mark in the place of every `pre`.
fn take_pre(text: String, taken: &mut Vec<String>) -> String {
    if !text.contains("<pre") {
        return text;
    }
    let mut parts: Vec<&str> = text.split("</pre>").collect();
    let last = parts.pop().unwrap_or_default();
    let mut left = String::with_capacity(text.len());
    for part in parts {
        let Some(begin) = part.find("<pre") else {
            left.push_str(part);
            continue;
        };
        left.push_str(&part[..begin]);
        let _ = write!(left, "<pre wp-pre-tag-{}></pre>", taken.len());
        taken.push(format!("{}</pre>", &part[begin..]));
    }
    left + last
}

/// Line ends within tags and comments do not part lines.
fn mark_line_ends_in_tags(text: &str) -> String {
    let mut marked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begin) = rest.find('<') {
        marked.push_str(&rest[..begin]);
        rest = &rest[begin..];
        let end = tag_end(rest);
        marked.push_str(&rest[..end].replace('\n', LINE_END));
        rest = &rest[end..];
    }
    marked + rest
}

/// The length of the tag, comment or section at the beginning of a text.
fn tag_end(text: &str) -> usize {
    let until = |end: &str, from: usize| text[from..].find(end).map_or(text.len(), |at| from + at + end.len());
    if text.starts_with("<!--") {
        until("-->", 4)
    } else if text.starts_with("<![CDATA[") {
        until("]]>", 9)
    } else {
        until(">", 1)
    }
}

/// `(?<!<br />)\s*\n` becomes `<br />\n`.
fn break_lines(text: &str) -> String {
    const BREAK: &str = "<br />";
    let is_space = |byte: u8| byte.is_ascii_whitespace() || byte == 0x0B;
    let bytes = text.as_bytes();
    let mut broken = String::with_capacity(text.len() + text.len() / 16);
    let (mut done, mut at) = (0, 0);
    while at < bytes.len() {
        if !is_space(bytes[at]) {
            at += 1;
            continue;
        }
        if text[..at].ends_with(BREAK) {
            at += 1;
            continue;
        }
        let end = bytes[at..].iter().position(|byte| !is_space(*byte)).map_or(bytes.len(), |run| at + run);
        match bytes[at..end].iter().rposition(|byte| *byte == b'\n') {
            Some(last) => {
                broken.push_str(&text[done..at]);
                broken.push_str("<br />\n");
                at += last + 1;
                done = at;
            }
            None => at = end,
        }
    }
    broken + &text[done..]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What PHP makes of the same, by the steps of WordPress 6.
    #[test]
    fn paragraphs_are_those_of_wordpress() {
        for (text, html) in [
            ("", ""),
            (" \n\t", ""),
            ("a", "<p>a</p>\n"),
            ("a\n\nb", "<p>a</p>\n<p>b</p>\n"),
            ("a\nb", "<p>a<br />\nb</p>\n"),
            ("a\r\n\r\nb\r\nc", "<p>a</p>\n<p>b<br />\nc</p>\n"),
            ("a<br>\nb", "<p>a<br />\nb</p>\n"),
            ("a<br /><br />b", "<p>a</p>\n<p>b</p>\n"),
            ("<h2>a</h2>\nb", "<h2>a</h2>\n<p>b</p>\n"),
            (
                "a\n<blockquote>b\n\nc</blockquote>\nd",
                "<p>a</p>\n<blockquote><p>b</p>\n<p>c</p></blockquote>\n<p>d</p>\n",
            ),
            ("<ul>\n\t<li>a</li>\n\t<li>b</li>\n</ul>", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"),
            ("a\n<pre>b\n\nc</pre>\nd", "<p>a</p>\n<pre>b\n\nc</pre>\n<p>d</p>\n"),
            ("<div>a</div>", "<div>a</div>\n"),
            ("<div>a\n\nb</div>", "<div>a</p>\n<p>b</p></div>\n"),
            ("<a\nhref='b'>c</a>", "<p><a\nhref='b'>c</a></p>\n"),
            ("a <hr /> b", "<p>a </p>\n<hr />\n<p> b</p>\n"),
            ("<script>\na\n\nb\n</script>", "<p><script>\na</p>\n<p>b\n</script></p>\n"),
        ] {
            assert_eq!(autop(text), html, "{text:?}");
        }
    }

    #[test]
    fn every_run_of_lines_costs_what_it_is_long() {
        for unit in
            ["\n", "<br>", "<p>", "</p>", "<pre>", "<div>\n", "a\n\n", " \n ", "<", "<!--", "<option", "</object>"]
        {
            let begun = std::time::Instant::now();
            autop(&unit.repeat(400_000 / unit.len()));
            assert!(begun.elapsed().as_secs() < 20, "{unit:?}");
        }
    }
}
