//! What a reader typed into the search field, as plain words.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::error::Wrong;

use super::plain::at_most;

/// Longest query, in characters.
pub const MAX_QUERY_CHARS: usize = 200;
/// Most words of a query.
pub const MAX_TERMS: usize = 20;

/// Splits a query into lower-case words of letters and digits; none is a valid answer.
///
/// No character survives that means something to FTS5 or to a `tsquery`, and operators are upper-case words there, so
/// the words may be joined into a query of either engine.
pub fn terms(query: &str) -> Result<Vec<String>, Wrong> {
    at_most(query.chars().count(), MAX_QUERY_CHARS, "characters")?;
    // Composed before and after: lower-casing can part a letter from its mark (`İ`).
    let words: String = query.nfc().flat_map(char::to_lowercase).nfc().collect();
    let terms: Vec<String> = words
        .split(|c: char| !c.is_alphanumeric() && !is_combining_mark(c))
        // A mark belongs to the letter before it; without one it is no word.
        .map(|word| word.trim_start_matches(is_combining_mark))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    if terms.len() > MAX_TERMS {
        return Err(("too_many_terms", format!("Search for at most {MAX_TERMS} words.")));
    }
    Ok(terms)
}

/// Longest word that is looked for, in characters; the rest of a longer one is left out on both sides.
const MAX_WORD: usize = 64;

/// A text as it is searched: words parted by single blanks, lower-case, without diacritics, of at most `max` characters
/// in all. What is stored and what is looked for go through here, so that both engines find the same.
pub fn searchable(text: &str, max: usize) -> String {
    let mut folded = String::new();
    let (mut count, mut in_word) = (0, 0);
    for letter in text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase) {
        if !letter.is_alphanumeric() {
            in_word = 0;
            continue;
        }
        if count >= max {
            break;
        }
        if in_word == 0 && !folded.is_empty() {
            folded.push(' ');
        }
        in_word += 1;
        if in_word <= MAX_WORD {
            folded.push(letter);
            count += 1;
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_all_that_is_left() {
        for (query, words) in [
            ("Business succession", vec!["business", "succession"]),
            ("\"a\" AND (b OR c*) NEAR/2 d:e ^f -g", vec!["a", "and", "b", "or", "c", "near", "2", "d", "e", "f", "g"]),
            ("title:foo' OR 1=1; --", vec!["title", "foo", "or", "1", "1"]),
            ("Straße CAFE\u{301} 北京", vec!["straße", "café", "北京"]),
            ("हिन्दी", vec!["हिन्दी"]),
            ("a & b | !c <-> d", vec!["a", "b", "c", "d"]),
            ("  ¿?! \0 ", vec![]),
            ("", vec![]),
        ] {
            assert_eq!(terms(query).unwrap(), words, "{query}");
        }
    }

    #[test]
    fn what_is_searched_is_folded() {
        assert_eq!(searchable("  Über-Gabe: CAFE\u{301}, 2nd_draft!", 100), "uber gabe cafe 2nd draft");
        assert_eq!(searchable("one two", 4), "one t");
        assert_eq!(searchable(&"a".repeat(200), 1000).len(), MAX_WORD);
    }

    #[test]
    fn too_much_is_refused() {
        assert_eq!(terms(&"a".repeat(201)).unwrap_err().0, "too_long");
        assert_eq!(terms(&"a ".repeat(21)).unwrap_err().0, "too_many_terms");
        assert_eq!(terms(&"ä".repeat(200)).unwrap().len(), 1);
    }

    proptest! {
        #[test]
        fn no_syntax_survives(query in "\\PC{0,60}") {
            for term in terms(&query).unwrap_or_default() {
                prop_assert!(term.starts_with(|c: char| !is_combining_mark(c)), "{}", term);
                prop_assert!(term.chars().all(|c| c.is_alphanumeric() || is_combining_mark(c)), "{}", term);
                prop_assert!(term.chars().all(|c| !c.is_ascii_uppercase()));
            }
        }
    }
}
