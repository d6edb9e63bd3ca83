//! Gutenberg's blocks: their marks go, their HTML stays. A block that WordPress draws at every request has none.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;

use super::{Converted, Library, pattern};

/// Reusable blocks within reusable blocks.
const MAX_DEPTH: usize = 5;

/// A mark: whether it ends a block, its name, its attributes, whether it is the whole block.
static MARK: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?s)<!--[ \t\r\n]+(/)?wp:([a-z][a-z0-9_-]*(?:/[a-z][a-z0-9_-]*)?)[ \t\r\n]+(\{.*?\}[ \t\r\n]+)?(/)?-->")
});

/// Marks of the reader's side: they have no HTML, and need none.
const SILENT: [&str; 4] = ["more", "nextpage", "page-break", "spacer"];

/// Whether content is made of blocks, as WordPress decides it.
pub(super) fn are_in(content: &str) -> bool {
    content.contains("<!-- wp:")
}

/// The HTML of blocks.
pub(super) fn strip(content: &str, library: &dyn Library, converted: &mut Converted) -> String {
    within(content, library, converted, 0)
}

fn within(content: &str, library: &dyn Library, converted: &mut Converted, depth: usize) -> String {
    let mut html = String::with_capacity(content.len());
    let mut done = 0;
    for mark in MARK.captures_iter(content) {
        let Some(whole) = mark.get(0) else { continue };
        html.push_str(&content[done..whole.start()]);
        done = whole.end();
        let name = mark[2].strip_prefix("core/").unwrap_or(&mark[2]);
        if mark.get(4).is_none() || mark.get(1).is_some() || SILENT.contains(&name) {
            continue;
        }
        let attributes: Value =
            mark.get(3).and_then(|text| serde_json::from_str(text.as_str().trim()).ok()).unwrap_or_default();
        let reused = (name == "block" && depth < MAX_DEPTH)
            .then(|| attributes.get("ref").map(ToString::to_string))
            .flatten()
            .and_then(|id| library.block(&id));
        match reused {
            Some(block) => html.push_str(&within(&block, library, converted, depth + 1)),
            None => converted.note("block_left_out", name),
        }
    }
    html.push_str(&content[done..]);
    html
}

#[cfg(test)]
mod tests {
    use super::super::shortcodes::tests::Shelf;
    use super::*;

    fn stripped(content: &str) -> (String, Converted) {
        let mut converted = Converted::default();
        (strip(content, &Shelf, &mut converted), converted)
    }

    #[test]
    fn marks_go_and_html_stays() {
        let (html, converted) = stripped(
            "<!-- wp:paragraph {\"align\":\"left\"} -->\n<p>a</p>\n<!-- /wp:paragraph -->\n<!-- wp:core/more -->\n<!--more-->\n<!-- /wp:core/more -->",
        );
        assert_eq!(html, "\n<p>a</p>\n\n\n<!--more-->\n");
        assert!(converted.notes.is_empty());
    }

    #[test]
    fn what_has_no_html_is_told() {
        let (html, converted) =
            stripped("a<!-- wp:latest-posts {\"a\":{\"b\":1}} /-->b<!-- wp:x/y /-->c<!-- wp:x/y /-->");
        assert_eq!(html, "abc");
        assert_eq!(converted.notes["block_left_out"], ["latest-posts", "x/y"]);
    }

    #[test]
    fn reusable_blocks_are_put_in() {
        let (html, converted) = stripped("<!-- wp:block {\"ref\":9} /-->");
        assert_eq!(html, "<p>again</p>");
        assert!(converted.notes.is_empty());
        assert_eq!(stripped("<!-- wp:block {\"ref\":8} /-->").1.notes["block_left_out"], ["block"]);
    }
}
