//! A language of its own: words made of syllables, as frequent as words are (Zipf), and planted terms that are found
//! a known number of times.

use super::random::Random;

/// How many words the language has.
const WORDS: usize = 20_000;
// Planted terms begin with letters that no other word has.
const CONSONANTS: &[u8] = b"bcdfghjklmnprstv";
const VOWELS: &[u8] = b"aeiou";

/// The words, the most frequent first.
pub struct Words(Vec<String>);

impl Words {
    /// Always the same.
    pub fn new() -> Self {
        Self((0..WORDS).map(word).collect())
    }

    /// Adds a word, chosen as often as its rank is low: the chance of rank r is as 1/r.
    pub fn push(&self, text: &mut String, random: &mut Random) {
        let rank = f64::from(u32::try_from(self.0.len()).unwrap_or(u32::MAX)).powf(random.fraction());
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 1 to the number of words")]
        let index = (rank as usize).saturating_sub(1).min(self.0.len() - 1);
        text.push_str(&self.0[index]);
    }

    /// So many words in a row, the first with a capital.
    pub fn phrase(&self, words: usize, random: &mut Random) -> String {
        let mut text = String::new();
        for index in 0..words {
            if index > 0 {
                text.push(' ');
            }
            self.push(&mut text, random);
        }
        if let Some(first) = text.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        text
    }
}

/// The word of a number, in syllables: the shorter, the lower the number.
fn word(number: usize) -> String {
    let mut rest = number;
    let mut word = String::new();
    loop {
        word.push(char::from(CONSONANTS[rest % CONSONANTS.len()]));
        rest /= CONSONANTS.len();
        word.push(char::from(VOWELS[rest % VOWELS.len()]));
        rest /= VOWELS.len();
        if rest == 0 {
            return word;
        }
        rest -= 1;
    }
}

/// Two terms that stand together in [`Pair::hits`] articles, and nowhere else.
#[derive(Debug, Clone, Copy)]
pub struct Pair(u8);

impl Pair {
    /// Every pair.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..20).map(Self)
    }

    /// The two terms.
    pub fn terms(self) -> [String; 2] {
        let letter = char::from(b'a' + self.0);
        [format!("zel{letter}undo"), format!("zor{letter}imba")]
    }

    /// In how many articles they stand, if there are so many: 50 to 1,000, whatever the number of articles.
    pub fn hits(self) -> u64 {
        50 * (u64::from(self.0) + 1)
    }

    /// Whether they stand in this one of so many articles.
    pub fn is_in(self, article: u64, articles: u64) -> bool {
        let every = (articles / self.hits()).max(1);
        article % every == u64::from(self.0) % every && article / every < self.hits()
    }
}

/// A term that stands in 3 % of all articles.
pub const COMMON: &str = "quendalor";

/// Whether [`COMMON`] stands in this article.
pub fn is_common_in(article: u64) -> bool {
    article % 100 < 3
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn words_are_different_and_planted_terms_are_none_of_them() {
        let words = Words::new();
        assert_eq!(words.0.iter().collect::<HashSet<_>>().len(), WORDS);
        assert!(words.0.iter().all(|word| !word.starts_with(['z', 'q'])));
    }

    #[test]
    fn frequent_words_are_frequent() {
        let (words, mut random) = (Words::new(), Random::of(1, 1, 1));
        let text = words.phrase(10_000, &mut random);
        let count = |rank: usize| text.split(' ').filter(|word| *word == words.0[rank]).count();
        assert!(count(1) > 5 * count(20), "{} and {}", count(1), count(20));
    }

    #[test]
    fn a_pair_is_planted_as_often_as_it_says() {
        for pair in Pair::all() {
            for articles in [1_000, 10_000, 100_000] {
                let planted = (0..articles).filter(|article| pair.is_in(*article, articles)).count();
                assert_eq!(u64::try_from(planted).unwrap(), pair.hits().min(articles), "{pair:?} of {articles}");
            }
        }
    }
}
