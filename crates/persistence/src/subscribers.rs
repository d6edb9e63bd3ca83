//! Subscribers: who they are, what they receive, and how they leave.
//!
//! Every operation takes the lock of the person's row first (an update that changes nothing), so that what it reads
//! after that stays true until it commits, on both engines.

use std::collections::HashMap;

use diesel::prelude::*;
use domain::ids::{IssueId, SubscriberId};
use domain::newsletter::{Frequency, Newsletter};
use domain::permissions::Action;
use domain::secrets::sha256;
use domain::subscriptions::{
    Choice, ConsentKind, FORGET_PENDING, Format, Preferences, REPEAT_WITHIN, Reason, State, Subscriber,
};
use domain::text::Email;
use domain::{Actor, Error, Result, Timestamp};

use crate::consents::{Event, Origin};
use crate::db::{Refuse, on};
use crate::schema::{categories, deliveries, subscriber_categories, subscribers, subscription_tokens as tokens};
use crate::{Conn, audit, consents, messages, suppressions};

#[derive(Queryable, Selectable)]
#[diesel(table_name = subscribers)]
struct Row {
    id: String,
    email: String,
    email_hmac: String,
    state: String,
    all_categories: bool,
    frequency: String,
    format: String,
    locale: Option<String>,
    timezone: Option<String>,
    send_hour: Option<i32>,
    paused_until: Option<i64>,
    token_epoch: i64,
    version: i64,
    created_at: i64,
    updated_at: i64,
    confirmed_at: Option<i64>,
    unsubscribed_at: Option<i64>,
    unsubscribed_by: Option<String>,
}

impl Row {
    fn with(self, categories: Vec<Choice>) -> Result<Subscriber> {
        let stored = |what: &str| Error::Internal(format!("a subscriber's {what} cannot be read"));
        Ok(Subscriber {
            id: self.id.parse()?,
            email: Email::parse(&self.email).map_err(|_| stored("address"))?,
            email_hmac: self.email_hmac,
            state: self.state.parse().map_err(|_| stored("state"))?,
            preferences: Preferences {
                all_categories: self.all_categories,
                categories,
                frequency: self.frequency.parse().map_err(|_| stored("frequency"))?,
                format: self.format.parse().map_err(|_| stored("format"))?,
                locale: self.locale,
                timezone: self.timezone,
                send_hour: self.send_hour.map(u8::try_from).transpose()?,
                paused_until: self.paused_until.map(Timestamp::from_micros),
            },
            version: self.version.try_into()?,
            created_at: Timestamp::from_micros(self.created_at),
            updated_at: Timestamp::from_micros(self.updated_at),
            confirmed_at: self.confirmed_at.map(Timestamp::from_micros),
            unsubscribed_at: self.unsubscribed_at.map(Timestamp::from_micros),
            token_epoch: self.token_epoch,
            unsubscribed_by: self.unsubscribed_by,
        })
    }
}

fn with_choices(conn: &mut Conn, rows: Vec<Row>) -> Result<Vec<Subscriber>> {
    let ids: Vec<&str> = rows.iter().filter(|row| !row.all_categories).map(|row| row.id.as_str()).collect();
    let chosen: Vec<(String, String, String, String)> = subscriber_categories::table
        .inner_join(categories::table)
        .filter(subscriber_categories::subscriber_id.eq_any(ids))
        .order(categories::path)
        .select((subscriber_categories::subscriber_id, categories::id, categories::slug, categories::name))
        .load(conn)?;
    let mut choices: HashMap<String, Vec<Choice>> = HashMap::new();
    for (subscriber, id, slug, name) in chosen {
        choices.entry(subscriber).or_default().push(Choice { id: id.parse()?, slug, name });
    }
    rows.into_iter()
        .map(|row| {
            let chosen = choices.remove(&row.id).unwrap_or_default();
            row.with(chosen)
        })
        .collect()
}

fn one(conn: &mut Conn, row: Row) -> Result<Subscriber> {
    with_choices(conn, vec![row])?.pop().ok_or(Error::NotFound("subscriber"))
}

/// One subscriber.
pub fn find(conn: &mut Conn, id: SubscriberId) -> Result<Subscriber> {
    let row = subscribers::table.find(id.to_string()).select(Row::as_select()).first(conn);
    let row = row.or_not_found("subscriber")?;
    one(conn, row)
}

/// Makes a pending subscriber of an address (and what stands for it), unless somebody has it: whether it was made.
/// It is said to be there `since` then; it was asked for `now`.
pub(crate) fn insert(
    conn: &mut Conn,
    newsletter: &Newsletter,
    id: SubscriberId,
    (email, email_hmac): (&Email, &str),
    since: Timestamp,
    now: Timestamp,
) -> Result<bool> {
    let row = (
        subscribers::id.eq(id.to_string()),
        subscribers::newsletter_id.eq(newsletter.id.to_string()),
        subscribers::email.eq(email.as_str()),
        subscribers::email_hmac.eq(email_hmac),
        subscribers::state.eq(State::Pending.as_str()),
        subscribers::all_categories.eq(true),
        subscribers::frequency.eq(Frequency::Weekly.as_str()),
        subscribers::format.eq(Format::Html.as_str()),
        subscribers::token_epoch.eq(0),
        subscribers::version.eq(1),
        subscribers::created_at.eq(since.micros()),
        subscribers::updated_at.eq(now.micros()),
    );
    let made = on!(conn, |c| diesel::insert_into(subscribers::table).values(row).on_conflict_do_nothing().execute(c))?;
    Ok(made == 1)
}

/// The subscriber with an address, locked until the transaction ends; `None` if there is none.
pub(crate) fn lock_by_address(conn: &mut Conn, email_hmac: &str) -> Result<Option<Subscriber>> {
    let own = subscribers::table.filter(subscribers::email_hmac.eq(email_hmac));
    diesel::update(own).set(subscribers::version.eq(subscribers::version)).execute(conn)?;
    let row = own.select(Row::as_select()).first(conn).optional()?;
    row.map(|row| one(conn, row)).transpose()
}

/// One subscriber, locked until the transaction ends.
pub(crate) fn lock(conn: &mut Conn, id: SubscriberId) -> Result<Subscriber> {
    let own = subscribers::table.find(id.to_string());
    diesel::update(own).set(subscribers::version.eq(subscribers::version)).execute(conn)?;
    find(conn, id)
}

/// Whose a manage token is: 401 if it is not good (any more).
pub fn by_manage_token(conn: &mut Conn, token: &str, now: Timestamp) -> Result<Subscriber> {
    let unknown = || Error::Unauthenticated {
        code: "unauthenticated",
        detail: "Send a manage token (`mg_...`) that is still good as `Authorization: Bearer`.".into(),
    };
    let row: Option<(String, i64)> = tokens::table
        .find(sha256(token))
        .filter(tokens::purpose.eq("manage"))
        .filter(tokens::expires_at.gt(now.micros()))
        .select((tokens::subscriber_id, tokens::token_epoch))
        .first(conn)
        .optional()?;
    let (id, epoch) = row.ok_or_else(unknown)?;
    let subscriber = find(conn, id.parse()?)?;
    if subscriber.token_epoch == epoch { Ok(subscriber) } else { Err(unknown()) }
}

/// Which subscribers to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// In this state.
    pub state: Option<State>,
    /// With the address that this stands for.
    pub email_hmac: Option<String>,
    /// Who chose the category with this slug.
    pub category: Option<String>,
}

/// Where a list of subscribers goes on: newest first.
pub type Position = (Timestamp, SubscriberId);

type Boxed<'a> = subscribers::BoxedQuery<'a, <Conn as diesel::Connection>::Backend>;

fn filtered<'a>(filter: &Filter) -> Boxed<'a> {
    let mut query = subscribers::table.into_boxed();
    if let Some(state) = filter.state {
        query = query.filter(subscribers::state.eq(state.as_str()));
    }
    if let Some(hmac) = &filter.email_hmac {
        query = query.filter(subscribers::email_hmac.eq(hmac.clone()));
    }
    if let Some(slug) = &filter.category {
        let who = subscriber_categories::table
            .inner_join(categories::table)
            .filter(categories::slug.eq(slug.clone()))
            .select(subscriber_categories::subscriber_id);
        query = query.filter(subscribers::id.eq_any(who));
    }
    query
}

/// Up to `limit` subscribers after a position, newest first.
pub fn list(conn: &mut Conn, filter: &Filter, after: Option<Position>, limit: i64) -> Result<Vec<Subscriber>> {
    let mut query = filtered(filter);
    if let Some((at, id)) = after {
        let at = at.micros();
        let later = subscribers::created_at.eq(at).and(subscribers::id.lt(id.to_string()));
        query = query.filter(subscribers::created_at.lt(at).or(later));
    }
    let newest = (subscribers::created_at.desc(), subscribers::id.desc());
    let rows = query.select(Row::as_select()).order(newest).limit(limit).load(conn)?;
    with_choices(conn, rows)
}

/// How many there are.
pub fn count(conn: &mut Conn, filter: &Filter) -> Result<i64> {
    Ok(filtered(filter).count().get_result(conn)?)
}

/// Who changes a subscription, and by what means.
#[derive(Debug, Clone, Default)]
pub struct Means {
    /// What goes into the history: `one-click`, `unsubscribe-page`, `manage`, `admin`.
    pub source: &'static str,
    /// Stands for the token that was used: it may take an unsubscription back.
    pub token_hash: Option<String>,
    /// The issue whose link was used.
    pub issue: Option<IssueId>,
    /// Who of the publication did it.
    pub actor: Option<String>,
    /// Where it came from.
    pub origin: Origin,
}

impl Means {
    /// By means of a token.
    pub fn token(source: &'static str, token: &str, origin: Origin) -> Self {
        Self { source, token_hash: Some(sha256(token)), origin, ..Self::default() }
    }
}

/// Notes a step in the history of a subscriber's consent.
pub(crate) fn note(
    conn: &mut Conn,
    subscriber: &Subscriber,
    kind: ConsentKind,
    means: &Means,
    at: Timestamp,
) -> Result<()> {
    let preferences = &subscriber.preferences;
    let told = matches!(kind, ConsentKind::Preferences) && !preferences.all_categories;
    let categories = told.then(|| preferences.categories.iter().map(|choice| choice.slug.clone()).collect());
    let event = Event {
        subscriber: subscriber.id,
        email_hmac: &subscriber.email_hmac,
        kind,
        source: Some(means.source),
        consent: None,
        categories,
        origin: &means.origin,
        actor: means.actor.as_deref(),
    };
    consents::record(conn, &event, at)
}

/// Changes what a subscriber receives to what `edit` makes of it.
pub fn change_preferences(
    conn: &mut Conn,
    id: SubscriberId,
    means: &Means,
    edit: impl FnOnce(&mut Conn, &Subscriber) -> Result<Preferences>,
    at: Timestamp,
) -> Result<Subscriber> {
    let before = lock(conn, id)?;
    let wanted = edit(conn, &before)?;
    diesel::update(subscribers::table.find(id.to_string()))
        .set((
            subscribers::all_categories.eq(wanted.all_categories),
            subscribers::frequency.eq(wanted.frequency.as_str()),
            subscribers::format.eq(wanted.format.as_str()),
            subscribers::locale.eq(&wanted.locale),
            subscribers::timezone.eq(&wanted.timezone),
            subscribers::send_hour.eq(wanted.send_hour.map(i32::from)),
            subscribers::paused_until.eq(wanted.paused_until.map(Timestamp::micros)),
            subscribers::version.eq(subscribers::version + 1),
            subscribers::updated_at.eq(at.micros()),
        ))
        .execute(conn)?;
    choose(conn, id, wanted.categories.iter().map(|choice| choice.id.to_string()).collect())?;
    let after = find(conn, id)?;
    note(conn, &after, ConsentKind::Preferences, means, at)?;
    Ok(after)
}

/// Replaces the chosen categories; those that are no more are left out.
pub(crate) fn choose(conn: &mut Conn, id: SubscriberId, chosen: Vec<String>) -> Result<()> {
    let id = id.to_string();
    diesel::delete(subscriber_categories::table.filter(subscriber_categories::subscriber_id.eq(&id))).execute(conn)?;
    let there: Vec<String> =
        categories::table.filter(categories::id.eq_any(chosen)).select(categories::id).load(conn)?;
    let rows: Vec<_> = there
        .into_iter()
        .map(|category| {
            (subscriber_categories::subscriber_id.eq(id.clone()), subscriber_categories::category_id.eq(category))
        })
        .collect();
    if !rows.is_empty() {
        on!(conn, |c| diesel::insert_into(subscriber_categories::table).values(rows).execute(c))?;
    }
    Ok(())
}

/// Stops everything for a subscriber. Said twice, it is done once; nobody is there: nothing is left to do.
pub fn unsubscribe(conn: &mut Conn, id: SubscriberId, means: &Means, at: Timestamp) -> Result<()> {
    let key = id.to_string();
    let there = [State::Pending.as_str(), State::Active.as_str(), State::Bounced.as_str()];
    let left = diesel::update(subscribers::table.find(&key).filter(subscribers::state.eq_any(there)))
        .set((
            subscribers::state.eq(State::Unsubscribed.as_str()),
            subscribers::unsubscribed_at.eq(at.micros()),
            subscribers::unsubscribed_by.eq(&means.token_hash),
            subscribers::version.eq(subscribers::version + 1),
            subscribers::updated_at.eq(at.micros()),
        ))
        .execute(conn)?;
    if left == 0 {
        return Ok(());
    }
    let subscriber = find(conn, id)?;
    forget_confirmations(conn, id)?;
    suppressions::put(conn, &subscriber.email_hmac, Reason::Unsubscribed, Some(means.source), at)?;
    if let Some(issue) = means.issue {
        let by_issue = deliveries::table
            .filter(deliveries::issue_id.eq(issue.to_string()))
            .filter(deliveries::subscriber_id.eq(&key));
        diesel::update(by_issue).set(deliveries::unsubscribed_at.eq(at.micros())).execute(conn)?;
    }
    note(conn, &subscriber, ConsentKind::Unsubscribed, means, at)
}

/// Makes every confirmation void that waits for an answer, or to be sent.
pub(crate) fn forget_confirmations(conn: &mut Conn, id: SubscriberId) -> Result<()> {
    let own = tokens::table.filter(tokens::subscriber_id.eq(id.to_string())).filter(tokens::purpose.eq("confirm"));
    diesel::delete(own).execute(conn)?;
    messages::withdraw(conn, id)
}

/// Takes an unsubscription back, with the token that did it, within a day.
pub fn resubscribe(conn: &mut Conn, id: SubscriberId, means: &Means, at: Timestamp) -> Result<Subscriber> {
    let own = subscribers::table
        .find(id.to_string())
        .filter(subscribers::state.eq(State::Unsubscribed.as_str()))
        .filter(subscribers::unsubscribed_by.eq(&means.token_hash))
        .filter(subscribers::unsubscribed_at.gt(at.plus_seconds(-REPEAT_WITHIN).micros()));
    let back = diesel::update(own)
        .set((
            subscribers::state.eq(State::Active.as_str()),
            subscribers::unsubscribed_at.eq(None::<i64>),
            subscribers::unsubscribed_by.eq(None::<String>),
            subscribers::version.eq(subscribers::version + 1),
            subscribers::updated_at.eq(at.micros()),
        ))
        .execute(conn)?;
    let subscriber = find(conn, id)?;
    if back == 1 {
        suppressions::lift_unsubscription(conn, &subscriber.email_hmac)?;
        note(conn, &subscriber, ConsentKind::Resubscribed, means, at)?;
    } else if subscriber.state != State::Active {
        let detail = "An unsubscription can be undone for 24 hours, by the link that did it. Subscribe again.";
        return Err(Error::conflict("undo_expired", detail));
    }
    Ok(subscriber)
}

/// Stops everything for a subscriber, by someone of the publication; manage tokens are void from then on.
/// `expect` may refuse what it finds.
pub fn unsubscribe_by(
    conn: &mut Conn,
    by: &Actor,
    id: SubscriberId,
    expect: impl FnOnce(&Subscriber) -> Result<()>,
    at: Timestamp,
) -> Result<Subscriber> {
    by.may(Action::ReadSubscribers)?;
    expect(&lock(conn, id)?)?;
    let means = Means { source: "admin", actor: Some(by.name.clone()), ..Means::default() };
    unsubscribe(conn, id, &means, at)?;
    void_tokens(conn, id)?;
    audit::record(conn, by, "unsubscribed", "subscriber", Some(id.to_string()), None, at)?;
    find(conn, id)
}

pub(crate) fn void_tokens(conn: &mut Conn, id: SubscriberId) -> Result<()> {
    diesel::update(subscribers::table.find(id.to_string()))
        .set(subscribers::token_epoch.eq(subscribers::token_epoch + 1))
        .execute(conn)?;
    Ok(())
}

/// Removes everything personal. A suppression of the address stays, and so does the bare history of its consents.
/// `expect` may refuse what it finds.
pub fn erase(
    conn: &mut Conn,
    by: &Actor,
    id: SubscriberId,
    expect: impl FnOnce(&Subscriber) -> Result<()>,
    at: Timestamp,
) -> Result<()> {
    by.may(Action::ReadSubscribers)?;
    let before = lock(conn, id)?;
    expect(&before)?;
    let email_hmac = before.email_hmac;
    consents::erase(conn, &email_hmac)?;
    let event = Event {
        subscriber: id,
        email_hmac: &email_hmac,
        kind: ConsentKind::Erased,
        source: None,
        consent: None,
        categories: None,
        origin: &Origin::default(),
        actor: None,
    };
    consents::record(conn, &event, at)?;
    // Tokens, choices and waiting messages go with the row.
    diesel::delete(subscribers::table.find(id.to_string())).execute(conn)?;
    audit::record(conn, by, "erased", "subscriber", Some(id.to_string()), None, at)
}

/// Forgets requests that nobody confirmed, tokens that are good for nothing any more, and messages that failed long
/// ago; gives how many rows went.
pub fn purge(conn: &mut Conn, now: Timestamp) -> Result<usize> {
    let day_ago = now.plus_seconds(-REPEAT_WITHIN).micros();
    let expired = diesel::delete(tokens::table.filter(tokens::expires_at.le(day_ago))).execute(conn)?;
    let pending = subscribers::table
        .filter(subscribers::state.eq(State::Pending.as_str()))
        .filter(subscribers::updated_at.le(now.plus_seconds(-FORGET_PENDING).micros()));
    let forgotten = diesel::delete(pending).execute(conn)?;
    Ok(expired + forgotten + messages::purge(conn, now)?)
}
