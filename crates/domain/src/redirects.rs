//! Rules for paths of the front end: where one leads, or that what was there is gone on purpose.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use regex::{Captures, Regex, RegexBuilder};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{Faults, Wrong};
use crate::ids::RedirectId;
use crate::site::{Settings, plain_path};
use crate::text::{Line, WebUrl};
use crate::{Error, Fault, Result, Timestamp};

/// Longest path and pattern, in bytes.
const MAX: usize = 2_000;
/// What a compiled pattern may take in memory, in bytes, and how deeply its groups may be nested.
const MAX_COMPILED: usize = 128 * 1024;
const MAX_NESTED: u32 = 20;
/// Most patterns of one site: every path that nothing else is known about is tried on each.
pub const MAX_PATTERNS: i64 = 500;

/// A rule, as its editors see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Redirect {
    /// Its identity. Patterns are tried in the order in which they were made.
    pub id: RedirectId,
    /// The path that it is about, decoded, without a slash at its end; or a regular expression.
    #[schema(example = "/old/page")]
    pub from: String,
    /// Whether `from` is a regular expression, which any part of a path may match.
    pub pattern: bool,
    /// Where it leads: a path of the front end, or an address elsewhere; null: what was there is gone on purpose (410).
    #[schema(required = true, example = "/new/page")]
    pub to: Option<String>,
    /// For editors.
    #[schema(required = true)]
    pub note: Option<String>,
    /// Raised by every change; the `ETag` that `If-Match` names.
    pub version: u64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

/// What an editor says of a rule. `from` is required.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RedirectWrite {
    /// A path of the front end, with its query if that matters; or a regular expression.
    #[schema(max_length = 2000)]
    pub from: Option<String>,
    /// Whether `from` is a regular expression; false if absent.
    pub pattern: Option<bool>,
    /// A path of the front end, or an address elsewhere; of a pattern with `$1` for its first group. Absent: gone on
    /// purpose.
    #[schema(max_length = 2000)]
    pub to: Option<String>,
    /// For editors.
    #[schema(max_length = 500)]
    pub note: Option<String>,
}

/// A rule whose members are known to be good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// What it is about, as [`Redirect::from`] has it.
    pub from: String,
    /// Whether that is a regular expression.
    pub pattern: bool,
    /// Where it leads.
    pub to: Option<String>,
    /// For editors.
    pub note: Option<Line<500>>,
}

impl RedirectWrite {
    /// Checks every member, and names every fault.
    pub fn check(&self, settings: &Settings) -> Result<Draft> {
        let mut faults = Faults::default();
        let pattern = self.pattern.unwrap_or_default();
        let from = self.from.as_deref().unwrap_or_default().trim();
        let from = faults.take("/from", if pattern { pattern_source(from) } else { path_source(settings, from) });
        let to = match self.to.as_deref().map(str::trim) {
            None | Some("") => Some(None),
            Some(to) => faults.take("/to", target(to)).map(Some),
        };
        let note = self.note.as_deref().unwrap_or_default();
        let note = if note.trim().is_empty() { None } else { faults.take("/note", Line::parse(note)) };
        if let (false, Some(from), Some(Some(to))) = (pattern, &from, &to)
            && plain_path(settings, to).is_some_and(|to| to == *from || to.split('?').next() == Some(from))
        {
            faults.note(Fault::at("/to", "redirect_loop", "It would lead to itself."));
        }
        faults.finish()?;
        let (from, to) = from.zip(to).ok_or(Error::Invalid(Vec::new()))?;
        Ok(Draft { from, pattern, to, note })
    }
}

impl From<&Redirect> for RedirectWrite {
    fn from(redirect: &Redirect) -> Self {
        Self {
            from: Some(redirect.from.clone()),
            pattern: Some(redirect.pattern),
            to: redirect.to.clone(),
            note: redirect.note.clone(),
        }
    }
}

fn path_source(settings: &Settings, from: &str) -> Result<String, Wrong> {
    short(from)?;
    if from.contains(|c: char| c.is_control()) {
        return Err(("invalid_characters", "Remove control characters.".into()));
    }
    plain_path(settings, from).ok_or_else(|| ("not_a_path", "Use a path of the front end, such as `/old/page`.".into()))
}

fn pattern_source(from: &str) -> Result<String, Wrong> {
    short(from)?;
    compile(from).map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => {
            ("too_complex", "The pattern takes too much memory; say it more simply.".into())
        }
        other => (
            "invalid_pattern",
            format!(
                "It is no regular expression (look-around and back-references are not known): {}",
                last_line(&other)
            ),
        ),
    })?;
    Ok(from.to_owned())
}

/// What is wrong; the lines before it draw where.
fn last_line(error: &regex::Error) -> String {
    error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

fn short(text: &str) -> Result<(), Wrong> {
    match text.len() {
        0 => Err(("required", "Say which path it is about.".into())),
        length if length > MAX => Err(("too_long", format!("Use at most {MAX} bytes."))),
        _ => Ok(()),
    }
}

fn target(to: &str) -> Result<String, Wrong> {
    if to.len() > MAX {
        return Err(("too_long", format!("Use at most {MAX} bytes.")));
    }
    if !to.starts_with('/') {
        return WebUrl::parse(to).map(|url| url.to_string());
    }
    // Browsers take what begins like these for another host.
    let odd = |c: char| c.is_control() || c.is_whitespace() || c == '\\';
    if to.starts_with("//") || to.contains(odd) {
        return Err(("not_a_path", "Use a path such as `/new/page`, or an address with https://.".into()));
    }
    Ok(to.to_owned())
}

fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern).size_limit(MAX_COMPILED).dfa_size_limit(MAX_COMPILED).nest_limit(MAX_NESTED).build()
}

/// Compiled patterns by their text: what a text compiles to is the same for everyone, and compiling takes longer than
/// everything else about a path.
static COMPILED: LazyLock<Mutex<HashMap<String, Arc<Regex>>>> = LazyLock::new(Mutex::default);
const MAX_KEPT: usize = 1_000;

/// Where a pattern leads from a path: to `to` with its groups filled in. None if it does not match.
///
/// The time it takes grows with the length of the path alone, whatever the pattern is.
pub fn follow(pattern: &str, to: &str, path: &str) -> Option<String> {
    let compiled = {
        let mut known = COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(compiled) = known.get(pattern) {
            Arc::clone(compiled)
        } else {
            let compiled = Arc::new(compile(pattern).ok()?);
            if known.len() >= MAX_KEPT {
                known.clear();
            }
            known.insert(pattern.to_owned(), Arc::clone(&compiled));
            compiled
        }
    };
    let captures = compiled.captures(path)?;
    let led = fill(to, &captures);
    // What was filled in may have made another host of a path.
    (led.len() <= MAX && (!to.starts_with('/') || !led.starts_with("//"))).then_some(led)
}

/// Fills in groups: `$1` is the first, whatever follows it, and `${name}` the one of that name.
fn fill(to: &str, captures: &Captures<'_>) -> String {
    let mut filled = String::with_capacity(to.len());
    let mut rest = to;
    while let Some((before, after)) = rest.split_once('$') {
        filled.push_str(before);
        let digits = after.bytes().take_while(u8::is_ascii_digit).count().min(2);
        let (group, left) = if digits > 0 {
            let (number, left) = after.split_at(digits);
            (number.parse().ok().and_then(|number| captures.get(number)), left)
        } else if let Some((name, left)) = after.strip_prefix('{').and_then(|named| named.split_once('}')) {
            let group = name.parse().map_or_else(|_| captures.name(name), |number| captures.get(number));
            (group, left)
        } else {
            filled.push('$');
            rest = after;
            continue;
        };
        filled.push_str(group.map_or("", |group| group.as_str()));
        rest = left;
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(from: &str, to: Option<&str>, pattern: bool) -> Result<Draft> {
        let (from, to) = (Some(from.to_owned()), to.map(str::to_owned));
        RedirectWrite { from, to, pattern: Some(pattern), note: None }.check(&Settings::default())
    }

    #[test]
    fn a_path_has_one_form() {
        for from in ["/a%20b/", "/a b", "/%61%20b"] {
            assert_eq!(write(from, Some("/c"), false).unwrap().from, "/a b");
        }
        assert_eq!(write("/?p=12", Some("/c"), false).unwrap().from, "/?p=12");
        assert_eq!(write("/a/?x=1&y=2", None, false).unwrap().from, "/a?x=1&y=2");
    }

    #[test]
    fn what_leads_nowhere_good_is_refused() {
        for (from, to, pattern, code) in [
            ("", Some("/a"), false, "required"),
            ("a", Some("/a"), false, "not_a_path"),
            ("/a\u{7}", Some("/b"), false, "invalid_characters"),
            ("/a", Some("//evil.example"), false, "not_a_path"),
            ("/a", Some("/\\evil.example"), false, "not_a_path"),
            ("/a", Some("javascript:x"), false, "invalid_url"),
            ("/a", Some("b"), false, "invalid_url"),
            ("/a", Some("/a/"), false, "redirect_loop"),
            ("/a", Some("/%61?x"), false, "redirect_loop"),
            ("(", Some("/a"), true, "invalid_pattern"),
            ("(?=a)", Some("/a"), true, "invalid_pattern"),
            ("\\w{900}", Some("/a"), true, "too_complex"),
        ] {
            let Err(Error::Invalid(faults)) = write(from, to, pattern) else { panic!("{from} is taken") };
            assert_eq!(faults[0].code, code, "{from}");
        }
    }

    #[test]
    fn groups_are_filled_in() {
        for (pattern, to, path, led) in [
            ("^/blog/(.*)$", "/$1", "/blog/a/b", Some("/a/b")),
            ("^/(\\d{4})/(.*)$", "/archive/$1x/$2", "/2026/a", Some("/archive/2026x/a")),
            ("^/(?P<slug>[a-z]+)$", "/n/${slug}", "/ab", Some("/n/ab")),
            ("^/a(b)?$", "/c$1$$", "/a", Some("/c$$")),
            ("^/none", "/a", "/b", None),
            ("^/go/(.*)$", "/$1", "/go//evil.example", None),
        ] {
            assert_eq!(follow(pattern, to, path).as_deref(), led, "{pattern}");
        }
    }
}
