//! Words made fit for a line: of a subject, a header or a plain-text mail.

use unicode_segmentation::UnicodeSegmentation;

/// Columns of a plain-text mail; what is longer is folded.
pub(crate) const COLUMNS: usize = 76;

/// Whether no header, and no line of text, may hold this: controls, and Unicode's own line ends.
pub(crate) fn breaks_lines(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// One line: whatever breaks lines becomes a space, and runs of white space become one.
pub(crate) fn line(text: &str) -> String {
    text.split(|c: char| c.is_whitespace() || breaks_lines(c))
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Several lines, each made one by [`line`]; empty ones are left out.
pub(crate) fn lines(text: &str) -> Vec<String> {
    text.lines().map(line).filter(|line| !line.is_empty()).collect()
}

/// One line of at most `limit` characters, cut between graphemes and marked with an ellipsis.
pub(crate) fn cut(text: &str, limit: usize) -> String {
    let text = line(text);
    if text.chars().count() <= limit {
        return text;
    }
    let mut kept = String::new();
    let mut room = limit.saturating_sub(1);
    for grapheme in text.graphemes(true) {
        let width = grapheme.chars().count();
        if width > room {
            break;
        }
        room -= width;
        kept.push_str(grapheme);
    }
    format!("{}…", kept.trim_end())
}

/// Folds one line at spaces; every line is indented by `indent` and at most [`COLUMNS`] characters long.
pub(crate) fn wrap(text: &str, indent: usize) -> String {
    let width = COLUMNS - indent;
    let mut folded: Vec<String> = Vec::new();
    let mut current = String::new();
    for word in line(text).split(' ').flat_map(|word| pieces(word, width)) {
        if !current.is_empty() && current.chars().count() + 1 + word.chars().count() > width {
            folded.push(std::mem::take(&mut current));
        }
        if !current.is_empty() {
            current.push(' ');
        }
        current.push_str(&word);
    }
    folded.push(current);
    let margin = " ".repeat(indent);
    folded.iter().map(|line| format!("{margin}{line}")).collect::<Vec<_>>().join("\n")
}

/// A word that is wider than a line, in pieces that are not.
fn pieces(word: &str, width: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    let mut room = width;
    for grapheme in word.graphemes(true) {
        let wide = grapheme.chars().count();
        if wide > room && room < width {
            pieces.push(String::new());
            room = width;
        }
        room = room.saturating_sub(wide);
        if let Some(last) = pieces.last_mut() {
            last.push_str(grapheme);
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_breaks_lines_becomes_a_space() {
        assert_eq!(line(" a\r\nBcc: x\u{2028}b\u{0}\u{7f}c\td "), "a Bcc: x b c d");
        assert_eq!(lines("One Street\r\n\r\n  12345   Town\n"), ["One Street", "12345 Town"]);
    }

    #[test]
    fn cutting_never_splits_a_grapheme() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("longer than that", 8), "longer…");
        let family = "👨‍👩‍👧‍👦";
        assert_eq!(cut(&family.repeat(3), 12), format!("{family}…"));
        assert_eq!(cut(&"x".repeat(10_000), 78).chars().count(), 78);
    }

    #[test]
    fn folding_keeps_every_word_and_the_width() {
        let text = format!("{} {}", "word ".repeat(40), "x".repeat(200));
        let folded = wrap(&text, 3);
        assert!(folded.lines().all(|line| line.starts_with("   ") && line.chars().count() <= COLUMNS));
        assert_eq!(folded.matches("word").count(), 40);
        assert_eq!(folded.matches('x').count(), 200);
    }
}
