//! The mark in a body behind which an article is for members or payers alone.

use crate::error::Wrong;

use super::body::MAX_BODY_BYTES;
use super::plain::at_most;
use super::sanitise::sanitise;

/// As Ghost writes it.
const MARK: &str = "<!--members-only-->";

/// What stands before the first mark, wherever it is; none without one.
pub fn before_mark(source: &str) -> Option<&str> {
    source.split_once(MARK).map(|(before, _)| before)
}

/// Cleans an article's HTML as [`sanitise`] does, and lets the first mark stand: what is before it and what is behind
/// it are cleaned for themselves, so that each is whole.
pub fn sanitise_parts(html: &str) -> Result<String, Wrong> {
    let Some((before, behind)) = html.split_once(MARK) else { return sanitise(html) };
    at_most(html.len(), MAX_BODY_BYTES, "bytes")?;
    let clean = format!("{}{MARK}{}", sanitise(before)?, sanitise(behind)?);
    at_most(clean.len(), MAX_BODY_BYTES, "bytes")?;
    Ok(clean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_of_the_mark_are_whole_and_clean() {
        let html = "<div><p>a<!--members-only-->b</p><script>x</script><!--members-only-->c</div>";
        let clean = sanitise_parts(html).unwrap();
        assert_eq!(clean, "<div><p>a</p></div><!--members-only-->b<p></p>c");
        assert_eq!(sanitise_parts(&clean).unwrap(), clean);
        assert_eq!(before_mark(&clean), Some("<div><p>a</p></div>"));
        assert_eq!(before_mark("none"), None);
    }
}
