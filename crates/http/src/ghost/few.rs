//! Tags and authors: there are few enough of them to be put into order here.

use persistence::ghost::TermField;
use serde_json::{Map, Value, json};

use super::params::Params;
use super::route::Which;
use super::shape::{chosen, decoded, is_id};
use super::wrong::{Failure, Wrong};
use super::{Answered, Context, filters, list};
use crate::delivery::Depends;

/// One of few. What no public article has is not there.
pub(super) trait Few {
    /// The member that holds them.
    const NAME: &'static str;
    /// What is said if there is none.
    const MISSING: &'static str;

    fn field(&self, field: TermField) -> &str;
    /// How many public articles have it.
    fn count(&self) -> u64;
    /// As it looks wherever it is.
    fn draw(&self, context: &Context) -> Map<String, Value>;
}

/// A page of all, or one.
pub(super) fn answer<T: Few>(
    all: Vec<T>,
    depends: Depends,
    context: &Context,
    params: &Params,
    which: Which<'_>,
) -> Result<Answered, Failure> {
    let (include, fields) = (params.include()?, params.names("fields"));
    let counted = include.iter().any(|name| name == "count.posts");
    let draw = |item: &T| {
        let mut whole = item.draw(context);
        if counted {
            whole.insert("count".into(), json!({"posts": item.count()}));
        }
        chosen(whole, fields.as_deref(), &["count"])
    };
    let mut used: Vec<T> = all.into_iter().filter(|item| item.count() > 0).collect();
    let slug = match which {
        Which::All => {
            let (page, order) = (params.page()?, params.order()?);
            let filter = filters::of_terms(T::NAME, params.text("filter"))?;
            used.retain(|item| filter.holds(&|(field, test)| test.holds(Some(item.field(*field)))));
            sort(&mut used, &order, counted);
            let total = i64::try_from(used.len()).unwrap_or(i64::MAX);
            let drawn: Vec<Value> = page.cut(used).iter().map(draw).collect();
            return Ok(Answered::new(list(T::NAME, &drawn, page, total), depends));
        }
        Which::Id(id) if !is_id(id) => return Err(Wrong::invalid("matches", "id").into()),
        Which::Id(_) => None,
        Which::Slug(slug) => decoded(slug),
    };
    let wanted = |item: &&T| match which {
        Which::Id(id) => item.field(TermField::Id).eq_ignore_ascii_case(id),
        _ => slug.as_deref() == Some(item.field(TermField::Slug)),
    };
    let found = used.iter().find(wanted).ok_or_else(|| Wrong::not_found(T::MISSING))?;
    Ok(Answered::new(json!({T::NAME: [draw(found)]}), depends))
}

/// By these rules, else by name; what is no rule is passed over.
fn sort<T: Few>(items: &mut [T], order: &[(String, bool)], counted: bool) {
    items.sort_by_cached_key(|item| item.field(TermField::Name).to_lowercase());
    // Sorting is stable: the first rule comes last.
    for (rule, descends) in order.iter().rev() {
        let direct = |one: std::cmp::Ordering| if *descends { one.reverse() } else { one };
        if rule == "count.posts" && counted {
            items.sort_by(|one, other| direct(one.count().cmp(&other.count())));
        } else if let Some(field) = filters::term_field(rule) {
            let key = |item: &T| item.field(field).to_lowercase();
            items.sort_by(|one, other| direct(key(one).cmp(&key(other))));
        }
    }
}
