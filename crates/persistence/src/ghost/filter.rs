//! Conditions, and what they ask.

use domain::Timestamp;

/// Conditions that are joined by "and" and "or". How deep it is, and how much it holds, whoever makes one bounds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter<C> {
    /// All of these hold; of none, all do.
    All(Vec<Self>),
    /// Any of these holds; of none, none does.
    Any(Vec<Self>),
    /// This holds.
    Is(C),
}

impl<C> Filter<C> {
    /// Whether it holds, if `is` tells it of one condition.
    pub fn holds(&self, is: &impl Fn(&C) -> bool) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(is)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(is)),
            Self::Is(condition) => is(condition),
        }
    }

    /// The same with other conditions.
    pub(super) fn map<D>(&self, other: &mut impl FnMut(&C) -> domain::Result<D>) -> domain::Result<Filter<D>> {
        let mut each = |parts: &[Self]| parts.iter().map(|part| part.map(other)).collect::<domain::Result<_>>();
        Ok(match self {
            Self::All(parts) => Filter::All(each(parts)?),
            Self::Any(parts) => Filter::Any(each(parts)?),
            Self::Is(condition) => Filter::Is(other(condition)?),
        })
    }

    /// The conditions without which it does not hold, as far as they stand alone.
    pub(super) fn needed(&self) -> Vec<&Self> {
        match self {
            Self::All(parts) => parts.iter().flat_map(Self::needed).collect(),
            other => vec![other],
        }
    }
}

/// What is asked of one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Test {
    /// Whether it holds of everything else instead.
    pub not: bool,
    /// What is asked.
    pub what: What,
}

/// What is asked of one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// It is one of these.
    OneOf(Vec<String>),
    /// There is none.
    Absent,
    /// This stands in it, in capitals or not.
    Holds(Part, String),
    /// Of a time: how it stands to this one.
    Time(Relation, Timestamp),
}

/// A member of a tag or an author that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TermField {
    /// Its identity.
    Id,
    /// Its slug.
    Slug,
    /// Its name.
    Name,
    /// `public` or `internal`.
    Visibility,
}

/// Where something stands in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Anywhere.
    Any,
    /// At its beginning.
    Beginning,
    /// At its end.
    End,
}

/// How a time stands to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// It is the same.
    At,
    /// It is later.
    After,
    /// It is the same, or later.
    From,
    /// It is earlier.
    Before,
    /// It is the same, or earlier.
    Until,
}

impl Test {
    /// Whether it holds of a text.
    pub fn holds(&self, value: Option<&str>) -> bool {
        self.not != self.what.holds(value)
    }
}

impl What {
    /// Whether a text is so. No text is a time.
    pub(super) fn holds(&self, value: Option<&str>) -> bool {
        let Some(value) = value else { return *self == Self::Absent };
        match self {
            Self::OneOf(values) => values.iter().any(|one| one == value),
            Self::Absent | Self::Time(..) => false,
            Self::Holds(part, text) => {
                let (value, text) = (value.to_ascii_lowercase(), text.to_ascii_lowercase());
                match part {
                    Part::Any => value.contains(&text),
                    Part::Beginning => value.starts_with(&text),
                    Part::End => value.ends_with(&text),
                }
            }
        }
    }
}
