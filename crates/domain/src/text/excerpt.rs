//! The beginning of a text, in its own words.

use unicode_segmentation::UnicodeSegmentation;

use super::outline::Heading;

/// The length of an excerpt that nobody wrote, in characters.
pub const EXCERPT_CHARS: usize = 200;

/// The beginning of a plain text on one line of at most `max_chars` characters.
///
/// What does not fit is cut after a sentence, if one ends in the second half, else between words with a `…`.
pub fn excerpt(text: &str, max_chars: usize) -> String {
    cut(text.split_whitespace(), max_chars)
}

/// The beginning of a body's plain text: without its headings, unless it has nothing else.
pub fn body_excerpt(text: &str, toc: &[Heading], max_chars: usize) -> String {
    let mut headings = toc.iter().peekable();
    // A heading is a block of its own.
    let is_prose = move |block: &&str| {
        let same = |heading: &&Heading| heading.text.split_whitespace().eq(block.split_whitespace());
        headings.next_if(same).is_none()
    };
    let prose = text.split("\n\n").filter(is_prose);
    let prose = cut(prose.flat_map(str::split_whitespace), max_chars);
    if prose.is_empty() { excerpt(text, max_chars) } else { prose }
}

fn cut<'a>(words: impl Iterator<Item = &'a str> + Clone, max_chars: usize) -> String {
    let Some(fitting) = fitting(words.clone(), max_chars) else {
        return words.collect::<Vec<_>>().join(" ");
    };
    let last_sentence = fitting.split_sentence_bound_indices().last().map_or(0, |(at, _)| at);
    let sentence = fitting[..last_sentence].trim_end();
    if sentence.chars().count() * 2 >= max_chars && sentence.ends_with(|c| ".!?。！？…".contains(c)) {
        return sentence.to_owned();
    }
    // One character is the ellipsis's; the word that the cut runs through goes as a whole, unless it is all there is.
    let mut room: String = fitting.chars().take(max_chars.saturating_sub(1)).collect();
    let cut_in_word = fitting.chars().nth(max_chars.saturating_sub(1)).is_some_and(|c| !c.is_whitespace());
    let words_end =
        if cut_in_word { room.split_word_bound_indices().next_back().map_or(0, |(at, _)| at) } else { room.len() };
    if words_end > 0 {
        room.truncate(words_end);
    }
    let kept = room.trim_end_matches(|c: char| c.is_whitespace() || ",;:–—-(".contains(c));
    if max_chars == 0 { String::new() } else { format!("{kept}…") }
}

/// One more than `max_chars` characters on one line, or nothing if the whole text is not longer than that.
fn fitting<'a>(words: impl Iterator<Item = &'a str>, max_chars: usize) -> Option<String> {
    let mut line = String::new();
    let mut length = 0;
    for word in words {
        for c in (length > 0).then_some(' ').into_iter().chain(word.chars()) {
            line.push(c);
            length += 1;
            if length > max_chars {
                return Some(line);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::body::{BodyFormat, render};
    use super::*;

    #[test]
    fn a_short_text_is_its_own_excerpt() {
        assert_eq!(excerpt("  One\n\ntwo\u{a0}three. ", 200), "One two three.");
        assert_eq!(excerpt("", 200), "");
    }

    #[test]
    fn a_long_text_is_cut_between_words() {
        assert_eq!(excerpt("one two three four", 10), "one two…");
        assert_eq!(excerpt("one two, three four", 10), "one two…");
        assert_eq!(excerpt("abcdefghijklmnop", 10), "abcdefghi…");
        assert_eq!(excerpt("one two three", 9), "one two…");
    }

    #[test]
    fn a_sentence_that_ends_in_the_second_half_ends_the_excerpt() {
        assert_eq!(excerpt("One two three. Four five six seven.", 20), "One two three.");
        assert_eq!(excerpt("One. Two three four five six seven.", 20), "One. Two three four…");
    }

    #[test]
    fn headings_are_not_the_beginning_of_a_body() {
        let of = |source: &str| {
            let body = render(source, BodyFormat::Html).unwrap();
            body_excerpt(&body.text, &body.toc, 20)
        };
        assert_eq!(of("<h1>Why</h1><p>One two.</p>"), "One two.");
        assert_eq!(of("One<h2>Why<br>not</h2><div>two</div><h3>Why not</h3>three"), "One two three");
        assert_eq!(of("<p>Why</p><h2>How</h2><p>How</p><p>One two three four.</p>"), "Why How One two…");
        assert_eq!(of("<h2>Nothing</h2><h3>but headings</h3>"), "Nothing but headings");
        assert_eq!(of(""), "");
    }

    proptest! {
        #[test]
        fn an_excerpt_is_short_and_on_one_line(text in "\\PC{0,300}|([a-z]{1,9}[ .\n]){0,80}", max in 0_usize..120) {
            let cut = excerpt(&text, max);
            prop_assert!(cut.chars().count() <= max, "{}", cut);
            prop_assert!(!cut.contains('\n') && !cut.contains("  "));
            prop_assert!(max == 0 || cut.is_empty() == text.trim().is_empty(), "{:?}", cut);
        }
    }
}
