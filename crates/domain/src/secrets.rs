//! The keys of a publication: one master each, from which every purpose derives its own (HKDF-SHA-256).
//!
//! Two masters may be live at a time: the first signs, all verify. The identity key never rotates, since equality of
//! addresses (suppressions, duplicates) is asked of what it made.

use std::fmt;

use aws_lc_rs::{constant_time, digest, hkdf, hmac, rand};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// 32 random bytes that no log shows, with the keys of every purpose made ready: deriving one takes longer than most of
/// what is signed with it.
#[derive(Clone)]
struct Master {
    bytes: [u8; 32],
    signing: [hmac::Key; Purpose::ALL.len()],
}

impl Master {
    fn new(bytes: [u8; 32]) -> Self {
        let () = Purpose::IN_ORDER;
        Self { bytes, signing: Purpose::ALL.map(|purpose| hmac::Key::new(hmac::HMAC_SHA256, &derive(&bytes, purpose))) }
    }

    /// The 32 bytes of a purpose.
    fn key(&self, purpose: Purpose) -> [u8; 32] {
        derive(&self.bytes, purpose)
    }

    /// Signs parts, which are framed, so that none can lend to the next.
    fn tag(&self, purpose: Purpose, parts: &[&str]) -> hmac::Tag {
        let mut context = hmac::Context::with_key(&self.signing[purpose as usize]);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        context.sign()
    }

    /// The same in 16 bytes, base64url.
    fn mac(&self, purpose: Purpose, parts: &[&str]) -> String {
        BASE64URL_NOPAD.encode(&self.tag(purpose, parts).as_ref()[..16])
    }
}

impl fmt::Debug for Master {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What a key is for. No two purposes share one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Signing access tokens.
    AccessToken,
    /// Making cursors tamper-evident.
    Cursor,
    /// The stateless tokens of unsubscribe links.
    Unsubscribe,
    /// The stateless tokens of "this was not me" links.
    Objection,
    /// Manage tokens that come with a confirmation.
    Manage,
    /// The tokens of sign-up forms.
    SignUpForm,
    /// Identifying an address without keeping it.
    Identity,
    /// The seed of a commenter's avatar.
    Avatar,
    /// Stable message ids.
    MessageId,
    /// Telling requests apart that hold a password.
    Fingerprint,
    /// The key that clients of Ghost's API show.
    ContentKey,
}

impl Purpose {
    /// Every one, in the order of their numbers.
    const ALL: [Self; 11] = [
        Self::AccessToken,
        Self::Cursor,
        Self::Unsubscribe,
        Self::Objection,
        Self::Manage,
        Self::SignUpForm,
        Self::Identity,
        Self::Avatar,
        Self::MessageId,
        Self::Fingerprint,
        Self::ContentKey,
    ];

    /// Keys are found by the number of their purpose.
    const IN_ORDER: () = {
        let mut at = 0;
        while at < Self::ALL.len() {
            assert!(Self::ALL[at] as usize == at, "the purposes are not in the order of their numbers");
            at += 1;
        }
    };

    fn label(self) -> &'static [u8] {
        match self {
            Self::AccessToken => b"byline/access-token",
            Self::Cursor => b"byline/cursor",
            Self::Unsubscribe => b"byline/unsubscribe",
            Self::Objection => b"byline/objection",
            Self::Manage => b"byline/manage",
            Self::SignUpForm => b"byline/sign-up-form",
            Self::Identity => b"byline/identity",
            Self::Avatar => b"byline/avatar",
            Self::MessageId => b"byline/message-id",
            Self::Fingerprint => b"byline/fingerprint",
            Self::ContentKey => b"byline/content-key",
        }
    }
}

/// The keys, as they lie in the secrets file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, try_from = "File", into = "File")]
pub struct Secrets {
    /// Newest first; never empty.
    keys: Vec<(String, Master)>,
    identity: Master,
}

/// The secrets file: JSON, mode 0600.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    keys: Vec<FileKey>,
    identity: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileKey {
    kid: String,
    key: String,
}

impl TryFrom<File> for Secrets {
    type Error = String;

    fn try_from(file: File) -> Result<Self, String> {
        let master = |text: &str| {
            let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| "a key is not base64url".to_owned())?;
            let bytes: [u8; 32] = bytes.try_into().map_err(|_| "a key is not of 32 bytes".to_owned())?;
            // A key that someone typed instead of having it made: all bytes alike.
            if bytes.iter().all(|byte| *byte == bytes[0]) {
                return Err("a key is not random; let `byline serve` make the file".to_owned());
            }
            Ok(Master::new(bytes))
        };
        let keys: Vec<_> =
            file.keys.into_iter().map(|key| Ok((key.kid, master(&key.key)?))).collect::<Result<_, String>>()?;
        let well_named = |kid: &str| (1..=16).contains(&kid.len()) && kid.bytes().all(|b| b.is_ascii_alphanumeric());
        if keys.is_empty() || keys.len() > 4 || !keys.iter().all(|(kid, _)| well_named(kid)) {
            return Err("it needs one to four keys, each with a `kid` of 1 to 16 letters and digits".into());
        }
        Ok(Self { keys, identity: master(&file.identity)? })
    }
}

impl From<Secrets> for File {
    fn from(secrets: Secrets) -> Self {
        let text = |master: &Master| BASE64URL_NOPAD.encode(&master.bytes);
        let keys = secrets.keys.iter().map(|(kid, key)| FileKey { kid: kid.clone(), key: text(key) }).collect();
        Self { keys, identity: text(&secrets.identity) }
    }
}

impl Secrets {
    /// Makes new keys.
    pub fn generate() -> Result<Self> {
        let kid = format!("k{}", HEXLOWER.encode(&random::<3>()?));
        Ok(Self { keys: vec![(kid, Master::new(random()?))], identity: Master::new(random()?) })
    }

    /// The id of the key that signs now.
    pub fn current(&self) -> &str {
        &self.keys[0].0
    }

    /// The ids of all live keys.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(|(kid, _)| kid.as_str())
    }

    /// The 32 bytes of `purpose` under the key `kid`, or `None` if there is no such key.
    pub fn key(&self, purpose: Purpose, kid: &str) -> Option<[u8; 32]> {
        self.keys.iter().find(|(known, _)| known == kid).map(|(_, master)| master.key(purpose))
    }

    /// Signs `parts` with the current key: 16 bytes, base64url. Parts are framed, so that none can lend to the next.
    pub fn sign(&self, purpose: Purpose, parts: &[&str]) -> String {
        self.keys[0].1.mac(purpose, parts)
    }

    /// Whether `signature` was made by [`Secrets::sign`] over `parts` with any live key. In constant time.
    pub fn verify(&self, purpose: Purpose, parts: &[&str], signature: &str) -> bool {
        self.keys.iter().any(|(_, master)| are_equal(&master.mac(purpose, parts), signature))
    }

    /// A token of 256 bits with a typed prefix that is always the same for `parts` under the current key.
    pub fn token(&self, purpose: Purpose, prefix: &str, parts: &[&str]) -> Token {
        let text = BASE64URL_NOPAD.encode(self.keys[0].1.tag(purpose, parts).as_ref());
        Token { text: format!("{prefix}{text}") }
    }

    /// Stands for `value` (a normalised address) wherever only equality matters. Never changes with rotation.
    pub fn identify(&self, purpose: Purpose, value: &str) -> String {
        self.identity.mac(purpose, &[value])
    }

    /// The key that clients of Ghost's API show: 26 hexadecimal digits. It is in every front end, so that it proves
    /// nothing, and never changes with rotation.
    pub fn content_key(&self) -> String {
        HEXLOWER.encode(&self.identity.key(Purpose::ContentKey)[..13])
    }
}

/// Whether two texts are the same, in a time that tells nothing but their lengths.
pub fn are_equal(one: &str, other: &str) -> bool {
    constant_time::verify_slices_are_equal(one.as_bytes(), other.as_bytes()).is_ok()
}

fn derive(master: &[u8; 32], purpose: Purpose) -> [u8; 32] {
    let mut key = [0; 32];
    let derived = hkdf::Salt::new(hkdf::HKDF_SHA256, b"byline").extract(master);
    let filled = derived.expand(&[purpose.label()], hkdf::HKDF_SHA256).and_then(|okm| okm.fill(&mut key));
    debug_assert!(filled.is_ok(), "32 bytes are within what HKDF-SHA-256 gives");
    key
}

fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| Error::Internal("the system gives no random bytes".into()))?;
    Ok(bytes)
}

/// A random token of 256 bits with a typed prefix (`mg_…`), and the hash that is stored in its place.
#[derive(Clone)]
pub struct Token {
    text: String,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

impl Token {
    /// Makes one; `prefix` is empty or ends in `_`.
    pub fn generate(prefix: &str) -> Result<Self> {
        Ok(Self { text: format!("{prefix}{}", BASE64URL_NOPAD.encode(&random::<32>()?)) })
    }

    /// The token itself, for the one answer or message that carries it.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// What is stored.
    pub fn hash(&self) -> String {
        sha256(&self.text)
    }
}

/// SHA-256 as lower-case hexadecimal.
pub fn sha256(value: impl AsRef<[u8]>) -> String {
    HEXLOWER.encode(digest::digest(&digest::SHA256, value.as_ref()).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rotated_key_still_verifies_and_a_purpose_does_not_reach_another() {
        let old = Secrets::generate().unwrap();
        let mut both = Secrets::generate().unwrap();
        both.keys.push(old.keys[0].clone());
        let signature = old.sign(Purpose::Cursor, &["a", "bc"]);
        assert!(both.verify(Purpose::Cursor, &["a", "bc"], &signature));
        assert!(!both.verify(Purpose::Cursor, &["ab", "c"], &signature));
        assert!(!both.verify(Purpose::Unsubscribe, &["a", "bc"], &signature));
    }

    #[test]
    fn a_file_is_read_back_and_samples_are_refused() {
        let secrets = Secrets::generate().unwrap();
        let file = serde_json::to_string(&secrets).unwrap();
        let read: Secrets = serde_json::from_str(&file).unwrap();
        assert_eq!(read.identify(Purpose::Identity, "a"), secrets.identify(Purpose::Identity, "a"));
        let zeros = BASE64URL_NOPAD.encode(&[0; 32]);
        let sample = format!(r#"{{"keys":[{{"kid":"k1","key":"{zeros}"}}],"identity":"{zeros}"}}"#);
        assert!(serde_json::from_str::<Secrets>(&sample).is_err());
    }
}
