//! Access tokens: JWTs of ten minutes that name a live session (RFC 9068 profile, RFC 8725 rules).

use domain::ids::{SessionId, UserId};
use domain::secrets::{Purpose, Secrets};
use domain::{Error, Result, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

/// How long an access token is good for, in seconds.
pub const LIFETIME: i64 = 600;
/// Longer than any of ours, in bytes.
const LONGEST: usize = 2_048;
const AUDIENCE: &str = "byline";
const TYPE: &str = "at+jwt";

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: UserId,
    sid: SessionId,
    iat: i64,
    exp: i64,
}

/// Makes an access token for a session.
pub fn issue(secrets: &Secrets, issuer: &str, user: UserId, session: SessionId, now: Timestamp) -> Result<String> {
    let mut header = Header::new(Algorithm::HS256);
    header.typ = Some(TYPE.into());
    header.kid = Some(secrets.current().into());
    let iat = now.micros() / 1_000_000;
    let claims = Claims { iss: issuer.into(), aud: AUDIENCE.into(), sub: user, sid: session, iat, exp: iat + LIFETIME };
    let key = secrets
        .key(Purpose::AccessToken, secrets.current())
        .ok_or_else(|| Error::Internal("the current key is missing".into()))?;
    Ok(jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(&key))?)
}

/// The user and session that a token names, if it is one of ours and still good.
///
/// Of the header only `kid` is used, and only to choose among our own keys; algorithm and type are fixed, and whatever
/// a token calls critical (RFC 7515, 4.1.11) is not something we understand.
pub fn verify(secrets: &Secrets, issuer: &str, token: &str, now: Timestamp) -> Option<(UserId, SessionId)> {
    if token.len() > LONGEST {
        return None;
    }
    let header = jsonwebtoken::decode_header(token).ok()?;
    if header.typ.as_deref() != Some(TYPE) || header.alg != Algorithm::HS256 || header.crit.is_some() {
        return None;
    }
    let key = secrets.key(Purpose::AccessToken, header.kid.as_deref()?)?;
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["exp", "aud", "iss", "sub"]);
    // The clock is the application's, so that it is one clock for everything; both ends are ours: no leeway.
    validation.validate_exp = false;
    validation.leeway = 0;
    let claims = jsonwebtoken::decode::<Claims>(token, &DecodingKey::from_secret(&key), &validation).ok()?.claims;
    (claims.exp > now.micros() / 1_000_000 && claims.exp - claims.iat <= LIFETIME).then_some((claims.sub, claims.sid))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const ISSUER: &str = "http://a.example/";

    /// Keys that were rotated: `new` signs, `old` is still good.
    fn secrets(kids: &[&str]) -> Secrets {
        let key = |kid: &str| data_encoding::BASE64URL_NOPAD.encode(&domain::secrets::sha256(kid).as_bytes()[..32]);
        let keys: Vec<_> = kids.iter().map(|kid| json!({"kid": kid, "key": key(kid)})).collect();
        serde_json::from_value(json!({"keys": keys, "identity": key("identity")})).unwrap()
    }

    /// A token of these parts, signed with the key of `purpose` under the id `kid`.
    fn forge(secrets: &Secrets, (purpose, kid): (Purpose, &str), header: &Value, claims: &Value) -> String {
        let part = |value: &Value| data_encoding::BASE64URL_NOPAD.encode(value.to_string().as_bytes());
        let message = format!("{}.{}", part(header), part(claims));
        let key = EncodingKey::from_secret(&secrets.key(purpose, kid).unwrap());
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, Algorithm::HS256).unwrap();
        format!("{message}.{signature}")
    }

    #[test]
    fn a_token_is_good_for_ten_minutes_here_and_nowhere_else() {
        let secrets = Secrets::generate().unwrap();
        let (user, session, now) = (UserId::new(), SessionId::new(), Timestamp::now());
        let token = issue(&secrets, ISSUER, user, session, now).unwrap();
        assert_eq!(verify(&secrets, ISSUER, &token, now), Some((user, session)));
        assert_eq!(verify(&secrets, "http://b.example/", &token, now), None);
        assert_eq!(verify(&secrets, ISSUER, &token, now.plus_seconds(LIFETIME)), None);
        assert_eq!(verify(&Secrets::generate().unwrap(), ISSUER, &token, now), None);
        for garbage in ["", ".", "..", "a.b.c", &token[1..], &token[..token.len() - 1], &format!("{token}x")] {
            assert_eq!(verify(&secrets, ISSUER, garbage, now), None, "{garbage}");
        }
    }

    #[test]
    fn a_token_signed_before_the_key_was_rotated_is_good_until_the_key_is_gone() {
        let (user, session, now) = (UserId::new(), SessionId::new(), Timestamp::now());
        let before = issue(&secrets(&["old"]), ISSUER, user, session, now).unwrap();
        let after = issue(&secrets(&["new", "old"]), ISSUER, user, session, now).unwrap();
        let kid = |token| jsonwebtoken::decode_header(token).unwrap().kid;
        assert_eq!((kid(&before), kid(&after)), (Some("old".into()), Some("new".into())));
        assert!(verify(&secrets(&["new", "old"]), ISSUER, &before, now).is_some());
        assert!(verify(&secrets(&["new"]), ISSUER, &before, now).is_none());
        assert!(verify(&secrets(&["new"]), ISSUER, &after, now).is_some());
    }

    /// What RFC 8725 warns of: each token is made with the right key, and is wrong in one member.
    #[test]
    fn a_token_that_is_wrong_in_anything_is_refused() {
        let (secrets, now) = (secrets(&["new", "old"]), Timestamp::now());
        let iat = now.micros() / 1_000_000;
        let header = json!({"alg": "HS256", "typ": TYPE, "kid": "new"});
        let claims = json!({"iss": ISSUER, "aud": AUDIENCE, "sub": UserId::new(), "sid": SessionId::new(), "iat": iat,
            "exp": iat + 60});
        let with = |value: &Value, member: &str, other: &Value| {
            let mut value = value.clone();
            if other.is_null() {
                value.as_object_mut().unwrap().remove(member);
            } else {
                value[member] = other.clone();
            }
            value
        };
        let good = |header: &Value, claims: &Value| {
            let token = forge(&secrets, (Purpose::AccessToken, "new"), header, claims);
            verify(&secrets, ISSUER, &token, now).is_some()
        };
        assert!(good(&header, &claims));
        for (member, other) in [
            ("alg", json!("none")),
            ("alg", json!("None")),
            ("alg", json!("HS384")),
            ("alg", json!("RS256")),
            ("alg", json!("EdDSA")),
            ("alg", Value::Null),
            ("typ", json!("JWT")),
            ("typ", json!("rt+jwt")),
            ("typ", Value::Null),
            ("kid", json!("old")),
            ("kid", json!("other")),
            ("kid", json!("")),
            ("kid", json!("../../dev/null")),
            ("kid", json!("new' OR '1'='1")),
            ("kid", json!(["new"])),
            ("kid", Value::Null),
            ("crit", json!(["exp"])),
        ] {
            assert!(!good(&with(&header, member, &other), &claims), "{member}: {other}");
        }
        for (member, other) in [
            ("iss", json!("http://b.example/")),
            ("iss", Value::Null),
            ("aud", json!("other")),
            ("aud", Value::Null),
            ("sub", json!("ann")),
            ("sub", Value::Null),
            ("sid", Value::Null),
            ("exp", json!(iat)),
            ("exp", json!(iat + 601)),
            ("exp", json!((iat + 60).to_string())),
            ("exp", Value::Null),
            ("iat", Value::Null),
        ] {
            assert!(!good(&header, &with(&claims, member, &other)), "{member}: {other}");
        }
    }

    #[test]
    fn no_other_key_and_no_missing_signature_will_do() {
        let (secrets, now) = (secrets(&["new"]), Timestamp::now());
        let token = issue(&secrets, ISSUER, UserId::new(), SessionId::new(), now).unwrap();
        let (message, _) = token.rsplit_once('.').unwrap();
        assert!(verify(&secrets, ISSUER, &format!("{message}."), now).is_none());
        let iat = now.micros() / 1_000_000;
        let claims = json!({"iss": ISSUER, "aud": AUDIENCE, "sub": UserId::new(), "sid": SessionId::new(), "iat": iat,
            "exp": iat + 60});
        let header = json!({"alg": "HS256", "typ": TYPE, "kid": "new"});
        for purpose in [Purpose::Cursor, Purpose::Unsubscribe, Purpose::Fingerprint] {
            let token = forge(&secrets, (purpose, "new"), &header, &claims);
            assert!(verify(&secrets, ISSUER, &token, now).is_none(), "{purpose:?}");
        }
        // A key that the token brings along is not looked at.
        let own = json!({"kty": "oct", "k": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"});
        let header = json!({"alg": "HS256", "typ": TYPE, "kid": "new", "jwk": own, "jku": "https://evil.example/k"});
        let token = forge(&secrets, (Purpose::Cursor, "new"), &header, &claims);
        assert!(verify(&secrets, ISSUER, &token, now).is_none());
    }
}
