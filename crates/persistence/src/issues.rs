//! Issues of the newsletter: chosen from the ledger, and frozen in one transaction.
//!
//! Two things make an issue unique: the lock that one scheduler takes at a time, and the period, of which the database
//! keeps one. The second holds whatever becomes of the first.

use std::collections::{BTreeMap, HashMap};

use diesel::dsl::exists;
use diesel::prelude::*;
use domain::ids::{ArticleId, BylineId, CategoryId, IssueId};
use domain::issues::{
    Counts, DeliveryState, Due, EXCERPT_CHARS, Issue, IssueState, Item, Schedule, Slot, Wanted, judge, outcome,
};
use domain::newsletter::{Frequency, Newsletter};
use domain::site::{self, ArticlePlace, Settings as Site};
use domain::text::excerpt;
use domain::{Actor, Error, Result, Timestamp};
use serde::Deserialize;
use url::Url;

use crate::db::{Refuse, on};
use crate::schema::{
    articles, bylines, categories, deliveries as copies, digest_items, issue_items, issues,
    published_articles as published, published_in,
};
use crate::{Conn, audit, deliveries, newsletters};

/// Rows in one statement: both engines bound how many values one may hold.
const BATCH: usize = 500;

#[derive(Queryable, Selectable)]
#[diesel(table_name = issues)]
struct Row {
    id: String,
    frequency: String,
    period: String,
    state: String,
    version: i64,
    due_at: i64,
    cutoff: i64,
    audience_count: i64,
    created_at: i64,
    updated_at: i64,
    sent_at: Option<i64>,
}

impl TryFrom<Row> for Issue {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            id: row.id.parse()?,
            frequency: row.frequency.parse().map_err(Error::Internal)?,
            period: row.period,
            state: row.state.parse().map_err(Error::Internal)?,
            version: row.version.try_into()?,
            due_at: Timestamp::from_micros(row.due_at),
            cutoff: Timestamp::from_micros(row.cutoff),
            audience_count: row.audience_count.try_into()?,
            created_at: Timestamp::from_micros(row.created_at),
            updated_at: Timestamp::from_micros(row.updated_at),
            sent_at: row.sent_at.map(Timestamp::from_micros),
        })
    }
}

/// The order of a list of issues: the latest due first.
pub type Position = (i64, IssueId);

/// Up to `limit` issues after a position, the latest first.
pub fn list(conn: &mut Conn, after: Option<Position>, limit: i64) -> Result<Vec<Issue>> {
    let order = (issues::due_at.desc(), issues::id.desc());
    let mut query = issues::table.select(Row::as_select()).order(order).limit(limit).into_boxed();
    if let Some((due, id)) = after {
        query = query.filter(issues::due_at.lt(due).or(issues::due_at.eq(due).and(issues::id.lt(id.to_string()))));
    }
    query.load(conn)?.into_iter().map(Issue::try_from).collect()
}

/// How many issues there are.
pub fn count(conn: &mut Conn) -> Result<i64> {
    Ok(issues::table.count().get_result(conn)?)
}

/// One issue.
pub fn find(conn: &mut Conn, id: IssueId) -> Result<Issue> {
    issues::table.find(id.to_string()).select(Row::as_select()).first(conn).or_not_found("issue")?.try_into()
}

/// Those on their way, the oldest first.
pub fn sending(conn: &mut Conn) -> Result<Vec<Issue>> {
    let sending = issues::table.filter(issues::state.eq(IssueState::Sending.as_str()));
    let rows = sending.order((issues::due_at, issues::id)).select(Row::as_select()).load(conn)?;
    rows.into_iter().map(Issue::try_from).collect()
}

/// How many copies of an issue are in each state.
pub fn counts(conn: &mut Conn, id: IssueId) -> Result<Counts> {
    let rows: Vec<(String, i64)> = copies::table
        .filter(copies::issue_id.eq(id.to_string()))
        .group_by(copies::state)
        .select((copies::state, diesel::dsl::count_star()))
        .load(conn)?;
    let count = |(state, count): (String, i64)| {
        Ok((state.parse::<DeliveryState>().map_err(Error::Internal)?, u64::try_from(count)?))
    };
    rows.into_iter().map(count).collect()
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = issue_items)]
struct ItemRow {
    issue_id: String,
    position: i32,
    article_id: String,
    title: String,
    excerpt: String,
    url: String,
    category: Option<String>,
    author: Option<String>,
    category_ids: String,
    locale: String,
}

/// What an issue says, frozen when it was made.
pub fn items(conn: &mut Conn, id: IssueId) -> Result<Vec<Item>> {
    let rows: Vec<ItemRow> = issue_items::table
        .filter(issue_items::issue_id.eq(id.to_string()))
        .order(issue_items::position)
        .select(ItemRow::as_select())
        .load(conn)?;
    let item = |row: ItemRow| {
        Ok(Item {
            article_id: row.article_id.parse()?,
            title: row.title,
            excerpt: row.excerpt,
            url: row.url,
            category: row.category,
            author: row.author,
            category_ids: row.category_ids.split_whitespace().map(str::parse).collect::<Result<_, _>>()?,
            locale: row.locale,
        })
    };
    rows.into_iter().map(item).collect()
}

/// What the schedule asks for.
#[derive(Debug)]
pub enum Plan {
    /// Nothing.
    Nothing,
    /// An issue, but settings that no issue may lack have no value: these.
    Lacking(Vec<&'static str>),
    /// This issue, which was missed for too long to be sent unasked.
    Missed(Slot),
    /// This issue.
    Make(Slot),
}

/// What the schedule of one frequency asks for now. Monthly issues are made for someone, or not at all.
pub fn plan(conn: &mut Conn, newsletter: &Newsletter, frequency: Frequency, now: Timestamp) -> Result<Plan> {
    let zone = crate::site::current(conn)?.settings.timezone;
    let Some(slot) = Schedule::new(&newsletter.settings, frequency, &zone).latest(now) else {
        return Ok(Plan::Nothing);
    };
    let due = judge(slot.due, newsletter.schedule_since, now);
    if due == Due::Nothing || is_made(conn, newsletter, &slot)? {
        return Ok(Plan::Nothing);
    }
    let readers = deliveries::has_readers(conn, frequency)?;
    if frequency == Frequency::Monthly && !readers {
        return Ok(Plan::Nothing);
    }
    let lacking = newsletter.settings.missing();
    Ok(match due {
        // A publication that does not use its newsletter is not told about it every week.
        _ if !lacking.is_empty() && !readers => Plan::Nothing,
        Due::TooLate => Plan::Missed(slot),
        _ if !lacking.is_empty() => Plan::Lacking(lacking),
        _ => Plan::Make(slot),
    })
}

fn is_made(conn: &mut Conn, newsletter: &Newsletter, slot: &Slot) -> Result<bool> {
    let made = issues::table
        .filter(issues::newsletter_id.eq(newsletter.id.to_string()))
        .filter(issues::period.eq(&slot.period));
    Ok(diesel::select(exists(made)).get_result(conn)?)
}

/// Makes the issue of one frequency that is due, if one is: chooses its items, freezes them and its audience, and
/// enters them into the ledger. Of any number of callers one makes it; the others get `None`.
pub fn build(conn: &mut Conn, frequency: Frequency, public_url: &Url, now: Timestamp) -> Result<Option<Issue>> {
    let newsletter = newsletters::lock(conn)?;
    let (slot, late) = match plan(conn, &newsletter, frequency, now)? {
        Plan::Make(slot) => (slot, false),
        Plan::Missed(slot) => (slot, true),
        Plan::Nothing | Plan::Lacking(_) => return Ok(None),
    };
    let items = if late { Vec::new() } else { candidates(conn, &newsletter, frequency, public_url, slot.due, now)? };
    let enough = items.len() >= usize::from(newsletter.settings.min_items);
    let state = match (late, enough) {
        (true, _) => IssueState::NeedsReview,
        (false, false) => IssueState::SkippedEmpty,
        (false, true) => IssueState::Sending,
    };
    let id = IssueId::new();
    if !enter(conn, id, &newsletter, frequency, &slot, state, now)? {
        return Ok(None);
    }
    if state == IssueState::Sending {
        deliveries::supersede(conn, frequency, id, now)?;
        freeze_items(conn, id, &items)?;
        note_in_ledger(conn, id, &newsletter, frequency, &items)?;
        let audience = deliveries::freeze(conn, id, &newsletter, frequency, now)?;
        diesel::update(issues::table.find(id.to_string())).set(issues::audience_count.eq(audience)).execute(conn)?;
    }
    audit::record(conn, &Actor::system(), state.as_str(), "issue", Some(id.to_string()), Some(&slot.period), now)?;
    find(conn, id).map(Some)
}

/// Whether this transaction is the one that makes the issue of the period.
fn enter(
    conn: &mut Conn,
    id: IssueId,
    newsletter: &Newsletter,
    frequency: Frequency,
    slot: &Slot,
    state: IssueState,
    now: Timestamp,
) -> Result<bool> {
    let row = (
        issues::id.eq(id.to_string()),
        issues::newsletter_id.eq(newsletter.id.to_string()),
        issues::frequency.eq(frequency.as_str()),
        issues::period.eq(&slot.period),
        issues::state.eq(state.as_str()),
        issues::version.eq(1),
        issues::due_at.eq(slot.due.micros()),
        issues::cutoff.eq(slot.due.micros()),
        issues::audience_count.eq(0),
        issues::created_at.eq(now.micros()),
        issues::updated_at.eq(now.micros()),
    );
    let entered = on!(conn, |c| diesel::insert_into(issues::table).values(row).on_conflict_do_nothing().execute(c))?;
    Ok(entered == 1)
}

fn freeze_items(conn: &mut Conn, id: IssueId, items: &[Item]) -> Result<()> {
    let row = |(position, item): (usize, &Item)| {
        Ok(ItemRow {
            issue_id: id.to_string(),
            position: position.try_into()?,
            article_id: item.article_id.to_string(),
            title: item.title.clone(),
            excerpt: item.excerpt.clone(),
            url: item.url.clone(),
            category: item.category.clone(),
            author: item.author.clone(),
            category_ids: item.category_ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            locale: item.locale.clone(),
        })
    };
    let rows: Vec<ItemRow> = items.iter().enumerate().map(row).collect::<Result<_>>()?;
    for batch in rows.chunks(BATCH) {
        on!(conn, |c| diesel::insert_into(issue_items::table).values(batch).execute(c))?;
    }
    Ok(())
}

/// An article that is in the ledger already makes the whole transaction fail: it was chosen as one that is not.
fn note_in_ledger(
    conn: &mut Conn,
    id: IssueId,
    newsletter: &Newsletter,
    frequency: Frequency,
    items: &[Item],
) -> Result<()> {
    let row = |item: &Item| {
        (
            digest_items::newsletter_id.eq(newsletter.id.to_string()),
            digest_items::frequency.eq(frequency.as_str()),
            digest_items::article_id.eq(item.article_id.to_string()),
            digest_items::issue_id.eq(id.to_string()),
        )
    };
    let rows: Vec<_> = items.iter().map(row).collect();
    for batch in rows.chunks(BATCH) {
        on!(conn, |c| diesel::insert_into(digest_items::table).values(batch.to_vec()).execute(c))?;
    }
    Ok(())
}

/// An article that is public and not in the ledger.
#[derive(Queryable)]
struct Candidate {
    id: String,
    revision: i64,
    slug: String,
    locale: String,
    published_at: i64,
    first_public_at: Option<i64>,
    summary: String,
}

/// What an issue takes from the stored summary of an article.
#[derive(Deserialize)]
struct Summary {
    title: String,
    #[serde(default)]
    excerpt: String,
    #[serde(default)]
    byline_ids: Vec<BylineId>,
    #[serde(default)]
    category_ids: Vec<CategoryId>,
}

/// The articles that an issue of this cutoff would carry, the newest first: first public between the newsletter's
/// creation and the cutoff, public now, and in no issue yet. One whose schedule no worker has settled yet counts from
/// the time it became visible.
pub fn candidates(
    conn: &mut Conn,
    newsletter: &Newsletter,
    frequency: Frequency,
    public_url: &Url,
    cutoff: Timestamp,
    now: Timestamp,
) -> Result<Vec<Item>> {
    let site = crate::site::current(conn)?.settings;
    let (from, to) = (newsletter.created_at.micros(), cutoff.micros());
    let unsettled = articles::first_public_at.is_null();
    let known = articles::first_public_at.is_not_null();
    let in_time = (known.and(articles::first_public_at.ge(from)).and(articles::first_public_at.le(to)))
        .or(unsettled.and(published::published_at.ge(from)).and(published::published_at.le(to)));
    let sent = digest_items::table
        .filter(digest_items::newsletter_id.eq(newsletter.id.to_string()))
        .filter(digest_items::frequency.eq(frequency.as_str()))
        .filter(digest_items::article_id.eq(published::article_id));
    let mut found: Vec<Candidate> = published::table
        .inner_join(articles::table.on(articles::id.eq(published::article_id)))
        .filter(published::kind.eq("article"))
        .filter(published::locale.eq(&site.locale))
        .filter(published::visible_from.le(now.micros()))
        .filter(published::visible_until.gt(now.micros()))
        .filter(articles::newsletter_eligible.eq(true))
        .filter(in_time.assume_not_null())
        .filter(diesel::dsl::not(exists(sent)))
        .select((
            published::article_id,
            published::revision,
            published::slug,
            published::locale,
            published::published_at,
            articles::first_public_at,
            published::summary,
        ))
        .load(conn)?;
    let first = |found: &Candidate| found.first_public_at.unwrap_or(found.published_at);
    found.sort_by(|one, other| (first(other), &other.id).cmp(&(first(one), &one.id)));
    draw(conn, &site, public_url, found)
}

/// What a reader asked for who chose the categories of these slugs; a slug that leads nowhere chooses nothing.
pub fn wanted(conn: &mut Conn, slugs: &[&str]) -> Result<Wanted> {
    let ids: Vec<String> =
        categories::table.filter(categories::slug.eq_any(slugs)).select(categories::id).load(conn)?;
    Ok(Wanted::Categories(ids.iter().map(|id| id.parse()).collect::<Result<_, _>>()?))
}

/// Makes items of articles: with the names, addresses and categories that they have now.
fn draw(conn: &mut Conn, site: &Site, public_url: &Url, found: Vec<Candidate>) -> Result<Vec<Item>> {
    let ids: Vec<&str> = found.iter().map(|found| found.id.as_str()).collect();
    let reach = reach(conn, &ids)?;
    let categories: HashMap<String, (String, String)> = categories::table
        .select((categories::id, (categories::name, categories::path)))
        .load::<(String, (String, String))>(conn)?
        .into_iter()
        .collect();
    let names: HashMap<String, String> =
        bylines::table.select((bylines::id, bylines::name)).load::<(String, String)>(conn)?.into_iter().collect();
    let item = |found: Candidate| {
        let summary: Summary = serde_json::from_str(&found.summary)?;
        let category = summary.category_ids.iter().find_map(|id| categories.get(&id.to_string()));
        let authors: Vec<&str> =
            summary.byline_ids.iter().filter_map(|id| names.get(&id.to_string()).map(String::as_str)).collect();
        let id: ArticleId = found.id.parse()?;
        let place = ArticlePlace {
            slug: &found.slug,
            id,
            locale: &found.locale,
            category_path: category.map(|(_, path)| path.as_str()),
            published_at: Timestamp::from_micros(found.published_at),
            page_path: None,
        };
        Ok(Item {
            article_id: id,
            url: site::article_url(site, public_url, &place),
            title: summary.title,
            excerpt: excerpt(&summary.excerpt, EXCERPT_CHARS),
            category: category.map(|(name, _)| name.clone()),
            author: (!authors.is_empty()).then(|| authors.join(", ")),
            category_ids: reach.get(&(found.id, found.revision)).cloned().unwrap_or_default(),
            locale: found.locale,
        })
    };
    found.into_iter().map(item).collect()
}

/// The categories under which each revision of these articles is listed: its own, and all above them.
fn reach(conn: &mut Conn, ids: &[&str]) -> Result<BTreeMap<(String, i64), Vec<CategoryId>>> {
    let mut reach: BTreeMap<(String, i64), Vec<CategoryId>> = BTreeMap::new();
    for batch in ids.chunks(BATCH) {
        let rows: Vec<(String, i64, String)> = published_in::table
            .filter(published_in::scope.eq("subtree"))
            .filter(published_in::article_id.eq_any(batch))
            .order(published_in::scope_id)
            .select((published_in::article_id, published_in::revision, published_in::scope_id))
            .load(conn)?;
        for (article, revision, category) in rows {
            reach.entry((article, revision)).or_default().push(category.parse()?);
        }
    }
    Ok(reach)
}

/// Ends an issue on its way if every copy has an end; tells what it has become.
pub fn settle(conn: &mut Conn, id: IssueId, now: Timestamp) -> Result<Option<IssueState>> {
    let Some(state) = outcome(&counts(conn, id)?) else { return Ok(None) };
    let sending = issues::table.find(id.to_string()).filter(issues::state.eq(IssueState::Sending.as_str()));
    let settled = diesel::update(sending)
        .set((
            issues::state.eq(state.as_str()),
            issues::version.eq(issues::version + 1),
            issues::updated_at.eq(now.micros()),
            issues::sent_at.eq(now.micros()),
        ))
        .execute(conn)?;
    if settled == 0 {
        return Ok(None);
    }
    audit::record(conn, &Actor::system(), state.as_str(), "issue", Some(id.to_string()), None, now)?;
    Ok(Some(state))
}
