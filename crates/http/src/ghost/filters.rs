//! What filters and orders mean: the members that may be asked for, a closed set.

use domain::Timestamp;
use jiff::{Span, ToSpan as _};
use persistence::ghost::{Filter, PostCondition, PostField, Relation, TermField, Test, What};

use super::nql::{self, Asked, Expression, Term, Unit, Value};
use super::wrong::Wrong;

/// What Ghost keeps to itself: asking for it changes nothing.
const RESTRICTED: [&str; 13] = [
    "email",
    "email_only",
    "email_recipient_filter",
    "html",
    "lexical",
    "locale",
    "mobiledoc",
    "newsletter_id",
    "plaintext",
    "published_by",
    "mobiledoc_revisions",
    "post_revisions",
    "status",
];
/// The same of posts and pages.
const OF_POSTS: [&str; 3] = ["email_subject", "show_title_and_feature_image", "type"];
/// The same of tags.
const OF_TAGS: [&str; 3] = ["created_at", "parent_id", "updated_at"];
/// The same of authors.
const OF_AUTHORS: [&str; 5] = ["created_at", "last_seen", "roles", "updated_at", "visibility"];

/// Whether a member of one of the tables was never to be asked for.
fn restricted(table: &str, field: &str) -> bool {
    let (table, field) = match field.split_once('.') {
        Some(("posts" | "posts_meta", field)) => ("posts", field),
        Some(("tags" | "primary_tag", field)) => ("tags", field),
        Some(("authors" | "primary_author", field)) => ("authors", field),
        Some((other, _)) => (table, other),
        None => (table, field),
    };
    let own: &[&str] = match table {
        "tags" => &OF_TAGS,
        "authors" => &OF_AUTHORS,
        _ => &OF_POSTS,
    };
    RESTRICTED.contains(&field) || own.contains(&field)
}

/// A filter, and whether it is another one a moment later.
pub(super) struct Read<C> {
    pub(super) filter: Filter<C>,
    pub(super) moves: bool,
}

/// Reads a filter of a table; `condition` says what a term means, whose name is not [`restricted`].
fn read<C>(
    table: &str,
    filter: Option<&str>,
    condition: impl Fn(&Term) -> Result<Filter<C>, Wrong>,
) -> Result<Read<C>, Wrong> {
    let Some(filter) = filter else { return Ok(Read { filter: Filter::All(Vec::new()), moves: false }) };
    let expression = nql::parse(filter).map_err(Wrong::bad)?;
    let condition = |term: &Term| {
        let open = !restricted(table, &term.field);
        open.then(|| condition(term)).transpose()
    };
    let filter = meaning(&expression, &condition)?.unwrap_or(Filter::All(Vec::new()));
    Ok(Read { filter, moves: moves(&expression) })
}

fn meaning<C>(
    expression: &Expression,
    condition: &impl Fn(&Term) -> Result<Option<Filter<C>>, Wrong>,
) -> Result<Option<Filter<C>>, Wrong> {
    let each = |parts: &[Expression]| -> Result<Option<Vec<Filter<C>>>, Wrong> {
        let parts: Vec<Option<_>> = parts.iter().map(|part| meaning(part, condition)).collect::<Result<_, _>>()?;
        let parts: Vec<_> = parts.into_iter().flatten().collect();
        Ok((!parts.is_empty()).then_some(parts))
    };
    Ok(match expression {
        Expression::All(parts) => each(parts)?.map(Filter::All),
        Expression::Any(parts) => each(parts)?.map(Filter::Any),
        Expression::Term(term) => condition(term)?,
    })
}

/// Whether the present is named.
fn moves(expression: &Expression) -> bool {
    match expression {
        Expression::All(parts) | Expression::Any(parts) => parts.iter().any(moves),
        Expression::Term(term) => {
            let present = |value: &Value| matches!(value, Value::FromNow(..));
            match &term.asked {
                Asked::OneOf(values) => values.iter().any(present),
                Asked::Compares(_, value) => present(value),
                Asked::Holds(..) => false,
            }
        }
    }
}

fn unknown(term: &Term) -> Wrong {
    Wrong::bad(format!("Query Error: unknown field in filter: {}", term.field))
}

fn unfit(term: &Term, what: &str) -> Wrong {
    Wrong::bad(format!("Query Error: {} takes {what}", term.field))
}

/// What is asked of a text.
fn text(term: &Term) -> Result<Test, Wrong> {
    let unfit = || unfit(term, "texts, or null alone");
    let what = match &term.asked {
        Asked::OneOf(values) if values[..] == [Value::Null] => What::Absent,
        Asked::OneOf(values) => {
            let text = |value: &Value| match value {
                Value::Text(text) => Ok(text.clone()),
                Value::Null | Value::FromNow(..) => Err(unfit()),
            };
            What::OneOf(values.iter().map(text).collect::<Result<_, _>>()?)
        }
        Asked::Holds(part, text) => What::Holds(*part, text.clone()),
        Asked::Compares(..) => return Err(unfit()),
    };
    Ok(Test { not: term.not, what })
}

/// What is asked of a text that is always there.
fn name(term: &Term) -> Result<Test, Wrong> {
    let test = text(term)?;
    if test.what == What::Absent { Err(unfit(term, "texts")) } else { Ok(test) }
}

/// What is asked of an identity.
fn identity(term: &Term) -> Result<Test, Wrong> {
    let test = name(term)?;
    if matches!(test.what, What::OneOf(_)) { Ok(test) } else { Err(unfit(term, "identities")) }
}

/// What is asked of a time: a date, a time of UTC, or one from now.
fn time(term: &Term, now: Timestamp) -> Result<Filter<Test>, Wrong> {
    let test = |relation, value: &Value| {
        let at = at(value, now).ok_or_else(|| unfit(term, "times, such as '2026-11-22 10:00:00' or now-30d"))?;
        Ok(Filter::Is(Test { not: false, what: What::Time(relation, at) }))
    };
    let never = || Filter::Any(Vec::new());
    let filter = match &term.asked {
        // It is always there.
        Asked::OneOf(values) if values[..] == [Value::Null] => never(),
        Asked::OneOf(values) => {
            let each = values.iter().map(|value| test(Relation::At, value));
            Filter::Any(each.collect::<Result<_, Wrong>>()?)
        }
        Asked::Compares(relation, value) => test(*relation, value)?,
        Asked::Holds(..) => return Err(unfit(term, "times")),
    };
    Ok(if term.not { not(filter) } else { filter })
}

fn at(value: &Value, now: Timestamp) -> Option<Timestamp> {
    match value {
        Value::Null => None,
        Value::Text(text) => Timestamp::parse_in(text, &jiff::tz::TimeZone::UTC),
        Value::FromNow(count, unit) => {
            let zoned = now.to_jiff().to_zoned(jiff::tz::TimeZone::UTC);
            Some(zoned.checked_add(span(*count, *unit)?).ok()?.timestamp().into())
        }
    }
}

fn span(count: i64, unit: Unit) -> Option<Span> {
    let span = 0.seconds();
    match unit {
        Unit::Second => span.try_seconds(count),
        Unit::Minute => span.try_minutes(count),
        Unit::Hour => span.try_hours(count),
        Unit::Day => span.try_days(count),
        Unit::Week => span.try_weeks(count),
        Unit::Month => span.try_months(count),
        Unit::Year => span.try_years(count),
    }
    .ok()
}

/// The opposite.
fn not(filter: Filter<Test>) -> Filter<Test> {
    match filter {
        Filter::All(parts) => Filter::Any(parts.into_iter().map(not).collect()),
        Filter::Any(parts) => Filter::All(parts.into_iter().map(not).collect()),
        Filter::Is(test) => Filter::Is(Test { not: !test.not, ..test }),
    }
}

fn each<C>(filter: Filter<Test>, condition: &impl Fn(Test) -> C) -> Filter<C> {
    match filter {
        Filter::All(parts) => Filter::All(parts.into_iter().map(|part| each(part, condition)).collect()),
        Filter::Any(parts) => Filter::Any(parts.into_iter().map(|part| each(part, condition)).collect()),
        Filter::Is(test) => Filter::Is(condition(test)),
    }
}

/// A filter of posts.
pub(super) fn of_posts(filter: Option<&str>, now: Timestamp) -> Result<Read<PostCondition>, Wrong> {
    read("posts", filter, |term| {
        let (table, member) = match term.field.as_str() {
            "tag" | "tags" => ("tags", "slug"),
            "author" | "authors" => ("authors", "slug"),
            "primary_tag" => ("primary_tag", "slug"),
            "primary_author" => ("primary_author", "slug"),
            field => field.split_once('.').unwrap_or(("posts", field)),
        };
        Ok(Filter::Is(match table {
            "posts" | "posts_meta" => {
                let field = post_field(member).ok_or_else(|| unknown(term))?;
                match field {
                    PostField::PublishedAt | PostField::UpdatedAt => {
                        return Ok(each(time(term, now)?, &|test| PostCondition::Own(field, test)));
                    }
                    PostField::Id | PostField::Uuid => PostCondition::Own(field, identity(term)?),
                    PostField::Featured => {
                        // What is not set apart says so, or nothing.
                        let test = name(term)?;
                        let set = test.holds(Some("true"));
                        if set == test.holds(Some("false")) {
                            return Ok(if set { Filter::All(Vec::new()) } else { Filter::Any(Vec::new()) });
                        }
                        PostCondition::Own(field, Test { not: !set, what: What::OneOf(vec!["true".into()]) })
                    }
                    _ => PostCondition::Own(field, text(term)?),
                }
            }
            "tags" | "primary_tag" => {
                let field = term_field(member).ok_or_else(|| unknown(term))?;
                let test = name(term)?;
                if table == "tags" { PostCondition::Tags(field, test) } else { PostCondition::PrimaryTag(field, test) }
            }
            "authors" | "primary_author" => {
                let field = term_field(member).ok_or_else(|| unknown(term))?;
                let test = name(term)?;
                if table == "authors" {
                    PostCondition::Authors(field, test)
                } else {
                    PostCondition::PrimaryAuthor(field, test)
                }
            }
            _ => return Err(unknown(term)),
        }))
    })
}

/// A filter of `tags`, or of `authors`. None of them has a time.
pub(super) fn of_terms(table: &str, filter: Option<&str>) -> Result<Filter<(TermField, Test)>, Wrong> {
    let condition = |term: &Term| {
        let name = term.field.strip_prefix(table).and_then(|name| name.strip_prefix('.')).unwrap_or(&term.field);
        let field = term_field(name).ok_or_else(|| unknown(term))?;
        Ok(Filter::Is((field, text(term)?)))
    };
    Ok(read(table, filter, condition)?.filter)
}

/// The member of a post that has this name.
pub(super) fn post_field(name: &str) -> Option<PostField> {
    Some(match name {
        "id" | "comment_id" => PostField::Id,
        "uuid" => PostField::Uuid,
        "slug" => PostField::Slug,
        "title" => PostField::Title,
        "featured" => PostField::Featured,
        "visibility" => PostField::Visibility,
        "published_at" | "created_at" => PostField::PublishedAt,
        "updated_at" => PostField::UpdatedAt,
        "feature_image" => PostField::FeatureImage,
        "meta_title" => PostField::MetaTitle,
        "meta_description" => PostField::MetaDescription,
        "canonical_url" => PostField::CanonicalUrl,
        _ => return None,
    })
}

/// The member of a tag or an author that has this name.
pub(super) fn term_field(name: &str) -> Option<TermField> {
    Some(match name {
        "id" => TermField::Id,
        "slug" => TermField::Slug,
        "name" => TermField::Name,
        "visibility" => TermField::Visibility,
        _ => return None,
    })
}

/// The slugs of a filter that asks for some of them, in the order in which it names them.
pub(super) fn named_slugs(filter: &Filter<PostCondition>) -> Option<Vec<String>> {
    match filter {
        Filter::All(parts) => parts.iter().find_map(named_slugs),
        Filter::Is(PostCondition::Own(PostField::Slug, Test { not: false, what: What::OneOf(slugs) })) => {
            (slugs.len() > 1).then(|| slugs.clone())
        }
        _ => None,
    }
}
