//! The body of an article: from what the editor wrote to what the front end shows.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use unicode_segmentation::UnicodeSegmentation;
use utoipa::ToSchema;

use crate::error::Wrong;

use super::outline::{self, Heading};
use super::plain::at_most;
use super::sanitise;

/// Longest source of a body, in bytes.
pub const MAX_BODY_BYTES: usize = 1_048_576;

/// Words that are read in a minute: the mean for silent reading of non-fiction in English is 238 (Brysbaert 2019).
const WORDS_PER_MINUTE: u32 = 230;

/// What the source of a body is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BodyFormat {
    /// CommonMark with tables, strikethrough, task lists, footnotes, bare links and HTML.
    Markdown,
    /// HTML.
    Html,
}

impl BodyFormat {
    /// As it is stored and sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Markdown => "markdown",
            Self::Html => "html",
        }
    }
}

impl fmt::Display for BodyFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for BodyFormat {
    type Err = Wrong;

    fn from_str(text: &str) -> Result<Self, Wrong> {
        match text {
            "markdown" => Ok(Self::Markdown),
            "html" => Ok(Self::Html),
            _ => Err(("invalid_body_format", "Use `markdown` or `html`.".into())),
        }
    }
}

/// A body as it is shown, with what was read from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// Sanitised HTML whose headings carry anchors.
    pub html: String,
    /// Plain text for search and excerpts; blocks are parted by an empty line.
    pub text: String,
    /// The headings `h1` to `h4`, in order.
    pub toc: Vec<Heading>,
    /// Words as Unicode parts them; a Chinese or Japanese character counts as one.
    pub word_count: u32,
    /// Whole minutes, rounded up; 0 only without words.
    pub reading_minutes: u32,
}

/// Renders the source of a body.
///
/// Rendering `html` again, as HTML, gives the same. Refuses a source over [`MAX_BODY_BYTES`] (`too_long`), and one
/// whose markup is nested too deeply (`too_deep`) or made of too many parts (`too_complex`), before it costs much.
pub fn render(source: &str, format: BodyFormat) -> Result<Rendered, Wrong> {
    at_most(source.len(), MAX_BODY_BYTES, "bytes")?;
    let html = match format {
        BodyFormat::Markdown => comrak::markdown_to_html(source, &markdown()),
        BodyFormat::Html => source.to_owned(),
    };
    let outline::Outline { html, toc, text } = outline::read(&sanitise::article(html)?);
    let word_count = u32::try_from(text.unicode_words().count()).unwrap_or(u32::MAX);
    Ok(Rendered { html, text, toc, word_count, reading_minutes: word_count.div_ceil(WORDS_PER_MINUTE) })
}

fn markdown() -> comrak::Options<'static> {
    let mut options = comrak::Options::default();
    options.extension.autolink = true;
    options.extension.footnotes = true;
    options.extension.strikethrough = true;
    options.extension.table = true;
    options.extension.tasklist = true;
    // HTML in the source stays, because the sanitiser reads the whole result.
    options.render.r#unsafe = true;
    options
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use proptest::prelude::*;

    use super::super::tests_xss::soup;
    use super::*;

    fn markdown(source: &str) -> Rendered {
        render(source, BodyFormat::Markdown).unwrap()
    }

    #[test]
    fn markdown_with_its_extensions_becomes_html() {
        let source = "## Who?\n\nA ~~b~~ *c* <kbd>d</kbd> https://example.org here[^n].\n\n- [x] done\n- [ ] open\n\n\
                      | a | b |\n|--:|---|\n| 1 | 2 |\n\n```rust\nfn a() {}\n```\n\n[^n]: A note.\n";
        let rendered = markdown(source);
        assert_snapshot!(rendered.html, @r##"
        <h2 id="who">Who?</h2>
        <p>A <del>b</del> <em>c</em> <kbd>d</kbd> <a href="https://example.org" rel="noopener noreferrer">https://example.org</a> here<sup class="footnote-ref"><a href="#fn-n" id="fnref-n" rel="noopener noreferrer">1</a></sup>.</p>
        <ul>
        <li><input type="checkbox" checked="" disabled=""> done</li>
        <li><input type="checkbox" disabled=""> open</li>
        </ul>
        <table>
        <thead>
        <tr>
        <th align="right">a</th>
        <th>b</th>
        </tr>
        </thead>
        <tbody>
        <tr>
        <td align="right">1</td>
        <td>2</td>
        </tr>
        </tbody>
        </table>
        <pre><code class="language-rust">fn a() {}
        </code></pre>
        <section class="footnotes">
        <ol>
        <li id="fn-n">
        <p>A note. <a href="#fnref-n" class="footnote-backref" aria-label="Back to reference 1" rel="noopener noreferrer">↩</a></p>
        </li>
        </ol>
        </section>
        "##);
        assert_snapshot!(rendered.text, @"
        Who?

        A b c d https://example.org here.

        done
        open

        a b
        1 2

        fn a() {}

        A note.
        ");
    }

    #[test]
    fn scripts_in_markdown_do_not_pass() {
        assert_eq!(markdown("a<script>b</script> [c](javascript:d) <b onclick=e>f</b>").text, "a c f");
        assert_eq!(markdown("a<script>b</script>").html, "<p>a</p>\n");
    }

    #[test]
    fn punctuation_stays_as_typed() {
        assert_eq!(markdown("\"a\" -- b...").text, "\"a\" -- b...");
    }

    #[test]
    fn words_are_counted_in_any_script() {
        assert_eq!(markdown("One two-three, don't 3.14!").word_count, 5);
        assert_eq!(markdown("北京欢迎你").word_count, 5);
        assert_eq!(markdown("").word_count, 0);
    }

    #[test]
    fn reading_takes_a_minute_as_soon_as_there_is_a_word() {
        let minutes = |words: usize| markdown(&"word ".repeat(words)).reading_minutes;
        assert_eq!([0, 1, 230, 231, 460, 461].map(minutes), [0, 1, 1, 2, 2, 3]);
    }

    #[test]
    fn a_format_is_written_as_it_is_read() {
        for format in [BodyFormat::Markdown, BodyFormat::Html] {
            assert_eq!(format.as_str().parse::<BodyFormat>().unwrap(), format);
            assert_eq!(serde_json::to_value(format).unwrap(), format.as_str());
        }
        assert!("HTML".parse::<BodyFormat>().is_err());
    }

    #[test]
    fn footnotes_find_their_way_back() {
        let html = markdown("a[^n] b[^n]\n\n[^n]: note").html;
        for part in ["href=\"#fn-n\"", "id=\"fn-n\"", "href=\"#fnref-n\"", "id=\"fnref-n\"", "id=\"fnref-n-2\""] {
            assert!(html.contains(part), "{part} in {html}");
        }
    }

    proptest! {
        #[test]
        fn rendering_the_html_again_gives_the_same(source in soup(), markdown in any::<bool>()) {
            let format = if markdown { BodyFormat::Markdown } else { BodyFormat::Html };
            if let Ok(rendered) = render(&source, format) {
                prop_assert_eq!(render(&rendered.html, BodyFormat::Html).unwrap(), rendered);
            }
        }
    }
}
