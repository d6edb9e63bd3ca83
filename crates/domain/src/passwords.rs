//! Passwords: which ones may be chosen (NIST SP 800-63B-4, 3.1.1.2) and how they are kept (Argon2id).
//!
//! Hashing takes tens of milliseconds and 19 MiB: callers bound how many run at once, and never hash inside a
//! transaction.

use std::collections::HashSet;
use std::fmt;
use std::sync::LazyLock;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use serde::Deserialize;
use unicode_normalization::UnicodeNormalization as _;

use crate::Result;
use crate::error::Wrong;

/// Fewest characters of a password that is the only factor (SP 800-63B-4).
pub const MIN_CHARS: usize = 15;
/// Most characters, so that hashing a password costs the same for everyone.
pub const MAX_CHARS: usize = 256;
const MAX_BYTES: usize = 1024;

/// A password as it came in a request: not looked at yet, and shown nowhere.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
pub struct Typed(String);

impl fmt::Debug for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl From<&str> for Typed {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl utoipa::PartialSchema for Typed {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Password)))
            .max_length(Some(MAX_CHARS))
            .description(Some(
                "A password. A new one has 15 to 256 characters of any kind and is not easy to guess; nothing else is \
                 asked of it.",
            ))
            .build()
            .into()
    }
}

impl utoipa::ToSchema for Typed {
    fn name() -> std::borrow::Cow<'static, str> {
        "Password".into()
    }
}

/// A password in the form that is hashed: NFKC, at most 256 characters and 1 KiB. Its `Debug` is redacted.
#[derive(Clone)]
pub struct Password(String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(***)")
    }
}

impl Password {
    /// One that shall be compared with what is kept. Only its length is checked: it may have been chosen under other
    /// rules.
    pub fn attempt(typed: &Typed) -> Result<Self, Wrong> {
        let too_long = || ("too_long", format!("Use at most {MAX_CHARS} characters."));
        if typed.0.len() > MAX_BYTES {
            return Err(too_long());
        }
        let text: String = typed.0.nfkc().collect();
        if text.len() > MAX_BYTES || text.chars().count() > MAX_CHARS {
            return Err(too_long());
        }
        Ok(Self(text))
    }

    /// A new one: at least 15 characters, and not easy to guess. `about` is what an attacker would try first: names
    /// and addresses of the account and of the site.
    pub fn choose(typed: &Typed, about: &[&str]) -> Result<Self, Wrong> {
        let password = Self::attempt(typed)?;
        if password.0.chars().any(char::is_control) {
            return Err(("invalid_characters", "Leave out control characters such as tabs and line ends.".into()));
        }
        if password.0.chars().count() < MIN_CHARS {
            let detail = format!("Use at least {MIN_CHARS} characters; several words are easy to remember.");
            return Err(("too_short", detail));
        }
        if is_easy(&password.0.to_lowercase(), about) {
            let detail = "This is easy to guess: it is made of common passwords, rows of keys, repetitions or names. \
                          Join several unrelated words, or let a password manager make one.";
            return Err(("too_common", detail.into()));
        }
        Ok(password)
    }

    /// The PHC string that is kept: Argon2id with a random salt and OWASP's minimum (19 MiB, 2 passes, 1 lane).
    pub fn hash(&self) -> Result<String> {
        Ok(Argon2::default().hash_password(self.0.as_bytes())?.to_string())
    }

    /// Whether this is the password of which `kept` is the hash. Takes as long without one.
    pub fn verify(&self, kept: Option<&str>) -> Result<Verdict> {
        let kept = kept.and_then(|kept| PasswordHash::new(kept).ok());
        let known = kept.is_some();
        let kept = kept.map_or_else(|| PasswordHash::new(NOBODYS), Ok)?;
        let matches = Argon2::default().verify_password(self.0.as_bytes(), &kept).is_ok();
        Ok(match (known && matches, is_current(&kept)) {
            (false, _) => Verdict::Wrong,
            (true, true) => Verdict::Right,
            (true, false) => Verdict::RightButWeak,
        })
    }
}

/// What comparing a password gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is another one.
    Wrong,
    /// It is the one.
    Right,
    /// It is the one, kept in a way that is no longer ours: hash it anew.
    RightButWeak,
}

/// A hash of nothing, with the parameters of [`Password::hash`], so that an unknown account costs the same time.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGlzIGhlcmU$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn is_current(hash: &PasswordHash) -> bool {
    let cost = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
    hash.algorithm == Algorithm::Argon2id.ident()
        && hash.version == Some(Version::V0x13.into())
        && Params::try_from(hash).is_ok_and(|params| cost(&params) == cost(&Params::default()))
}

/// The most common passwords, in lower case (the first of the list of zxcvbn 3.1.1, MIT licence).
static COMMON: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("common_passwords.txt").lines().collect());

/// Neighbours on keyboards.
const ROWS: [&str; 8] =
    ["1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "yxcvbnm", "azertyuiop", "qsdfghjklm"];

/// A password needs this many parts that a guesser would have to find one by one.
const ENOUGH_PARTS: usize = 5;
/// A password that is something short, repeated, is as weak as that.
const MIN_PERIOD: usize = 8;
const LONGEST_PIECE: usize = 64;

/// Whether a password (in lower case) has too few parts: each different common password, row of keys, sequence, name
/// or group of three digits counts as one, so does each different letter outside of them, and so do spaces and signs
/// together. Spelling a common
/// password twice, or setting a year and an exclamation mark behind it, so gains next to nothing.
fn is_easy(password: &str, about: &[&str]) -> bool {
    let letters: Vec<char> = password.chars().collect();
    let period = period(&letters);
    if period < MIN_PERIOD {
        return true;
    }
    let letters = &letters[..period];
    let names: HashSet<String> = names(about).collect();
    let mut parts: HashSet<String> = HashSet::new();
    let mut digits = 0;
    let mut at = 0;
    while at < letters.len() {
        let rest = &letters[at..];
        let length = piece(rest, &names).max(sequence(rest)).max(1);
        let part: String = rest[..length].iter().collect();
        match rest[0] {
            _ if length > 1 => parts.insert(part),
            digit if digit.is_ascii_digit() => {
                digits += 1;
                false
            }
            letter if letter.is_alphanumeric() => parts.insert(part),
            _ => parts.insert(" ".into()),
        };
        at += length;
    }
    parts.len() + usize::div_ceil(digits, 3) < ENOUGH_PARTS
}

/// The length of what a text repeats; its own length if it repeats nothing.
fn period(letters: &[char]) -> usize {
    (1..letters.len()).find(|p| letters.iter().zip(&letters[*p..]).all(|(a, b)| a == b)).unwrap_or(letters.len())
}

/// Names, addresses and hosts, whole and by their words.
fn names<'a>(about: &'a [&str]) -> impl Iterator<Item = String> + 'a {
    let words = about.iter().chain(&["byline"]).flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
    words.chain(about.iter().copied()).filter(|word| word.chars().count() >= 3).map(str::to_lowercase)
}

/// The length of the longest common password, name or row of keys that `letters` begin with.
fn piece(letters: &[char], names: &HashSet<String>) -> usize {
    let longest = letters.len().min(LONGEST_PIECE);
    (3..=longest)
        .rev()
        .find(|length| {
            let text: String = letters[..*length].iter().collect();
            let backwards: String = letters[..*length].iter().rev().collect();
            let row = || *length > 3 && ROWS.iter().any(|row| row.contains(&text) || row.contains(&backwards));
            COMMON.contains(text.as_str()) || names.contains(&text) || row()
        })
        .unwrap_or(0)
}

/// The length of the run of three or more equal or consecutive characters (`aaa`, `abc`, `321`) that begins here.
fn sequence(letters: &[char]) -> usize {
    let step = |pair: &[char]| i64::from(u32::from(pair[1])) - i64::from(u32::from(pair[0]));
    let Some(first) = letters.windows(2).next().map(step).filter(|step| (-1..=1).contains(step)) else { return 0 };
    let length = 1 + letters.windows(2).take_while(|pair| step(pair) == first).count();
    if length >= 3 { length } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(text: &str) -> Result<Password, Wrong> {
        Password::choose(&text.into(), &["Ann Lee", "ann.lee@example.org", "cms.rivermill.example"])
    }

    fn code(text: &str) -> &'static str {
        choose(text).expect_err(text).0
    }

    #[test]
    fn long_passwords_of_any_characters_are_taken() {
        for good in [
            "correct horse battery staple",
            "der Zug fährt um halb acht",
            "会社の後継者を探している人々へ",
            "x7#Kq-2mVz!pL9wT",
            "4f8a1c9e2b7d6035",
            "8291650374927165",
            "purple-dragon-guitar-monkey",
            &"wine bottle ".repeat(20),
        ] {
            choose(good).expect(good);
        }
    }

    #[test]
    fn length_is_counted_in_characters_after_normalising() {
        assert_eq!(code("short but odd!"), "too_short");
        assert_eq!(code(&"é".repeat(14)), "too_short");
        assert_eq!(code(&"x7#Kq".repeat(60)), "too_long");
        assert_eq!(code(&"会".repeat(342)), "too_long");
        assert_eq!(code(&"\u{fdfa}".repeat(100)), "too_long");
        assert_eq!(code("tabs\tare not easy to type"), "invalid_characters");
    }

    #[test]
    fn what_is_guessed_first_is_refused() {
        for bad in [
            "passwordpassword",
            "PasswordPassword1!",
            "password1234567890",
            "aaaaaaaaaaaaaaa",
            "123123123123123123",
            "qwertyuiopasdfghjkl",
            "1234567890987654321",
            "abcdefghijklmnop",
            "Password2026!!!!",
            "AnnLee2026AnnLee2026",
            "ann.lee@example.org",
            "rivermill-rivermill-1",
            "Byline2026Byline!",
            "letmeinletmein2026",
            "Password!@#$%^&*()",
            "ann@example.org, ann",
        ] {
            assert_eq!(code(bad), "too_common", "{bad}");
        }
    }

    #[test]
    fn a_password_is_known_again_however_it_was_typed() {
        let composed = Password::attempt(&"caf\u{e9} au lait, \u{fb01}ve times".into()).unwrap();
        let decomposed = Password::attempt(&"cafe\u{301} au lait, five times".into()).unwrap();
        let kept = composed.hash().unwrap();
        assert_eq!(decomposed.verify(Some(&kept)).unwrap(), Verdict::Right);
        assert_eq!(Password::attempt(&"cafe".into()).unwrap().verify(Some(&kept)).unwrap(), Verdict::Wrong);
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert_ne!(kept, composed.hash().unwrap());
    }

    #[test]
    fn nobody_is_matched_by_no_hash() {
        let password = Password::attempt(&"any".into()).unwrap();
        for kept in [None, Some("no hash"), Some("")] {
            assert_eq!(password.verify(kept).unwrap(), Verdict::Wrong);
        }
        assert!(is_current(&PasswordHash::new(NOBODYS).unwrap()), "it costs as much as a real one");
    }

    #[test]
    fn a_hash_of_other_parameters_is_to_be_renewed() {
        let password = Password::attempt(&"any".into()).unwrap();
        let weak = Argon2::from(Params::new(8, 1, 1, None).unwrap()).hash_password(b"any").unwrap().to_string();
        assert_eq!(password.verify(Some(&weak)).unwrap(), Verdict::RightButWeak);
        assert_eq!(Password::attempt(&"other".into()).unwrap().verify(Some(&weak)).unwrap(), Verdict::Wrong);
    }

    #[test]
    fn no_log_shows_a_password() {
        let typed = Typed::from("x7#Kq-2mVz!pL9wT");
        assert_eq!(format!("{typed:?} {:?}", Password::attempt(&typed).unwrap()), "*** Password(***)");
    }
}
