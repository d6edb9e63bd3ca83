//! Members of another site, who come along as subscribers.

use diesel::prelude::*;
use domain::ids::SubscriberId;
use domain::permissions::Action;
use domain::secrets::{Secrets, sha256};
use domain::subscriptions::{self, ConsentKind, State};
use domain::text::{Email, Prose};
use domain::{Actor, Error, Result, Timestamp};

use crate::consents::{Event, Origin};
use crate::schema::subscribers as rows;
use crate::{Conn, Fate, consents, newsletters, subscribers, suppressions};

/// Someone who received mails there.
#[derive(Debug, Clone)]
pub struct Member {
    /// The identity that it gets if it is not known here.
    pub id: SubscriberId,
    /// Its address.
    pub email: Email,
    /// Since when it has been a member; none, if nobody knows.
    pub since: Option<Timestamp>,
}

/// What someone who answers for it says of the consent of members: where, when and to what it was given.
pub type Attestation = Prose<2_000>;

/// Brings a member along; none, if nothing may be sent to the address. It receives nothing until it confirms, and is
/// forgotten like every request that nobody confirms, unless its consent is attested. Whoever is known here otherwise
/// stays as it is.
pub fn bring(
    conn: &mut Conn,
    secrets: &Secrets,
    by: &Actor,
    member: &Member,
    attested: Option<&Attestation>,
    now: Timestamp,
) -> Result<Option<Fate>> {
    by.may(Action::ReadSubscribers)?;
    let email_hmac = subscriptions::email_hmac(secrets, &member.email);
    let domain_hmac = subscriptions::domain_hmac(secrets, &member.email);
    if suppressions::strongest(conn, &[&email_hmac, &domain_hmac])?.is_some() {
        return Ok(None);
    }
    let since = member.since.unwrap_or(now).min(now);
    let newsletter = newsletters::ensure(conn, now)?;
    let is_new = subscribers::insert(conn, &newsletter, member.id, (&member.email, &email_hmac), since, now)?;
    let known = subscribers::lock_by_address(conn, &email_hmac)?.ok_or(Error::Busy { retry_after: 1 })?;
    let id = known.id;
    if attested.is_some() && known.state == State::Pending {
        diesel::update(rows::table.find(id.to_string()))
            .set((
                rows::state.eq(State::Active.as_str()),
                rows::confirmed_at.eq(since.micros()),
                rows::updated_at.eq(now.micros()),
                rows::version.eq(rows::version + 1),
            ))
            .execute(conn)?;
        subscribers::forget_confirmations(conn, id)?;
    } else if !is_new {
        return Ok(Some(Fate::Unchanged));
    }
    let consent = attested.map(|text| keep(conn, text.as_str(), now)).transpose()?;
    let event = Event {
        subscriber: id,
        email_hmac: &email_hmac,
        kind: ConsentKind::Imported,
        source: Some("import"),
        consent: consent.as_deref(),
        categories: None,
        origin: &Origin::default(),
        actor: Some(&by.name),
    };
    consents::record(conn, &event, now)?;
    Ok(Some(if is_new { Fate::Created } else { Fate::Updated }))
}

/// Keeps what was attested, as the texts are kept that people agree to here.
fn keep(conn: &mut Conn, text: &str, now: Timestamp) -> Result<String> {
    let version = format!("attested-{}", &sha256(text)[..16]);
    consents::keep_text(conn, &version, text, "en", now)
}
