//! Access tokens: JWTs of ten minutes that name a live session (RFC 9068 profile, RFC 8725 rules).

use domain::ids::{SessionId, UserId};
use domain::secrets::{Purpose, Secrets};
use domain::{Error, Result, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

/// How long an access token is good for, in seconds.
pub const LIFETIME: i64 = 600;
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
/// Of the header only `kid` is used, and only to choose among our own keys; the algorithm is fixed.
pub fn verify(secrets: &Secrets, issuer: &str, token: &str, now: Timestamp) -> Option<(UserId, SessionId)> {
    let header = jsonwebtoken::decode_header(token).ok()?;
    if header.typ.as_deref() != Some(TYPE) || header.alg != Algorithm::HS256 {
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
    use super::*;

    #[test]
    fn a_token_is_good_for_ten_minutes_here_and_nowhere_else() {
        let secrets = Secrets::generate().unwrap();
        let (user, session, now) = (UserId::new(), SessionId::new(), Timestamp::now());
        let token = issue(&secrets, "http://a.example/", user, session, now).unwrap();
        assert_eq!(verify(&secrets, "http://a.example/", &token, now), Some((user, session)));
        assert_eq!(verify(&secrets, "http://b.example/", &token, now), None);
        assert_eq!(verify(&secrets, "http://a.example/", &token, now.plus_seconds(LIFETIME)), None);
        assert_eq!(verify(&Secrets::generate().unwrap(), "http://a.example/", &token, now), None);
        assert_eq!(verify(&secrets, "http://a.example/", "a.b.c", now), None);
    }
}
