//! Words: of what is searched, of what a reader typed, and where the one is found in the other.
//!
//! What is stored and what is looked for are folded and stemmed here, so that both engines find the same.

use std::borrow::Cow;

use rust_stemmers::{Algorithm, Stemmer};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::outline;
use super::plain::at_most;
use crate::error::Wrong;

/// Longest query, in characters.
pub const MAX_QUERY_CHARS: usize = 200;
/// Most words of a query.
pub const MAX_TERMS: usize = 20;
/// Longest word that is looked for, in characters; the rest of a longer one is left out on both sides.
const MAX_WORD: usize = 64;
/// A beginning of fewer letters than this would be that of too many words: it is looked for as a whole word. Where one
/// character says more, in Chinese for example, one is enough.
const MIN_BEGINNING: usize = 3;

/// One word of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// The word: letters and digits alone, folded. They mean nothing to FTS5 or to a `tsquery`.
    pub word: String,
    /// What else it is found by: its stems in the languages that are searched.
    pub stems: Vec<String>,
    /// Whether words that begin with it are found too.
    pub beginning: bool,
}

/// The words of a query, for texts in these locales; none is a valid answer. The last one may be a beginning.
pub fn terms(query: &str, locales: &[&str]) -> Result<Vec<Term>, Wrong> {
    at_most(query.chars().count(), MAX_QUERY_CHARS, "characters")?;
    let stemmers: Vec<Stemmer> = languages(locales).into_iter().map(Stemmer::create).collect();
    let mut terms: Vec<Term> = folded(query, usize::MAX)
        .split_terminator(' ')
        .map(|word| {
            let mut stems: Vec<String> = stemmers.iter().map(|stemmer| stemmer.stem(word).into_owned()).collect();
            stems.sort_unstable();
            stems.dedup();
            stems.retain(|stem| stem != word && !stem.is_empty());
            Term { word: word.to_owned(), stems, beginning: false }
        })
        .collect();
    if terms.len() > MAX_TERMS {
        return Err(("too_many_terms", format!("Search for at most {MAX_TERMS} words.")));
    }
    if let Some(last) = terms.last_mut() {
        last.beginning = !last.word.is_ascii() || last.word.len() >= MIN_BEGINNING;
    }
    Ok(terms)
}

/// A text as it is searched: its words, folded, parted by blanks, each followed by its stem where that is another word;
/// at most `max` characters in all.
pub fn indexed(text: &str, locale: &str, max: usize) -> String {
    let folded = folded(text, max);
    let Some(stemmer) = languages(&[locale]).pop().map(Stemmer::create) else { return folded };
    let mut words = String::with_capacity(folded.len() * 3 / 2);
    let mut count = 0;
    for word in folded.split_terminator(' ') {
        let stem = stemmer.stem(word);
        let stem = Some(&*stem).filter(|stem| *stem != word && !stem.is_empty());
        for word in [Some(word), stem].into_iter().flatten() {
            count += word.chars().count();
            if count > max {
                return words;
            }
            if !words.is_empty() {
                words.push(' ');
            }
            words.push_str(word);
        }
    }
    words
}

/// Words parted by single blanks, lower-case, without diacritics, at most `max` characters in all.
fn folded(text: &str, max: usize) -> String {
    let mut folded = String::with_capacity(text.len().min(max));
    let (mut count, mut in_word) = (0, 0);
    // Lower-casing can part a letter from its mark (`İ`).
    for letter in text.nfkd().flat_map(char::to_lowercase).filter(|c| !is_combining_mark(*c)) {
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

/// The Snowball algorithms for these locales, each once; other languages are searched by whole words.
fn languages(locales: &[&str]) -> Vec<Algorithm> {
    let mut found: Vec<Algorithm> = Vec::new();
    for locale in locales {
        let algorithm = match locale.split('-').next().unwrap_or_default() {
            "ar" => Algorithm::Arabic,
            "da" => Algorithm::Danish,
            "de" => Algorithm::German,
            "el" => Algorithm::Greek,
            "en" => Algorithm::English,
            "es" => Algorithm::Spanish,
            "fi" => Algorithm::Finnish,
            "fr" => Algorithm::French,
            "hu" => Algorithm::Hungarian,
            "it" => Algorithm::Italian,
            "nb" | "nn" | "no" => Algorithm::Norwegian,
            "nl" => Algorithm::Dutch,
            "pt" => Algorithm::Portuguese,
            "ro" => Algorithm::Romanian,
            "ru" => Algorithm::Russian,
            "sv" => Algorithm::Swedish,
            "ta" => Algorithm::Tamil,
            "tr" => Algorithm::Turkish,
            _ => continue,
        };
        if !found.contains(&algorithm) {
            found.push(algorithm);
        }
    }
    found
}

/// Longest snippet, in bytes of its text.
const SNIPPET: usize = 240;
/// How much stands before the first word that was found, in bytes of a snippet's text.
const BEFORE: usize = 60;

/// Marks what a query finds in texts of one locale.
pub struct Highlighter<'a> {
    terms: &'a [Term],
    stemmer: Option<Stemmer>,
}

impl<'a> Highlighter<'a> {
    /// Marks `terms` in texts of this locale.
    pub fn new(terms: &'a [Term], locale: &str) -> Self {
        Self { terms, stemmer: languages(&[locale]).pop().map(Stemmer::create) }
    }

    /// A plain text as safe HTML: everything escaped, found words in `<mark>`.
    pub fn mark(&self, text: &str) -> String {
        let mut html = String::with_capacity(text.len() + 64);
        let mut done = 0;
        for (at, word) in words(text).filter(|(_, word)| self.finds(word)) {
            escape(&text[done..at], &mut html);
            html.push_str("<mark>");
            escape(word, &mut html);
            html.push_str("</mark>");
            done = at + word.len();
        }
        escape(&text[done..], &mut html);
        html
    }

    /// A piece of the text of a body, around the first word that is found in it, as safe HTML on one line.
    pub fn snippet(&self, body_html: &str) -> String {
        let text = outline::text(body_html).split_whitespace().collect::<Vec<_>>().join(" ");
        let first = words(&text).find(|(_, word)| self.finds(word)).map_or(0, |(at, _)| at);
        let from = if first <= BEFORE { 0 } else { after_blank(&text, first - BEFORE).min(first) };
        let to = if text.len() - from <= SNIPPET { text.len() } else { before_blank(&text, from + SNIPPET) };
        let before = if from > 0 { "…" } else { "" };
        let after = if to < text.len() { "…" } else { "" };
        format!("{before}{}{after}", self.mark(&text[from..to]))
    }

    fn finds(&self, word: &str) -> bool {
        let plain = word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        let word: Cow<'_, str> = if plain { word.into() } else { folded(word, MAX_WORD).into() };
        // A stem keeps the first letter of its word.
        let near = |term: &&Term| word.chars().next() == term.word.chars().next();
        self.terms.iter().filter(near).any(|term| {
            let by_stem = || self.stemmer.as_ref().is_some_and(|stemmer| term.is_stem(&stemmer.stem(&word)));
            *word == term.word || (term.beginning && word.starts_with(&term.word)) || by_stem()
        })
    }
}

impl Term {
    fn is_stem(&self, stem: &str) -> bool {
        self.word == stem || self.stems.iter().any(|own| own == stem)
    }
}

/// The words of a text, each with its place.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive(|c: char| !c.is_alphanumeric() && !is_combining_mark(c)).filter_map(move |piece| {
        let place = at;
        at += piece.len();
        let word = piece.trim_end_matches(|c: char| !c.is_alphanumeric() && !is_combining_mark(c));
        (!word.is_empty()).then_some((place, word))
    })
}

/// The place after the first blank from `at` on, or of a character close to it.
fn after_blank(text: &str, at: usize) -> usize {
    let at = text.ceil_char_boundary(at);
    text[at..].find(' ').map_or(at, |blank| at + blank + 1)
}

/// The place of the last blank before `at`, if there is one near, or of a character close to it.
fn before_blank(text: &str, at: usize) -> usize {
    let at = text.floor_char_boundary(at);
    let near = text.floor_char_boundary(at.saturating_sub(MAX_WORD));
    text[near..at].rfind(' ').map_or(at, |blank| near + blank)
}

fn escape(text: &str, html: &mut String) {
    for letter in text.chars() {
        match letter {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            letter => html.push(letter),
        }
    }
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
            ("Straße CAFE\u{301} 北京 İ", vec!["straße", "cafe", "北京", "i"]),
            ("a & b | !c <-> d", vec!["a", "b", "c", "d"]),
            ("  ¿?! \0 ", vec![]),
            ("", vec![]),
        ] {
            let typed: Vec<String> = terms(query, &[]).unwrap().into_iter().map(|term| term.word).collect();
            assert_eq!(typed, words, "{query}");
        }
    }

    #[test]
    fn words_have_stems_in_their_languages() {
        let terms = terms("running häuser", &["en-GB", "de", "xx", "de-AT"]).unwrap();
        assert_eq!(terms[0].stems, ["run"]);
        assert_eq!((terms[1].word.as_str(), terms[1].stems.as_slice()), ("hauser", ["haus".to_owned()].as_slice()));
        assert_eq!((terms[0].beginning, terms[1].beginning), (false, true));
        assert_eq!(indexed("Running costs; to run", "en", 100), "running run costs cost to run");
        assert_eq!(indexed("Running costs", "xx", 100), "running costs");
    }

    #[test]
    fn short_words_are_no_beginnings() {
        for (query, beginning) in [("to", false), ("tow", true), ("北", true), ("a b", false), ("to be or", false)] {
            assert_eq!(terms(query, &[]).unwrap().pop().unwrap().beginning, beginning, "{query}");
        }
    }

    #[test]
    fn what_is_searched_is_folded() {
        assert_eq!(folded("  Über-Gabe: CAFE\u{301}, 2nd_draft!", 100), "uber gabe cafe 2nd draft");
        assert_eq!(folded("one two", 4), "one t");
        assert_eq!(folded(&"a".repeat(200), 1000).len(), MAX_WORD);
        assert_eq!(indexed("running costs", "en", 12), "running run");
    }

    #[test]
    fn too_much_is_refused() {
        assert_eq!(terms(&"a".repeat(201), &[]).unwrap_err().0, "too_long");
        assert_eq!(terms(&"a ".repeat(21), &[]).unwrap_err().0, "too_many_terms");
        assert_eq!(terms(&"ä".repeat(200), &[]).unwrap().len(), 1);
    }

    #[test]
    fn found_words_are_marked_and_all_else_is_escaped() {
        let terms = terms("cost über run succ", &["en"]).unwrap();
        let marks = Highlighter::new(&terms, "en");
        assert_eq!(
            marks.mark("Running <b>costs</b> & \"Über\" Succession's un-run"),
            "<mark>Running</mark> &lt;b&gt;<mark>costs</mark>&lt;/b&gt; &amp; &quot;<mark>Über</mark>&quot; \
             <mark>Succession</mark>&#39;s un-<mark>run</mark>"
        );
    }

    #[test]
    fn a_snippet_begins_near_the_first_word_that_is_found() {
        let terms = terms("needle", &["en"]).unwrap();
        let marks = Highlighter::new(&terms, "en");
        let body = format!("<p>{}</p><p>A needle &lt;i&gt;.</p><p>{}</p>", "hay ".repeat(100), "straw ".repeat(100));
        let snippet = marks.snippet(&body);
        assert!(snippet.starts_with("…hay ") && snippet.ends_with("straw…"), "{snippet}");
        assert!(snippet.contains("A <mark>needle</mark> &lt;i&gt;. straw"), "{snippet}");
        assert_eq!(marks.snippet("<p>Short.</p>"), "Short.");
    }

    proptest! {
        #[test]
        fn no_syntax_survives(query in "\\PC{0,60}") {
            for term in terms(&query, &["en", "de", "ar", "ta"]).unwrap_or_default() {
                for word in term.stems.iter().chain([&term.word]) {
                    prop_assert!(!word.is_empty() && !word.contains(|c: char| !c.is_alphanumeric() || c.is_ascii_uppercase()));
                }
            }
        }

        #[test]
        fn only_marks_are_markup(text in "([<>&\"'a-c ü…北]{0,9}[ .]){0,60}", query in "[a-cü北 ]{0,20}") {
            let terms = terms(&query, &["en"]).unwrap();
            let marks = Highlighter::new(&terms, "en");
            for html in [marks.mark(&text), marks.snippet(&text), marks.snippet(&format!("<p>{text}</p>"))] {
                let rest = html.replace("<mark>", "").replace("</mark>", "");
                prop_assert!(!rest.contains(['<', '>', '"', '\'']), "{}", html);
                prop_assert_eq!(html.matches("<mark>").count(), html.matches("</mark>").count());
            }
        }
    }
}
