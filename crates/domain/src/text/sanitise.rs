//! Markup through an allow-list, until nothing changes any more.

use std::borrow::Cow;

use crate::error::Wrong;

use super::body::MAX_BODY_BYTES;
use super::plain::at_most;
use super::{bounds, frames, policy};

/// Taking an element away can leave its neighbours in an order that a browser would read differently, so what was
/// cleaned is read again. Two rounds settle nearly all, four everything that was ever found.
const MAX_ROUNDS: usize = 8;

/// Cleans an article's HTML for storage: it keeps what the allow-list for articles knows and nothing else.
///
/// The result is stable: cleaning it again changes nothing. Refuses what is longer than [`MAX_BODY_BYTES`]
/// (`too_long`), nested too deeply (`too_deep`) or made of too many parts (`too_complex`).
pub fn sanitise(html: &str) -> Result<String, Wrong> {
    at_most(html.len(), MAX_BODY_BYTES, "bytes")?;
    let clean = article(html.to_owned())?;
    // Escaping makes text longer; what is stored must be fit to be read again.
    at_most(clean.len(), MAX_BODY_BYTES, "bytes")?;
    Ok(clean)
}

/// Applies the policy for articles.
pub(super) fn article(html: String) -> Result<String, Wrong> {
    settled(html, frames::fold, |html| frames::unfold(&tidy(policy::ARTICLE.clean(html).to_string())))
}

/// Applies the policy for comments.
pub(super) fn comment(html: String) -> Result<String, Wrong> {
    settled(html, |html| Cow::Borrowed(html), |html| tidy(policy::COMMENT.clean(html).to_string()))
}

/// Prepares and cleans until the result is its own result.
fn settled(
    html: String,
    prepare: impl Fn(&str) -> Cow<'_, str>,
    clean: impl Fn(&str) -> String,
) -> Result<String, Wrong> {
    let mut html = html;
    for _ in 0..MAX_ROUNDS {
        let prepared = prepare(&html);
        bounds::check(&prepared)?;
        let clean = clean(&prepared);
        if clean == html {
            return Ok(clean);
        }
        html = clean;
    }
    Err(("too_complex", "The markup is nested in ways that HTML does not allow. Simplify it.".into()))
}

/// What the allow-list cannot say: fields that are no check boxes go, and so do the line ends that a parser would take
/// from the beginning of a `pre`, one a round.
///
/// Reads only the serializer's own output, in which `<` and `>` stand for nothing but tags.
fn tidy(html: String) -> String {
    if !html.contains("<input") && !html.contains("<pre") {
        return html;
    }
    let mut tidied = String::with_capacity(html.len());
    for part in html.split_inclusive('<') {
        let at_tag = tidied.ends_with('<');
        let Some((tag, after)) = part.split_once('>').filter(|_| at_tag) else {
            tidied.push_str(part);
            continue;
        };
        if tag.starts_with("input") && !tag.contains(" type=\"checkbox\"") {
            tidied.pop();
            tidied.push_str(after);
        } else if tag == "pre" || tag.starts_with("pre ") {
            tidied.push_str(tag);
            tidied.push('>');
            tidied.push_str(after.trim_start_matches('\n'));
        } else {
            tidied.push_str(part);
        }
    }
    tidied
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn assert_cleaned(dirty: &str, clean: &str) {
        assert_eq!(sanitise(dirty).unwrap(), clean, "{dirty}");
    }

    #[test]
    fn what_articles_are_made_of_stays() {
        for html in [
            "<h2>A</h2><p>b <em>c</em> <strong>d</strong> <kbd>e</kbd></p><hr><ul><li>f</li></ul>",
            "<figure><img src=\"/a.jpg\" alt=\"A &amp; b\" width=\"10\" height=\"20\" loading=\"lazy\"><figcaption>c</figcaption></figure>",
            "<pre><code class=\"language-rust\">a &lt; b\n</code></pre>",
            "<table><thead><tr><th align=\"right\" scope=\"col\">a</th></tr></thead><tbody><tr><td colspan=\"2\">b</td></tr></tbody></table>",
            "<details open=\"\"><summary>a</summary>b</details><blockquote cite=\"https://example.org/\">c</blockquote>",
            "<ul><li><input type=\"checkbox\" checked=\"\" disabled=\"\"> a</li></ul>",
            "<p lang=\"he\" dir=\"rtl\">א</p><time datetime=\"2026-11-22\">a</time>",
        ] {
            assert_cleaned(html, html);
        }
    }

    #[test]
    fn what_runs_or_dresses_up_goes() {
        assert_cleaned("<p onclick=x style=color:red id=a class=b>a</p>", "<p>a</p>");
        assert_cleaned("a<script>b</script><style>c</style><iframe src=d></iframe><svg><text>e</text></svg>f", "af");
        assert_cleaned("<form action=a><input name=b><button>c</button></form>", "c");
        assert_cleaned("<input type=text><input type=checkbox>", "<input type=\"checkbox\" disabled=\"\">");
        assert_cleaned("<code class=\"x language-a language-'\">a</code>", "<code class=\"language-a\">a</code>");
    }

    #[test]
    fn links_and_images_lead_only_to_the_web() {
        let rel = "rel=\"noopener noreferrer\"";
        assert_cleaned("<a href=\"mailto:a@b.c\">a</a>", &format!("<a href=\"mailto:a@b.c\" {rel}>a</a>"));
        assert_cleaned("<a href=\"/b\" target=_blank rel=opener>a</a>", &format!("<a href=\"/b\" {rel}>a</a>"));
        assert_cleaned("<a href=\" java\nscript:b\">a</a>", &format!("<a {rel}>a</a>"));
        assert_cleaned("<img src=\"data:image/png;base64,a\" alt=a>", "<img alt=\"a\">");
        assert_cleaned("<img src=\"mailto:a@b.c\">", "<img>");
    }

    #[test]
    fn only_footnotes_keep_their_ids() {
        assert_cleaned("<li id=\"fn-1\">a</li>", "<li id=\"fn-1\">a</li>");
        assert_cleaned("<li id=\"cookie\">a</li><h2 id=\"fn-1\">b</h2>", "<li>a</li><h2>b</h2>");
    }

    #[test]
    fn the_line_ends_that_begin_a_pre_do_not_wear_away_round_by_round() {
        assert_cleaned(&format!("<pre>{}a\n\n</pre>", "\n".repeat(50)), "<pre>a\n\n</pre>");
    }

    #[test]
    fn a_body_over_the_limit_is_refused() {
        assert!(sanitise(&"a".repeat(MAX_BODY_BYTES)).is_ok());
        assert_eq!(sanitise(&"a".repeat(MAX_BODY_BYTES + 1)).unwrap_err().0, "too_long");
        let grows = "<p>&".repeat(40_000) + &"a".repeat(MAX_BODY_BYTES - 200_000);
        assert_eq!(sanitise(&grows).unwrap_err().0, "too_long");
    }

    proptest! {
        #[test]
        fn cleaning_twice_is_cleaning_once(dirty in super::super::tests_xss::soup()) {
            match sanitise(&dirty) {
                Ok(clean) => prop_assert_eq!(sanitise(&clean).unwrap(), clean),
                Err((code, detail)) => prop_assert!(false, "{}: {}", code, detail),
            }
        }
    }
}
