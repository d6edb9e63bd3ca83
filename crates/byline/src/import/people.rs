//! The people of a site: members as subscribers, authors as users, where that is asked for.

use std::path::Path;

use domain::Timestamp;
use domain::ids::SubscriberId;
use domain::permissions::Role;
use domain::text::Email;
use exchange::ids::Identities;
use exchange::model::Byline;
use exchange::report::{Fate, Report};
use persistence::members::{self, Attestation, Member};
use persistence::users;

use super::progress::Progress;
use crate::accounts;
use crate::failure::Failure;
use crate::store::Store;

/// Members of one transaction.
const MEMBERS: usize = 500;

/// Makes accounts of authors whose address the file tells, with the least rights that let them write, and a password
/// that nobody knows. Who has an account already keeps it.
pub fn users(store: Option<&Store>, authors: &[Byline], report: &mut Report) -> Result<(), Failure> {
    for author in authors {
        let name = author.source_id.as_deref().unwrap_or(&author.slug);
        let Some(address) = &author.email else {
            report.skip("user", name, "no_address", "The file tells no address to sign in with.");
            continue;
        };
        let Ok(email) = Email::parse(address) else {
            report.skip("user", name, "address_not_valid", "Its address is none that mail can be sent to.");
            continue;
        };
        report.count("user").read += 1;
        let Some(store) = store else { continue };
        let known = |conn: &mut persistence::Conn| match users::find_by_email(conn, &email) {
            Err(domain::Error::NotFound(_)) => Ok(false),
            found => found.map(|_| true),
        };
        if store.db.read_blocking(known)? {
            report.count("user").unchanged += 1;
            continue;
        }
        let made = accounts::check(email.as_str(), &author.name, Role::Contributor, &accounts::generate_password()?);
        let (profile, hash) = match made {
            Ok(made) => made,
            Err(error) => {
                report.count("user").skipped += 1;
                report.say("user", name, Fate::Skipped, "not_valid", Failure::from(error).to_string());
                continue;
            }
        };
        let (by, now) = (super::actor(), Timestamp::now());
        store.db.write_blocking(|conn| users::add(conn, &by, &profile, &hash, now))?;
        report.count("user").created += 1;
        let detail = "A contributor whose password nobody knows: give one with `byline user set-password`, and more \
                      rights with `byline user set-role`.";
        report.say("user", name, Fate::Changed, "no_password", detail);
    }
    Ok(())
}

/// Brings the members along that a file tells of. Each is named by its row: the report holds no address.
pub fn members(
    store: Option<&Store>,
    path: &Path,
    attested: Option<&Attestation>,
    ids: &Identities,
    report: &mut Report,
) -> Result<(), Failure> {
    let (file, size) = super::open(path)?;
    let mut progress = Progress::new("members", size);
    let unreadable = |why: exchange::ghost::Unreadable| Failure::from(format!("{}: {}", path.display(), why.0));
    let mut waiting = Vec::new();
    for (row, member) in (2_u64..).zip(exchange::ghost::members(file).map_err(unreadable)?) {
        let row = row.to_string();
        let member = match member {
            Ok(member) => member,
            Err(why) => {
                report.skip("member", &row, "unreadable", why.0);
                continue;
            }
        };
        progress.at(member.at);
        let Ok(email) = Email::parse(&member.email) else {
            report.skip("member", &row, "address_not_valid", "Its address is none that mail can be sent to.");
            continue;
        };
        if !member.subscribed {
            report.skip("member", &row, "not_subscribed", "It received no mails there.");
            continue;
        }
        report.count("member").read += 1;
        let known = Some(&member.id).filter(|id| !id.is_empty());
        let id = match known {
            Some(id) => ids.make("member", id, member.created_at.unwrap_or(Timestamp::from_micros(0))),
            None => Ok(SubscriberId::new()),
        };
        waiting.push((row, Member { id: id.map_err(domain::Error::from)?, email, since: member.created_at }));
        if waiting.len() == MEMBERS {
            write(store, &std::mem::take(&mut waiting), attested, report)?;
        }
    }
    write(store, &waiting, attested, report)?;
    if attested.is_none() && report.count("member").created > 0 {
        let detail = "They receive nothing until they confirm, and are forgotten after a week, like every request that \
                      nobody confirms. If they agreed to your newsletter, run this again with --attest-consent.";
        report.say("member", "", Fate::Changed, "pending", detail);
    }
    Ok(())
}

/// Writes members, each with what the report calls it.
fn write(
    store: Option<&Store>,
    some: &[(String, Member)],
    attested: Option<&Attestation>,
    report: &mut Report,
) -> Result<(), Failure> {
    let Some(store) = store else { return Ok(()) };
    let (by, now) = (super::actor(), Timestamp::now());
    let fates = store.db.write_blocking(|conn| {
        let bring = |(_, member): &(String, Member)| members::bring(conn, &store.secrets, &by, member, attested, now);
        some.iter().map(bring).collect::<domain::Result<Vec<_>>>()
    })?;
    for ((row, _), fate) in some.iter().zip(fates) {
        if let Some(fate) = fate {
            super::loader::count(fate, report.count("member"));
        } else {
            report.count("member").skipped += 1;
            report.say("member", row, Fate::Skipped, "suppressed", "Nothing may be sent to its address.");
        }
    }
    Ok(())
}
