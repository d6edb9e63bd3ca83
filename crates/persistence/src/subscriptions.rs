//! Double opt-in: a request, its confirmation, and the objection of someone who never asked.

use std::collections::HashMap;

use diesel::prelude::*;
use domain::ids::{CategoryId, SubscriberId};
use domain::newsletter::{Frequency, Newsletter};
use domain::secrets::{Secrets, Token, sha256};
use domain::subscriptions::{
    self, CAPS_REACH, CONFIRM_WITHIN, Choice, ConsentKind, MANAGE_FOR, Mail, Past, REPEAT_WITHIN, Reason, Request,
    State, Subscriber, SubscriptionWrite,
};
use domain::text::Email;
use domain::{Error, Result, Timestamp};
use serde::{Deserialize, Serialize};

use crate::consents::{Event, Origin};
use crate::db::on;
use crate::messages::Content;
use crate::schema::{categories, subscribers, subscription_tokens as tokens};
use crate::subscribers::Means;
use crate::{Conn, consents, messages, newsletters, suppressions};

/// What a confirmation activates, kept with its token.
#[derive(Serialize, Deserialize)]
struct Stored {
    email: String,
    /// `None`: all.
    categories: Option<Vec<CategoryId>>,
    frequency: Frequency,
    timezone: Option<String>,
    locale: Option<String>,
    consent: String,
}

/// Takes a request to subscribe: notes it, and queues the mail that the state of the address calls for. The caller
/// learns nothing about that state. The mail waits for `wait` seconds before it may leave.
pub fn request(
    conn: &mut Conn,
    secrets: &Secrets,
    write: &SubscriptionWrite,
    origin: &Origin,
    wait: i64,
    now: Timestamp,
) -> Result<()> {
    let newsletter = newsletters::ensure(conn, now)?;
    let known = known_categories(conn, write.categories.as_deref().unwrap_or_default())?;
    let consent = consent_text(conn, &newsletter, write.consent_version.as_deref(), now)?;
    let request = write.check(&known, consent.is_some())?;
    if write.is_trapped() {
        return Ok(());
    }
    let consent = consent.unwrap_or_default();
    let email_hmac = subscriptions::email_hmac(secrets, &request.email);
    let domain_hmac = subscriptions::domain_hmac(secrets, &request.email);
    let suppression = suppressions::strongest(conn, &[&email_hmac, &domain_hmac])?;
    let unwelcome = subscriptions::is_role_account(&request.email)
        || suppression.is_some_and(|suppression| suppression.blocks_everything(now));
    // Of whom we must not write to, no address is kept either.
    let subscriber = if unwelcome { None } else { Some(enter(conn, &newsletter, &request, &email_hmac, now)?) };
    let mail = match &subscriber {
        None => None,
        Some(subscriber) => {
            let mails = &consents::mails_since(conn, &email_hmac, now.plus_seconds(-CAPS_REACH))?;
            subscriptions::mail_for(Past { state: Some(subscriber.state), suppression, mails }, now)
        }
    };
    let mut event = Event {
        subscriber: subscriber.as_ref().map_or_else(SubscriberId::new, |subscriber| subscriber.id),
        email_hmac: &email_hmac,
        kind: ConsentKind::Requested,
        source: request.source.as_ref().map(subscriptions::Source::as_str),
        consent: Some(&consent),
        categories: request.categories.as_ref().map(|choices| slugs(choices)),
        origin,
        actor: None,
    };
    consents::record(conn, &event, now)?;
    let (Some(mail), Some(subscriber)) = (mail, subscriber) else { return Ok(()) };
    let letter = match mail {
        Mail::Confirmation => confirmation(conn, secrets, &subscriber, &request, &consent, &email_hmac, now)?,
        Mail::AlreadySubscribed => reminder(conn, &subscriber, now)?,
    };
    messages::enqueue(conn, Some(subscriber.id), &letter, now.plus_seconds(wait), now)?;
    event.kind = match mail {
        Mail::Confirmation => ConsentKind::ConfirmMailSent,
        Mail::AlreadySubscribed => ConsentKind::NoticeMailSent,
    };
    consents::record(conn, &event, now)
}

fn slugs(choices: &[Choice]) -> Vec<String> {
    choices.iter().map(|choice| choice.slug.clone()).collect()
}

/// The categories there are among `slugs`.
pub fn known_categories(conn: &mut Conn, slugs: &[String]) -> Result<HashMap<String, Choice>> {
    // More than may be named need not be looked up: the request is refused.
    let slugs: Vec<&String> = slugs.iter().take(101).collect();
    let rows: Vec<(String, String, String)> = categories::table
        .filter(categories::slug.eq_any(slugs))
        .select((categories::id, categories::slug, categories::name))
        .load(conn)?;
    rows.into_iter().map(|(id, slug, name)| Ok((slug.clone(), Choice { id: id.parse()?, slug, name }))).collect()
}

/// Every category, in the order of the tree.
pub fn all_categories(conn: &mut Conn) -> Result<Vec<Choice>> {
    let rows: Vec<(String, String, String)> = categories::table
        .order(categories::path)
        .select((categories::id, categories::slug, categories::name))
        .load(conn)?;
    rows.into_iter().map(|(id, slug, name)| Ok(Choice { id: id.parse()?, slug, name })).collect()
}

/// The SHA-256 of the text that was agreed to; `None` if there is no such version.
fn consent_text(
    conn: &mut Conn,
    newsletter: &Newsletter,
    version: Option<&str>,
    now: Timestamp,
) -> Result<Option<String>> {
    let current = &newsletter.settings.consent;
    match version {
        Some(version) if version != current.version => consents::text_of(conn, version),
        _ => consents::keep_text(conn, &current.version, &current.text, "en", now).map(Some),
    }
}

/// The subscriber of an address, made if there is none, and locked until the transaction ends.
fn enter(
    conn: &mut Conn,
    newsletter: &Newsletter,
    request: &Request,
    email_hmac: &str,
    now: Timestamp,
) -> Result<Subscriber> {
    crate::subscribers::insert(conn, newsletter, SubscriberId::new(), (&request.email, email_hmac), now, now)?;
    let subscriber = crate::subscribers::lock_by_address(conn, email_hmac)?;
    let subscriber = subscriber.ok_or(Error::Busy { retry_after: 1 })?;
    if subscriber.state == State::Pending {
        // It is forgotten a week after it was last asked for.
        diesel::update(subscribers::table.find(subscriber.id.to_string()))
            .set(subscribers::updated_at.eq(now.micros()))
            .execute(conn)?;
    }
    Ok(subscriber)
}

/// Makes the token of a confirmation; those before it die.
fn confirmation(
    conn: &mut Conn,
    secrets: &Secrets,
    subscriber: &Subscriber,
    request: &Request,
    consent: &str,
    email_hmac: &str,
    now: Timestamp,
) -> Result<Content> {
    crate::subscribers::forget_confirmations(conn, subscriber.id)?;
    let token = Token::generate("")?;
    let stored = Stored {
        email: request.email.as_str().to_owned(),
        categories: request.categories.as_ref().map(|choices| choices.iter().map(|choice| choice.id).collect()),
        frequency: request.frequency,
        timezone: request.timezone.clone(),
        locale: request.locale.clone(),
        consent: consent.to_owned(),
    };
    diesel::insert_into(tokens::table)
        .values((
            tokens::hash.eq(token.hash()),
            tokens::subscriber_id.eq(subscriber.id.to_string()),
            tokens::purpose.eq("confirm"),
            tokens::request.eq(serde_json::to_string(&stored)?),
            tokens::token_epoch.eq(subscriber.token_epoch),
            tokens::created_at.eq(now.micros()),
            tokens::expires_at.eq(now.plus_seconds(CONFIRM_WITHIN).micros()),
        ))
        .execute(conn)?;
    Ok(Content::Confirmation {
        to: stored.email,
        token: token.reveal().to_owned(),
        objection: subscriptions::objection_token(secrets, email_hmac),
    })
}

/// Tells an active subscriber, at the address on record, that nothing is left to do.
fn reminder(conn: &mut Conn, subscriber: &Subscriber, now: Timestamp) -> Result<Content> {
    let token = Token::generate("mg_")?;
    keep_manage_token(conn, subscriber, &token, now)?;
    Ok(Content::AlreadySubscribed { to: subscriber.email.as_str().to_owned(), manage_token: token.reveal().to_owned() })
}

fn keep_manage_token(conn: &mut Conn, subscriber: &Subscriber, token: &Token, now: Timestamp) -> Result<()> {
    let row = (
        tokens::hash.eq(token.hash()),
        tokens::subscriber_id.eq(subscriber.id.to_string()),
        tokens::purpose.eq("manage"),
        tokens::token_epoch.eq(subscriber.token_epoch),
        tokens::created_at.eq(now.micros()),
        tokens::expires_at.eq(now.plus_seconds(MANAGE_FOR).micros()),
    );
    on!(conn, |c| diesel::insert_into(tokens::table).values(row).on_conflict_do_nothing().execute(c))?;
    Ok(())
}

/// The token of a confirmation as it is stored.
#[derive(Queryable, Selectable)]
#[diesel(table_name = tokens)]
struct TokenRow {
    subscriber_id: String,
    request: Option<String>,
    expires_at: i64,
    used_at: Option<i64>,
}

fn expired() -> Error {
    let detail = "This confirmation has expired, or a newer one took its place. Subscribe again.";
    Error::Gone { code: "token_expired", detail: detail.into() }
}

fn token_row(conn: &mut Conn, token: &str) -> Result<TokenRow> {
    let row = tokens::table
        .find(sha256(token))
        .filter(tokens::purpose.eq("confirm"))
        .select(TokenRow::as_select())
        .first(conn)
        .optional()?;
    row.ok_or_else(expired)
}

/// What a confirmation is about, for the page that asks.
#[derive(Debug)]
pub struct Asked {
    /// Enough of the address for its owner to know it by.
    pub email_masked: String,
    /// The names of the categories; `None`: all.
    pub categories: Option<Vec<String>>,
    /// How often.
    pub frequency: Frequency,
    /// Whether it was confirmed already.
    pub confirmed: bool,
}

/// Reads what a token would confirm, and changes nothing; 410 if it confirms nothing.
pub fn asked(conn: &mut Conn, token: &str, now: Timestamp) -> Result<Asked> {
    let row = token_row(conn, token)?;
    let confirmed = match row.used_at {
        Some(used_at) if now.micros() - used_at < REPEAT_WITHIN * 1_000_000 => true,
        None if row.expires_at > now.micros() => false,
        _ => return Err(expired()),
    };
    let stored: Stored = serde_json::from_str(row.request.as_deref().unwrap_or_default())?;
    let email = Email::parse(&stored.email).map_err(|_| expired())?;
    let names = match stored.categories {
        None => None,
        Some(ids) => {
            let ids = ids.iter().map(ToString::to_string);
            let names = categories::table.filter(categories::id.eq_any(ids)).order(categories::path);
            Some(names.select(categories::name).load(conn)?)
        }
    };
    Ok(Asked { email_masked: email.masked(), categories: names, frequency: stored.frequency, confirmed })
}

/// Confirms a request: activates exactly what it asked for, once. Gives the person's manage token; said again within a
/// day, it gives the same.
pub fn confirm(conn: &mut Conn, secrets: &Secrets, token: &str, origin: &Origin, now: Timestamp) -> Result<Token> {
    let id: SubscriberId = token_row(conn, token)?.subscriber_id.parse()?;
    let before = crate::subscribers::lock(conn, id).map_err(|error| match error {
        Error::NotFound(_) => expired(),
        other => other,
    })?;
    // Read again under the lock: a newer request may have taken its place.
    let row = token_row(conn, token)?;
    let first =
        tokens::table.find(sha256(token)).filter(tokens::used_at.is_null()).filter(tokens::expires_at.gt(now.micros()));
    if diesel::update(first).set(tokens::used_at.eq(now.micros())).execute(conn)? == 1 {
        let stored: Stored = serde_json::from_str(row.request.as_deref().unwrap_or_default())?;
        activate(conn, secrets, &before, &stored, origin, now)?;
    } else {
        let recent = row.used_at.is_some_and(|used_at| now.micros() - used_at < REPEAT_WITHIN * 1_000_000);
        if !recent || before.state != State::Active {
            return Err(expired());
        }
    }
    let manage = subscriptions::manage_token_of(secrets, token);
    keep_manage_token(conn, &before, &manage, now)?;
    Ok(manage)
}

fn activate(
    conn: &mut Conn,
    secrets: &Secrets,
    before: &Subscriber,
    stored: &Stored,
    origin: &Origin,
    now: Timestamp,
) -> Result<()> {
    let email = Email::parse(&stored.email).map_err(|_| expired())?;
    let email_hmac = subscriptions::email_hmac(secrets, &email);
    let domain_hmac = subscriptions::domain_hmac(secrets, &email);
    let suppression = suppressions::strongest(conn, &[&email_hmac, &domain_hmac])?;
    let blocked = suppression.is_some_and(|suppression| suppression.blocks_everything(now));
    if blocked || before.state == State::Complained {
        return Err(expired());
    }
    diesel::update(subscribers::table.find(before.id.to_string()))
        .set((
            subscribers::email.eq(email.as_str()),
            subscribers::state.eq(State::Active.as_str()),
            subscribers::all_categories.eq(stored.categories.is_none()),
            subscribers::frequency.eq(stored.frequency.as_str()),
            subscribers::timezone.eq(&stored.timezone),
            subscribers::locale.eq(&stored.locale),
            subscribers::paused_until.eq(None::<i64>),
            subscribers::version.eq(subscribers::version + 1),
            subscribers::updated_at.eq(now.micros()),
            subscribers::confirmed_at.eq(now.micros()),
            subscribers::unsubscribed_at.eq(None::<i64>),
            subscribers::unsubscribed_by.eq(None::<String>),
        ))
        .execute(conn)?;
    let chosen = stored.categories.iter().flatten().map(ToString::to_string).collect();
    crate::subscribers::choose(conn, before.id, chosen)?;
    suppressions::lift(conn, &email_hmac, now)?;
    let after = crate::subscribers::find(conn, before.id)?;
    let event = Event {
        subscriber: before.id,
        email_hmac: &email_hmac,
        kind: ConsentKind::Confirmed,
        source: Some("confirmation"),
        consent: Some(&stored.consent),
        categories: stored.categories.as_ref().map(|_| slugs(&after.preferences.categories)),
        origin,
        actor: None,
    };
    consents::record(conn, &event, now)
}

/// "This was not me": no confirmation goes to the address for a year, and what waits for one dies.
pub fn object(conn: &mut Conn, email_hmac: &str, origin: &Origin, now: Timestamp) -> Result<()> {
    let subscriber = crate::subscribers::lock_by_address(conn, email_hmac)?;
    let since = suppressions::strongest(conn, &[email_hmac])?;
    if since.is_some_and(|since| since.reason == Reason::Manual && since.blocks_everything(now)) {
        return Ok(());
    }
    suppressions::put(conn, email_hmac, Reason::Manual, Some("objection"), now)?;
    if let Some(subscriber) = subscriber.as_ref().filter(|subscriber| subscriber.state == State::Pending) {
        // Who never asked is not kept: tokens and waiting messages go with the row.
        diesel::delete(subscribers::table.find(subscriber.id.to_string())).execute(conn)?;
    } else if let Some(subscriber) = &subscriber {
        crate::subscribers::forget_confirmations(conn, subscriber.id)?;
        let means = Means { source: "objection", origin: origin.clone(), ..Means::default() };
        crate::subscribers::unsubscribe(conn, subscriber.id, &means, now)?;
        crate::subscribers::void_tokens(conn, subscriber.id)?;
    }
    let event = Event {
        subscriber: subscriber.map_or_else(SubscriberId::new, |subscriber| subscriber.id),
        email_hmac,
        kind: ConsentKind::Objected,
        source: None,
        consent: None,
        categories: None,
        origin,
        actor: None,
    };
    consents::record(conn, &event, now)
}
