//! The beginning of a text, in its own words.

use unicode_segmentation::UnicodeSegmentation;

/// The length of an excerpt that nobody wrote, in characters.
pub const EXCERPT_CHARS: usize = 200;

/// The beginning of a plain text on one line of at most `max_chars` characters.
///
/// What does not fit is cut after a sentence, if one ends in the second half, else between words with a `…`.
pub fn excerpt(text: &str, max_chars: usize) -> String {
    let Some(fitting) = fitting(text, max_chars) else {
        return text.split_whitespace().collect::<Vec<_>>().join(" ");
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
fn fitting(text: &str, max_chars: usize) -> Option<String> {
    let mut line = String::new();
    let mut length = 0;
    for word in text.split_whitespace() {
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
