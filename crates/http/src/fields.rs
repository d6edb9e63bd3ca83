//! `fields=title,slug`: the members of an answer that a client wants, out of a closed set.

use domain::error::shorten;
use domain::{Error, Fault, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::IntoParams;

use crate::answer::Listing;
use crate::request::nearest;

/// What to show of one thing.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct FieldsQuery {
    /// Only these members, parted by commas.
    #[param(example = "slug,name")]
    pub(crate) fields: Option<String>,
}

/// The members that were asked for; `None`: all.
#[derive(Debug, Clone)]
pub(crate) struct Fields(Option<Vec<String>>);

impl Fields {
    /// Reads the parameter `fields`; a name that is not in `known` is refused.
    pub(crate) fn read(asked: Option<&str>, known: &[&str]) -> Result<Self> {
        asked.map(|asked| names("fields", asked, known)).transpose().map(Self)
    }

    /// And these, which were asked for otherwise.
    pub(crate) fn and(mut self, more: &[String]) -> Self {
        if let Some(names) = &mut self.0 {
            names.extend_from_slice(more);
        }
        self
    }

    /// An answer with only those members.
    pub(crate) fn of(&self, answer: &impl Serialize) -> Result<Value> {
        let mut value = serde_json::to_value(answer)?;
        if let (Some(names), Value::Object(members)) = (&self.0, &mut value) {
            members.retain(|name, _| names.iter().any(|known| known == name));
        }
        Ok(value)
    }

    /// A document with only those members.
    pub(crate) fn of_document(&self, json: String) -> Result<String> {
        match self.0 {
            None => Ok(json),
            Some(_) => Ok(self.of(&serde_json::from_str::<Value>(&json)?)?.to_string()),
        }
    }

    /// A page of answers with only those members.
    pub(crate) fn of_each<T: Serialize>(&self, listing: Listing<T>) -> Result<Listing<Value>> {
        let data = listing.data.iter().map(|item| self.of(item)).collect::<Result<_>>()?;
        Ok(Listing { data, page: listing.page })
    }
}

/// The names in a parameter that takes a list of them, parted by commas, out of a closed set.
pub(crate) fn names(parameter: &str, asked: &str, known: &[&str]) -> Result<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for name in asked.split(',').map(str::trim) {
        if !known.contains(&name) {
            let hint = nearest(name, known.iter().copied());
            let hint = hint
                .map_or_else(|| format!(" It takes {}.", known.join(", ")), |near| format!(" Did you mean `{near}`?"));
            let detail = format!("`{parameter}` does not take `{}`.{hint}", shorten(name));
            return Err(Error::Malformed(Fault::parameter(parameter, "unknown", detail)));
        }
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}
