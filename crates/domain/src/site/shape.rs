//! Shapes of paths, such as `/{year}/{slug}`: how one is filled, and what a path that has it says.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::error::Wrong;

/// Longest shape, in characters.
const MAX: usize = 200;

/// All but what RFC 3986 (3.3) allows in a segment as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// What a shape may leave open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Slug,
    Id,
    Locale,
    /// Path of the primary category; nothing, if there is none.
    Category,
    /// Path of a category.
    Path,
    Year,
    Month,
    Day,
}

impl Name {
    fn of(text: &str) -> Option<Self> {
        Some(match text {
            "slug" => Self::Slug,
            "id" => Self::Id,
            "locale" => Self::Locale,
            "category" => Self::Category,
            "path" => Self::Path,
            "year" => Self::Year,
            "month" => Self::Month,
            "day" => Self::Day,
            _ => return None,
        })
    }

    /// Whether its value may have slashes in it.
    fn is_path(self) -> bool {
        matches!(self, Self::Category | Self::Path)
    }

    /// Whether `text` could be its value.
    fn fits(self, text: &str) -> bool {
        let digits = |count: usize| text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit());
        match self {
            Self::Year => digits(4),
            Self::Month | Self::Day => digits(2),
            Self::Id => text.len() == 36,
            Self::Locale => (2..=35).contains(&text.len()),
            Self::Slug | Self::Category | Self::Path => !text.is_empty(),
        }
    }
}

enum Part<'a> {
    Text(&'a str),
    Value(Name),
}

enum Segment<'a> {
    /// A placeholder that stands for any number of segments.
    Many(Name),
    One(Vec<Part<'a>>),
}

/// A shape, taken apart.
pub(super) struct Shape<'a>(Vec<Segment<'a>>);

/// What the placeholders of a shape stand for in one path.
pub(super) type Values = Vec<(Name, String)>;

impl<'a> Shape<'a> {
    /// Takes a shape apart; what is no placeholder is text.
    pub(super) fn of(text: &'a str) -> Self {
        let segment = |text: &'a str| {
            let parts = parts(text);
            match parts.as_slice() {
                [Part::Value(name)] if name.is_path() => Segment::Many(*name),
                _ => Segment::One(parts),
            }
        };
        Self(text.strip_prefix('/').unwrap_or(text).split('/').map(segment).collect())
    }

    /// A path of this shape, percent-encoded, behind `base`. A placeholder that stands alone and has no value takes no
    /// segment.
    pub(super) fn fill<'v>(&self, base: &str, value: impl Fn(Name) -> Cow<'v, str>) -> String {
        let mut path = String::with_capacity(base.len() + 100);
        path.push_str(base);
        let push = |path: &mut String, text: &str| path.extend(utf8_percent_encode(text, SEGMENT));
        for segment in &self.0 {
            match segment {
                Segment::Many(name) => {
                    for part in value(*name).split('/').filter(|part| !part.is_empty()) {
                        path.push('/');
                        push(&mut path, part);
                    }
                }
                Segment::One(parts) => {
                    path.push('/');
                    for part in parts {
                        match part {
                            Part::Text(text) => push(&mut path, text),
                            Part::Value(name) => push(&mut path, &value(*name)),
                        }
                    }
                }
            }
        }
        path
    }

    /// What the placeholders stand for in the path made of `segments`, if it has this shape. A slash at the end counts
    /// neither here nor there.
    pub(super) fn read(&self, segments: &[String]) -> Option<Values> {
        let mut shape = self.0.as_slice();
        if let [before @ .., Segment::One(parts)] = shape
            && parts.is_empty()
        {
            shape = before;
        }
        // At most one placeholder stands for many segments, so that their number is known.
        let fixed = shape.iter().filter(|segment| matches!(segment, Segment::One(_))).count();
        let many = segments.len().checked_sub(fixed)?;
        let mut rest = segments;
        let mut values = Values::new();
        for segment in shape {
            match segment {
                Segment::Many(name) => {
                    let (taken, left) = rest.split_at_checked(many)?;
                    if many == 0 && *name == Name::Path {
                        return None;
                    }
                    values.push((*name, taken.join("/")));
                    rest = left;
                }
                Segment::One(parts) => {
                    let (text, left) = rest.split_first()?;
                    read_parts(parts, text, &mut values).then_some(())?;
                    rest = left;
                }
            }
        }
        rest.is_empty().then_some(values)
    }

    /// Whether it leaves this open.
    pub(super) fn has(&self, name: Name) -> bool {
        self.names().contains(&name)
    }

    fn names(&self) -> Vec<Name> {
        let of_part = |part: &Part<'_>| match part {
            Part::Value(name) => Some(*name),
            Part::Text(_) => None,
        };
        let of_segment = |segment: &Segment<'_>| match segment {
            Segment::Many(name) => vec![*name],
            Segment::One(parts) => parts.iter().filter_map(of_part).collect(),
        };
        self.0.iter().flat_map(of_segment).collect()
    }

    fn texts(&self) -> impl Iterator<Item = &'a str> {
        let parts = self.0.iter().flat_map(|segment| match segment {
            Segment::One(parts) => parts.as_slice(),
            Segment::Many(_) => &[],
        });
        parts.filter_map(|part| match part {
            Part::Text(text) => Some(*text),
            Part::Value(_) => None,
        })
    }
}

/// Tries the longest value first; segments are short and hold few placeholders.
fn read_parts(parts: &[Part<'_>], text: &str, values: &mut Values) -> bool {
    match parts {
        [] => text.is_empty(),
        [Part::Text(literal), rest @ ..] => {
            text.strip_prefix(literal).is_some_and(|text| read_parts(rest, text, values))
        }
        [Part::Value(name), rest @ ..] => {
            let before = values.len();
            let ends = text.char_indices().map(|(index, c)| index + c.len_utf8()).collect::<Vec<_>>();
            ends.into_iter().rev().any(|end| {
                let (value, text) = text.split_at(end);
                if !name.fits(value) {
                    return false;
                }
                values.push((*name, value.to_owned()));
                let fits = read_parts(rest, text, values);
                if !fits {
                    values.truncate(before);
                }
                fits
            })
        }
    }
}

fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, name, after)) = placeholder(rest) {
        if !before.is_empty() {
            parts.push(Part::Text(before));
        }
        parts.push(Part::Value(name));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    parts
}

/// The first placeholder, and what stands before and after it.
fn placeholder(text: &str) -> Option<(&str, Name, &str)> {
    let (before, rest) = text.split_once('{')?;
    let (name, after) = rest.split_once('}')?;
    Some((before, Name::of(name)?, after))
}

/// Refuses what is no shape made of `allowed` placeholders with one of `needed` among them; `known` lists them for
/// people.
pub(super) fn check(text: &str, allowed: &[Name], needed: &[Name], known: &str) -> Result<String, Wrong> {
    let wrong = |detail: String| Err(("invalid_shape", detail));
    let text = text.trim();
    if text.chars().count() > MAX {
        return Err(("too_long", format!("Use at most {MAX} characters.")));
    }
    let Some(tail) = text.strip_prefix('/') else { return wrong("Begin with `/`.".into()) };
    let segments: Vec<&str> = tail.split('/').collect();
    if segments.iter().rev().skip(1).any(|segment| segment.is_empty())
        || segments.iter().any(|s| matches!(*s, "." | ".."))
    {
        return wrong("Leave no part between two `/` empty, and none `.` or `..`.".into());
    }
    let shape = Shape::of(text);
    let names = shape.names();
    let bad = |c: char| c.is_control() || c.is_whitespace() || "{}?#%\\\"<>^`|".contains(c);
    if shape.texts().any(|text| text.contains(bad)) || names.iter().any(|name| !allowed.contains(name)) {
        return wrong(format!("Use letters, digits, `-`, `_`, `.`, `/` and the placeholders {known}."));
    }
    if names.iter().enumerate().any(|(index, name)| names[..index].contains(name)) {
        return wrong("Use each placeholder once.".into());
    }
    if !names.iter().any(|name| needed.contains(name)) {
        return wrong(format!("Without `{}` in it, two things would share one path.", first_word(needed)));
    }
    let within = |segment: &Segment<'_>| matches!(segment, Segment::One(parts) if parts.iter().any(|part| matches!(part, Part::Value(name) if name.is_path())));
    if shape.0.iter().any(within) {
        return wrong("`{category}` and `{path}` hold slashes: let each stand alone between two `/`.".into());
    }
    Ok(text.to_owned())
}

fn first_word(needed: &[Name]) -> &'static str {
    if needed.contains(&Name::Slug) { "{slug}" } else { "{path}" }
}
