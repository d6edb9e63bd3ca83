//! What a subscriber wants to receive, and how.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Faults;
use crate::newsletter::Frequency;
use crate::text::{Locale, Zone};
use crate::{Fault, Result, Timestamp};

use super::{Choice, Format, OwnSubscription};

/// What a subscriber wants to receive, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Preferences {
    /// Whether articles of every category are wanted.
    pub all_categories: bool,
    /// Otherwise: those that are wanted, with all that is below them.
    pub categories: Vec<Choice>,
    /// How often.
    pub frequency: Frequency,
    /// What the mail is made of.
    pub format: Format,
    /// The language wanted (BCP 47).
    #[schema(required = true)]
    pub locale: Option<String>,
    /// The person's IANA time zone; null: the newsletter's.
    #[schema(required = true)]
    pub timezone: Option<String>,
    /// The hour of the day that suits, 0 to 23; null: the newsletter's.
    #[schema(required = true)]
    pub send_hour: Option<u8>,
    /// Until when nothing is sent.
    #[schema(required = true)]
    pub paused_until: Option<Timestamp>,
}

/// What a person says of their own subscription. What is absent stays; `null` clears.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PreferencesWrite {
    /// Articles of every category.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all_categories: Option<bool>,
    /// Only those of these categories (slugs), with all that is below them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(max_items = 100)]
    pub categories: Option<Vec<String>>,
    /// How often.
    #[schema(value_type = Option<Frequency>)]
    pub frequency: Option<String>,
    /// An IANA time zone.
    #[schema(example = "Europe/Berlin")]
    pub timezone: Option<String>,
    /// The hour of the day that suits.
    #[schema(minimum = 0, maximum = 23)]
    pub send_hour: Option<i64>,
    /// What the mail is made of.
    #[schema(value_type = Option<Format>)]
    pub format: Option<String>,
    /// Until when nothing is sent: a time to come.
    pub paused_until: Option<Timestamp>,
    /// A language (BCP 47).
    #[schema(example = "de-AT")]
    pub locale: Option<String>,
    /// Read only: what an answer holds may be sent back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(read_only)]
    pub email_masked: Option<String>,
    /// Read only.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(read_only)]
    pub state: Option<String>,
}

impl From<&OwnSubscription> for PreferencesWrite {
    /// What a merge patch is applied to. The choice of categories is left out: it is one choice in two members, so
    /// naming one of them replaces both.
    fn from(own: &OwnSubscription) -> Self {
        Self {
            frequency: Some(own.frequency.as_str().to_owned()),
            timezone: own.timezone.clone(),
            send_hour: own.send_hour.map(i64::from),
            format: Some(own.format.as_str().to_owned()),
            paused_until: own.paused_until,
            locale: own.locale.clone(),
            ..Self::default()
        }
    }
}

impl PreferencesWrite {
    /// Checks every member, and names every fault. `known` are the categories there are, by slug.
    pub fn check(&self, current: &Preferences, known: &HashMap<String, Choice>, now: Timestamp) -> Result<Preferences> {
        let mut faults = Faults::default();
        let categories = self.chosen(known, &mut faults);
        let frequency = frequency(&mut faults, self.frequency.as_deref());
        let format = self.format.as_deref().map(str::parse::<Format>).transpose();
        let format = faults.take("/format", format.map_err(|detail| ("invalid_format", detail))).flatten();
        let timezone = zone(&mut faults, self.timezone.as_deref());
        let locale = locale(&mut faults, self.locale.as_deref());
        let send_hour = self.send_hour.map(u8::try_from).transpose().ok().filter(|hour| hour.is_none_or(|h| h < 24));
        if send_hour.is_none() {
            faults.note(Fault::at("/send_hour", "out_of_range", "Use a whole number from 0 to 23."));
        }
        if self.paused_until.is_some_and(|until| until <= now) {
            faults.note(Fault::at("/paused_until", "in_the_past", "Pause until a time to come, or send null."));
        }
        faults.finish()?;
        let (all_categories, categories) =
            categories.unwrap_or_else(|| (current.all_categories, current.categories.clone()));
        Ok(Preferences {
            all_categories,
            categories,
            frequency: frequency.unwrap_or(Frequency::Weekly),
            format: format.unwrap_or(Format::Html),
            locale,
            timezone,
            send_hour: send_hour.flatten(),
            paused_until: self.paused_until,
        })
    }

    /// The choice of categories; `None` if nothing was said of it.
    fn chosen(&self, known: &HashMap<String, Choice>, faults: &mut Faults) -> Option<(bool, Vec<Choice>)> {
        match (self.all_categories, self.categories.as_deref()) {
            (None, None) => None,
            (Some(true), None | Some([])) => Some((true, Vec::new())),
            (Some(true), Some(_)) => {
                let detail = "Take all categories, or name some: not both.";
                faults.note(Fault::at("/all_categories", "contradiction", detail));
                None
            }
            (Some(false) | None, slugs) => {
                categories(faults, slugs.unwrap_or_default(), known).map(|categories| (false, categories))
            }
        }
    }
}

/// A choice of categories by slug: at least one, each of them known.
pub(super) fn categories(
    faults: &mut Faults,
    slugs: &[String],
    known: &HashMap<String, Choice>,
) -> Option<Vec<Choice>> {
    if slugs.is_empty() {
        faults.note(Fault::at("/categories", "required", "Name at least one category, or take them all."));
    }
    if slugs.len() > 100 {
        faults.note(Fault::at("/categories", "too_many", "Name at most 100 categories."));
        return None;
    }
    let mut choices: Vec<Choice> = Vec::new();
    for (index, slug) in slugs.iter().enumerate() {
        match known.get(slug) {
            Some(choice) if choices.contains(choice) => {}
            Some(choice) => choices.push(choice.clone()),
            None => {
                let detail = format!("There is no category `{}`.", crate::error::shorten(slug));
                faults.note(Fault::at(format!("/categories/{index}"), "unknown_category", detail));
            }
        }
    }
    Some(choices)
}

pub(super) fn frequency(faults: &mut Faults, text: Option<&str>) -> Option<Frequency> {
    let frequency = text.map(str::parse::<Frequency>).transpose();
    let wrong = |_| ("invalid_frequency", "Use `weekly` or `monthly`.".to_owned());
    faults.take("/frequency", frequency.map_err(wrong)).flatten()
}

pub(super) fn zone(faults: &mut Faults, text: Option<&str>) -> Option<String> {
    let zone = faults.take("/timezone", text.map(Zone::parse).transpose()).flatten();
    zone.map(|zone| zone.as_str().to_owned())
}

pub(super) fn locale(faults: &mut Faults, text: Option<&str>) -> Option<String> {
    let locale = faults.take("/locale", text.map(Locale::parse).transpose()).flatten();
    locale.map(|locale| locale.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;
    use crate::ids::CategoryId;

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn known() -> HashMap<String, Choice> {
        ["a", "b"]
            .map(|slug| {
                let choice = Choice { id: CategoryId::new(), slug: slug.into(), name: slug.to_uppercase() };
                (slug.to_owned(), choice)
            })
            .into()
    }

    fn current() -> Preferences {
        Preferences {
            all_categories: true,
            categories: Vec::new(),
            frequency: Frequency::Weekly,
            format: Format::Html,
            locale: None,
            timezone: None,
            send_hour: None,
            paused_until: None,
        }
    }

    fn check(write: &PreferencesWrite) -> Result<Preferences> {
        write.check(&current(), &known(), NOW)
    }

    fn places(outcome: Result<Preferences>) -> Vec<String> {
        let Err(Error::Invalid(faults)) = outcome else { panic!("not refused: {outcome:?}") };
        faults.into_iter().map(|fault| format!("{:?}", fault.place)).collect()
    }

    #[test]
    fn naming_categories_narrows_and_naming_none_keeps() {
        let slugs = |slugs: &[&str]| Some(slugs.iter().map(ToString::to_string).collect::<Vec<_>>());
        let narrow = check(&PreferencesWrite { categories: slugs(&["b", "b"]), ..Default::default() }).unwrap();
        assert!(!narrow.all_categories);
        assert_eq!(narrow.categories.iter().map(|choice| &*choice.slug).collect::<Vec<_>>(), ["b"]);
        assert!(check(&PreferencesWrite::default()).unwrap().all_categories);
        let all = PreferencesWrite { all_categories: Some(true), categories: slugs(&[]), ..Default::default() };
        assert!(all.check(&narrow, &known(), NOW).unwrap().all_categories);
        let both = PreferencesWrite { all_categories: Some(true), categories: slugs(&["a"]), ..Default::default() };
        assert_eq!(places(check(&both)), ["Pointer(\"/all_categories\")"]);
        let none = PreferencesWrite { all_categories: Some(false), ..Default::default() };
        assert_eq!(places(check(&none)), ["Pointer(\"/categories\")"]);
    }

    #[test]
    fn every_fault_is_named() {
        let write = PreferencesWrite {
            categories: Some(vec!["a".into(), "x".into()]),
            frequency: Some("daily".into()),
            timezone: Some("Mars".into()),
            send_hour: Some(24),
            format: Some("pdf".into()),
            paused_until: Some(NOW),
            locale: Some("!".into()),
            ..Default::default()
        };
        let expected =
            ["/categories/1", "/frequency", "/format", "/timezone", "/locale", "/send_hour", "/paused_until"];
        assert_eq!(places(check(&write)), expected.map(|place| format!("Pointer({place:?})")));
    }
}
