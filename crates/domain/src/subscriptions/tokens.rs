//! Tokens that need no row in the database: their MAC says for whom and for what they are good.

use crate::ids::{IssueId, SubscriberId};
use crate::secrets::{Purpose, Secrets, Token};

const VERSION: &str = "v1";

/// The token of the link that leaves the newsletter, in an issue's footer and headers: `v1.kid.subscriber.issue.mac`.
///
/// It never expires (CAN-SPAM wants 30 days at least) as long as its key is live, and can only lessen what is sent:
/// unsubscribe, pause, narrow the topics.
pub fn unsubscribe_token(secrets: &Secrets, subscriber: SubscriberId, issue: IssueId) -> String {
    seal(secrets, Purpose::Unsubscribe, &[&subscriber.to_string(), &issue.to_string()])
}

/// Who leaves, and by which issue's link; `None` if we did not make this token.
pub fn read_unsubscribe_token(secrets: &Secrets, token: &str) -> Option<(SubscriberId, IssueId)> {
    let [subscriber, issue] = open(secrets, Purpose::Unsubscribe, token)?;
    Some((subscriber.parse().ok()?, issue.parse().ok()?))
}

/// The token of "this was not me" in a confirmation: it keeps such mails away from the address that `email_hmac`
/// stands for. It names no row, so that it works when the request has been forgotten.
pub fn objection_token(secrets: &Secrets, email_hmac: &str) -> String {
    seal(secrets, Purpose::Objection, &[email_hmac])
}

/// Whose objection it is, as an `email_hmac`; `None` if we did not make this token.
pub fn read_objection_token(secrets: &Secrets, token: &str) -> Option<String> {
    let [email_hmac] = open(secrets, Purpose::Objection, token)?;
    Some(email_hmac.to_owned())
}

/// The manage token that a confirmation hands out. It is made from the confirmation's own token, so that a repeated
/// confirmation is answered with the same one; it cannot be made without our key.
pub fn manage_token_of(secrets: &Secrets, confirmation: &str) -> Token {
    secrets.token(Purpose::Manage, "mg_", &[confirmation])
}

fn seal(secrets: &Secrets, purpose: Purpose, parts: &[&str]) -> String {
    let kid = secrets.current();
    let signed = [&[VERSION, kid], parts].concat();
    format!("{}.{}", signed.join("."), secrets.sign(purpose, &signed))
}

fn open<'a, const N: usize>(secrets: &Secrets, purpose: Purpose, token: &'a str) -> Option<[&'a str; N]> {
    let (signed, mac) = token.rsplit_once('.')?;
    let parts: Vec<&str> = signed.split('.').collect();
    let good = parts.first() == Some(&VERSION) && parts.len() == N + 2 && secrets.verify(purpose, &parts, mac);
    if good { parts[2..].try_into().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_one_person_and_one_purpose() {
        let secrets = Secrets::generate().unwrap();
        let (subscriber, issue) = (SubscriberId::new(), IssueId::new());
        let token = unsubscribe_token(&secrets, subscriber, issue);
        assert_eq!(read_unsubscribe_token(&secrets, &token), Some((subscriber, issue)));
        assert_eq!(read_objection_token(&secrets, &token), None);
        let other = token.replace(&subscriber.to_string(), &SubscriberId::new().to_string());
        assert_eq!(read_unsubscribe_token(&secrets, &other), None);
        for wrong in ["", ".", "v1", "v1.k.a.b.c", &token[1..], &format!("{token}x"), &format!("{token}.x")] {
            assert_eq!(read_unsubscribe_token(&secrets, wrong), None, "{wrong}");
        }
        assert_eq!(read_unsubscribe_token(&Secrets::generate().unwrap(), &token), None);

        let objection = objection_token(&secrets, "AbC-_09");
        assert_eq!(read_objection_token(&secrets, &objection).as_deref(), Some("AbC-_09"));
        assert_eq!(read_unsubscribe_token(&secrets, &objection), None);
    }

    #[test]
    fn a_token_outlives_the_rotation_of_its_key() {
        let old = Secrets::generate().unwrap();
        let mut file: serde_json::Value = serde_json::to_value(Secrets::generate().unwrap()).unwrap();
        let kept = serde_json::to_value(&old).unwrap()["keys"][0].clone();
        file["keys"].as_array_mut().unwrap().push(kept);
        let rotated: Secrets = serde_json::from_value(file).unwrap();
        let (subscriber, issue) = (SubscriberId::new(), IssueId::new());
        let token = unsubscribe_token(&old, subscriber, issue);
        assert_eq!(read_unsubscribe_token(&rotated, &token), Some((subscriber, issue)));
        assert_ne!(unsubscribe_token(&rotated, subscriber, issue), token);
    }

    #[test]
    fn a_confirmation_has_one_manage_token() {
        let secrets = Secrets::generate().unwrap();
        let token = manage_token_of(&secrets, "a");
        assert!(token.reveal().starts_with("mg_") && token.reveal().len() == 46);
        assert_eq!(manage_token_of(&secrets, "a").reveal(), token.reveal());
        assert_ne!(manage_token_of(&secrets, "b").reveal(), token.reveal());
    }
}
