//! Members of another site, who come along as subscribers.

use diesel::prelude::*;
use domain::ids::SubscriberId;
use domain::newsletter::Frequency;
use domain::permissions::Action;
use domain::secrets::{Secrets, sha256};
use domain::subscriptions::{self, ConsentKind, Format, State};
use domain::text::{Email, Prose};
use domain::{Actor, Result, Timestamp};

use crate::consents::{Event, Origin};
use crate::schema::subscribers;
use crate::{Conn, Fate, consents, newsletters, suppressions};

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
    let known = crate::subscribers::lock_by_address(conn, &email_hmac)?;
    let state = if attested.is_some() { State::Active } else { State::Pending };
    let since = member.since.unwrap_or(now).min(now);
    let (id, fate) = match known {
        Some(known) if known.state == State::Pending && state == State::Active => (known.id, Fate::Updated),
        Some(_) => return Ok(Some(Fate::Unchanged)),
        None => (member.id, Fate::Created),
    };
    let standing = (
        subscribers::state.eq(state.as_str()),
        subscribers::confirmed_at.eq(attested.map(|_| since.micros())),
        subscribers::updated_at.eq(now.micros()),
    );
    if fate == Fate::Updated {
        let pending = subscribers::table.find(id.to_string());
        diesel::update(pending).set((standing, subscribers::version.eq(subscribers::version + 1))).execute(conn)?;
        crate::subscribers::forget_confirmations(conn, id)?;
    } else {
        let row = (
            subscribers::id.eq(id.to_string()),
            subscribers::newsletter_id.eq(newsletters::ensure(conn, now)?.id.to_string()),
            subscribers::email.eq(member.email.as_str()),
            subscribers::email_hmac.eq(&email_hmac),
            subscribers::all_categories.eq(true),
            subscribers::frequency.eq(Frequency::Weekly.as_str()),
            subscribers::format.eq(Format::Html.as_str()),
            subscribers::token_epoch.eq(0),
            subscribers::version.eq(1),
            subscribers::created_at.eq(since.micros()),
        );
        diesel::insert_into(subscribers::table).values((row, standing)).execute(conn)?;
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
    Ok(Some(fate))
}

/// Keeps what was attested, as the texts are kept that people agree to here.
fn keep(conn: &mut Conn, text: &str, now: Timestamp) -> Result<String> {
    let version = format!("attested-{}", &sha256(text)[..16]);
    consents::keep_text(conn, &version, text, "en", now)
}
