//! Rules for paths of the front end, and what else is remembered of addresses that were: their shapes, and the names of
//! what was deleted.

use diesel::prelude::*;
use domain::error::Stale;
use domain::ids::RedirectId;
use domain::permissions::Action;
use domain::redirects::{self as rules, Draft, MAX_PATTERNS, Redirect};
use domain::site::{Place, Settings, Shaped, own_path, plain_path};
use domain::text::Line;
use domain::{Actor, Error, Fault, Result, Seen, Timestamp};

use crate::Conn;
use crate::changes::{self, Entry, Op, Resource};
use crate::db::{Refuse, on, turn};
use crate::schema::{gone_names, old_shapes, redirects};

/// Rules that may follow each other.
const MAX_HOPS: usize = 20;
/// Shapes that are remembered of one kind of thing, the newest.
const MAX_SHAPES: i64 = 20;

#[derive(Queryable, Selectable)]
#[diesel(table_name = redirects)]
struct Row {
    id: String,
    pattern: bool,
    source: String,
    target: Option<String>,
    note: Option<String>,
    version: i64,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<Row> for Redirect {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            id: row.id.parse()?,
            from: row.source,
            pattern: row.pattern,
            to: row.target,
            note: row.note,
            version: row.version.try_into()?,
            created_at: Timestamp::from_micros(row.created_at),
            updated_at: Timestamp::from_micros(row.updated_at),
        })
    }
}

/// Up to `limit` rules after one, in the order in which they were made.
pub fn list(conn: &mut Conn, after: Option<RedirectId>, limit: i64) -> Result<Vec<Redirect>> {
    let mut query = redirects::table.select(Row::as_select()).order(redirects::id).limit(limit).into_boxed();
    if let Some(after) = after {
        query = query.filter(redirects::id.gt(after.to_string()));
    }
    query.load(conn)?.into_iter().map(Redirect::try_from).collect()
}

/// How many rules there are.
pub fn count(conn: &mut Conn) -> Result<i64> {
    Ok(redirects::table.count().get_result(conn)?)
}

/// One rule.
pub fn find(conn: &mut Conn, id: RedirectId) -> Result<Redirect> {
    redirects::table.find(id.to_string()).select(Row::as_select()).first(conn).or_not_found("redirect")?.try_into()
}

/// Makes a rule.
pub fn create(conn: &mut Conn, by: &Actor, draft: &Draft, at: Timestamp) -> Result<Redirect> {
    by.may(Action::WriteRedirects)?;
    turn(conn, "redirects")?;
    let id = RedirectId::new();
    insert(conn, id, draft, at)?;
    refuse_loop(conn, draft)?;
    record(conn, at)?;
    find(conn, id)
}

fn insert(conn: &mut Conn, id: RedirectId, draft: &Draft, at: Timestamp) -> Result<()> {
    if draft.pattern {
        let patterns: i64 = redirects::table.filter(redirects::pattern.eq(true)).count().get_result(conn)?;
        if patterns >= MAX_PATTERNS {
            let detail = format!("There are {MAX_PATTERNS} patterns already; delete some, or say several as one.");
            return Err(Error::conflict("too_many_patterns", detail));
        }
    }
    diesel::insert_into(redirects::table)
        .values((
            redirects::id.eq(id.to_string()),
            redirects::pattern.eq(draft.pattern),
            redirects::source.eq(&draft.from),
            redirects::target.eq(&draft.to),
            redirects::note.eq(draft.note.as_ref().map(Line::as_str)),
            redirects::version.eq(1),
            redirects::created_at.eq(at.micros()),
            redirects::updated_at.eq(at.micros()),
        ))
        .execute(conn)
        .or_conflict("redirects_source_key", || taken(draft))?;
    Ok(())
}

/// Changes a rule to what `edit` makes of it.
pub fn update(
    conn: &mut Conn,
    by: &Actor,
    id: RedirectId,
    seen: &Seen,
    edit: impl FnOnce(&Redirect) -> Result<Draft>,
    at: Timestamp,
) -> Result<Redirect> {
    by.may(Action::WriteRedirects)?;
    turn(conn, "redirects")?;
    let redirect = find(conn, id)?;
    expect(&redirect, seen)?;
    let draft = edit(&redirect)?;
    if !rewrite(conn, &redirect, &draft, at)? {
        return Err(overtaken(conn, id));
    }
    refuse_loop(conn, &draft)?;
    record(conn, at)?;
    find(conn, id)
}

fn rewrite(conn: &mut Conn, redirect: &Redirect, draft: &Draft, at: Timestamp) -> Result<bool> {
    let version = i64::try_from(redirect.version)?;
    let row = redirects::table.find(redirect.id.to_string()).filter(redirects::version.eq(version));
    let written = diesel::update(row)
        .set((
            redirects::pattern.eq(draft.pattern),
            redirects::source.eq(&draft.from),
            redirects::target.eq(&draft.to),
            redirects::note.eq(draft.note.as_ref().map(Line::as_str)),
            redirects::version.eq(version + 1),
            redirects::updated_at.eq(at.micros()),
        ))
        .execute(conn)
        .or_conflict("redirects_source_key", || taken(draft))?;
    Ok(written == 1)
}

/// Removes a rule.
pub fn delete(conn: &mut Conn, by: &Actor, id: RedirectId, seen: &Seen, at: Timestamp) -> Result<()> {
    by.may(Action::WriteRedirects)?;
    let redirect = find(conn, id)?;
    expect(&redirect, seen)?;
    let row = redirects::table.find(id.to_string()).filter(redirects::version.eq(i64::try_from(redirect.version)?));
    if diesel::delete(row).execute(conn)? == 0 {
        return Err(overtaken(conn, id));
    }
    record(conn, at)
}

/// A rule that is brought along.
#[derive(Debug, Clone)]
pub struct Brought {
    /// Its identity, if it is new.
    pub id: RedirectId,
    /// When it was made, if it is new.
    pub made_at: Timestamp,
    /// What it says.
    pub draft: Draft,
}

/// What became of rules that were brought along.
#[derive(Debug, Default)]
pub struct Imported {
    /// Made.
    pub created: u64,
    /// Of the same path as one that was there, and changed to this.
    pub updated: u64,
    /// There already, or for another path now, since someone changed it here.
    pub unchanged: u64,
    /// Those that cannot be: the place of each in the list, and why.
    pub refused: Vec<(usize, Error)>,
}

/// Makes these rules, one after another. A rule for the same path is changed; one that cannot be, or that with
/// those before it leads in a circle, is told of, and the rest is done.
pub fn import(conn: &mut Conn, by: &Actor, all: &[Brought], at: Timestamp) -> Result<Imported> {
    by.may(Action::WriteRedirects)?;
    turn(conn, "redirects")?;
    let mut imported = Imported::default();
    for (place, Brought { id, made_at, draft }) in all.iter().enumerate() {
        let known = redirects::table.filter(redirects::source.eq(&draft.from)).select(Row::as_select());
        let known = known.first(conn).optional()?.map(Redirect::try_from).transpose()?;
        let stays = match &known {
            Some(known) => is_same(known, draft),
            None => is_there(conn, *id)?,
        };
        if stays {
            imported.unchanged += 1;
            continue;
        }
        // A savepoint: what closes a circle is taken back, and the others stay.
        let outcome = conn.transaction::<_, Error, _>(|conn| {
            match &known {
                Some(known) => rewrite(conn, known, draft, at).map(|_| ())?,
                None => insert(conn, *id, draft, *made_at)?,
            }
            refuse_loop(conn, draft)
        });
        match outcome {
            Ok(()) if known.is_some() => imported.updated += 1,
            Ok(()) => imported.created += 1,
            Err(error @ (Error::Conflict { .. } | Error::Invalid(_))) => imported.refused.push((place, error)),
            Err(error) => return Err(error),
        }
    }
    if imported.created + imported.updated > 0 {
        record(conn, at)?;
    }
    Ok(imported)
}

fn is_there(conn: &mut Conn, id: RedirectId) -> Result<bool> {
    Ok(diesel::select(diesel::dsl::exists(redirects::table.find(id.to_string()))).get_result(conn)?)
}

fn is_same(known: &Redirect, draft: &Draft) -> bool {
    let note = draft.note.as_ref().map(Line::as_str);
    (known.pattern, known.to.as_deref(), known.note.as_deref()) == (draft.pattern, draft.to.as_deref(), note)
}

fn taken(draft: &Draft) -> Error {
    let detail = format!("There is a rule for `{}` already; change that one.", domain::error::shorten(&draft.from));
    Error::Conflict { code: "redirect_exists", faults: vec![Fault::at("/from", "taken", &detail)], detail }
}

/// Refuses a rule that, with the others, leads back to where it begins. Patterns are bounded where they are followed.
fn refuse_loop(conn: &mut Conn, draft: &Draft) -> Result<()> {
    let settings = crate::site::settings(conn)?;
    let mut next = draft.to.clone().filter(|_| !draft.pattern);
    for _ in 0..MAX_HOPS {
        let Some(plain) =
            next.as_deref().and_then(|to| own_path(&settings, to)).and_then(|to| plain_path(&settings, &to))
        else {
            return Ok(());
        };
        if plain == draft.from {
            break;
        }
        next = match exact(conn, &plain)? {
            Some(rule) if rule.source == draft.from => break,
            Some(rule) => rule.target,
            None => return Ok(()),
        };
    }
    let detail = "With the other rules it would lead in a circle, or over more than 20 of them.";
    Err(Error::invalid(Fault::at("/to", "redirect_loop", detail)))
}

/// A rule that a path falls under.
pub(crate) struct Rule {
    source: String,
    /// Where it leads, with groups filled in; absent: what was there is gone on purpose.
    pub(crate) target: Option<String>,
}

/// The rule for a plain path, with its query or else without.
pub(crate) fn exact(conn: &mut Conn, plain: &str) -> Result<Option<Rule>> {
    let bare = plain.split('?').next().unwrap_or_default();
    let found: Vec<(String, Option<String>)> = redirects::table
        .filter(redirects::pattern.eq(false))
        .filter(redirects::source.eq_any([plain, bare]))
        .select((redirects::source, redirects::target))
        .load(conn)?;
    let rules = found.into_iter().map(|(source, target)| Rule { source, target });
    Ok(rules.max_by_key(|rule| rule.source.len()))
}

/// The first pattern that a plain path matches.
pub(crate) fn matching(conn: &mut Conn, plain: &str) -> Result<Option<Rule>> {
    let bare = plain.split('?').next().unwrap_or_default();
    let patterns: Vec<(String, Option<String>)> = redirects::table
        .filter(redirects::pattern.eq(true))
        .order(redirects::id)
        .select((redirects::source, redirects::target))
        .load(conn)?;
    Ok(patterns.into_iter().find_map(|(source, target)| {
        let led = rules::follow(&source, target.as_deref().unwrap_or_default(), bare)?;
        Some(Rule { source, target: target.map(|_| led) })
    }))
}

fn expect(redirect: &Redirect, seen: &Seen) -> Result<()> {
    seen.expect(redirect.version, || Stale::at(redirect.version, redirect.updated_at))
}

/// Another transaction changed the rule between our reading and our writing of it.
fn overtaken(conn: &mut Conn, id: RedirectId) -> Error {
    match find(conn, id) {
        Ok(redirect) => Error::Stale(Box::new(Stale::at(redirect.version, redirect.updated_at))),
        Err(error) => error,
    }
}

/// Records that paths may lead elsewhere now.
fn record(conn: &mut Conn, at: Timestamp) -> Result<()> {
    changes::record(conn, &[Entry::new(Op::Upsert, Resource::Redirect, "all", None)], at)
}

/// Remembers the shapes that addresses have no longer.
pub(crate) fn remember_shapes(conn: &mut Conn, before: &Settings, after: &Settings, at: Timestamp) -> Result<()> {
    for shaped in Shaped::ALL {
        let (old, new) = (shaped.shape(before), shaped.shape(after));
        if old != new {
            remember_shape(conn, shaped, old, at)?;
        }
    }
    Ok(())
}

/// Remembers a shape that addresses of a kind of thing had, here or where they came from.
pub fn remember_shape(conn: &mut Conn, shaped: Shaped, shape: &str, at: Timestamp) -> Result<()> {
    let row = (old_shapes::kind.eq(shaped.as_str()), old_shapes::shape.eq(shape), old_shapes::since.eq(at.micros()));
    on!(conn, |c| diesel::insert_into(old_shapes::table)
        .values(row)
        .on_conflict((old_shapes::kind, old_shapes::shape))
        .do_update()
        .set(old_shapes::since.eq(at.micros()))
        .execute(c))?;
    Ok(())
}

/// The shapes that addresses had before, the newest first.
pub(crate) fn shapes(conn: &mut Conn) -> Result<Vec<(Shaped, String)>> {
    let rows: Vec<(String, String)> = old_shapes::table
        .order((old_shapes::since.desc(), old_shapes::kind, old_shapes::shape))
        .limit(MAX_SHAPES)
        .select((old_shapes::kind, old_shapes::shape))
        .load(conn)?;
    let known = |(kind, shape): (String, String)| {
        Shaped::ALL.into_iter().find(|shaped| shaped.as_str() == kind).map(|shaped| (shaped, shape))
    };
    Ok(rows.into_iter().filter_map(known).collect())
}

/// Remembers that what had these names (each with its kind, as `old_slugs` has it) was deleted.
pub(crate) fn bury(conn: &mut Conn, names: &[(String, String)], at: Timestamp) -> Result<()> {
    for (kind, name) in names {
        let row = (gone_names::kind.eq(kind), gone_names::name.eq(name), gone_names::since.eq(at.micros()));
        on!(conn, |c| diesel::insert_into(gone_names::table).values(row).on_conflict_do_nothing().execute(c))?;
    }
    Ok(())
}

/// Whether a category, tag or byline was at this place that was deleted.
pub(crate) fn is_buried(conn: &mut Conn, place: &Place) -> Result<bool> {
    let (kind, name) = match place {
        Place::Category { path } if path.contains('/') => ("category_path", path),
        Place::Category { path } => ("category", path),
        Place::Tag { slug } => ("tag", slug),
        Place::Byline { slug } => ("byline", slug),
        Place::Article { .. } | Place::Page { .. } => return Ok(false),
    };
    Ok(diesel::select(diesel::dsl::exists(gone_names::table.find((kind, name)))).get_result(conn)?)
}
