//! Accounts: users, and what they send to sign in.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::Faults;
use crate::ids::{SessionId, UserId};
use crate::passwords::{Password, Typed};
use crate::permissions::Role;
use crate::text::{Email, Line};
use crate::{Error, Result, Timestamp};

/// Someone who signs in, as administrators and the user see them.
#[derive(Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct User {
    /// Their identity.
    pub id: UserId,
    /// The address they sign in with; unique.
    #[schema(format = "email")]
    pub email: String,
    /// Their name, as history shows it.
    pub name: String,
    /// What they are to the publication.
    pub role: Role,
    /// Whether they may not sign in.
    pub disabled: bool,
    /// Raised by every change; the `ETag` that `If-Match` names.
    pub version: u64,
    /// When they were added.
    pub created_at: Timestamp,
    /// When this last changed.
    pub updated_at: Timestamp,
}

impl fmt::Debug for User {
    /// Without name and address: it may end in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User").field("id", &self.id).field("role", &self.role).finish_non_exhaustive()
    }
}

/// What an administrator says of a user. On creation `email`, `name`, `role` and `password` are required; in a change
/// a `password` replaces the old one.
#[derive(Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserWrite {
    /// The address they sign in with; unique.
    #[schema(format = "email")]
    pub email: Option<String>,
    /// Their name, as history shows it.
    pub name: Option<String>,
    /// What they are to the publication.
    #[schema(value_type = Option<Role>)]
    pub role: Option<String>,
    /// Whether they may not sign in; false if absent.
    pub disabled: Option<bool>,
    /// Their new password.
    #[serde(serialize_with = "hide")]
    #[schema(write_only)]
    pub password: Option<Typed>,
}

/// Nobody is shown a password: not even a merge patch is applied to one.
fn hide<T, S: serde::Serializer>(_: &T, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_none()
}

/// A user whose members are known to be good.
#[derive(Debug, Clone)]
pub struct Profile {
    /// The address they sign in with.
    pub email: Email,
    /// Their name.
    pub name: Line<100>,
    /// What they are to the publication.
    pub role: Role,
    /// Whether they may not sign in.
    pub disabled: bool,
}

impl UserWrite {
    /// Checks every member of a change, and names every fault. No password may consist of `site`, its name and host.
    pub fn check(&self, site: &[String]) -> Result<(Profile, Option<Password>)> {
        let mut faults = Faults::default();
        let email = faults.take("/email", Email::parse(self.email.as_deref().unwrap_or_default()));
        let name = faults.take("/name", Line::parse(self.name.as_deref().unwrap_or_default()));
        let role = match self.role.as_deref() {
            None => Err(("required", "Give the user a role.".into())),
            Some(role) => role.parse().map_err(|detail| ("unknown_role", detail)),
        };
        let role = faults.take("/role", role);
        let about = about(site, self.email.as_deref().unwrap_or_default(), self.name.as_deref().unwrap_or_default());
        let password = self.password.as_ref().map(|typed| Password::choose(typed, &about));
        let password = password.and_then(|password| faults.take("/password", password));
        faults.finish()?;
        match (email, name, role) {
            (Some(email), Some(name), Some(role)) => {
                Ok((Profile { email, name, role, disabled: self.disabled.unwrap_or_default() }, password))
            }
            _ => Err(Error::Invalid(Vec::new())),
        }
    }

    /// As [`UserWrite::check`], for a new user: the password is required.
    pub fn check_new(&self, site: &[String]) -> Result<(Profile, Password)> {
        let nothing = Typed::from("");
        let filled = Self {
            email: self.email.clone(),
            name: self.name.clone(),
            role: self.role.clone(),
            disabled: self.disabled,
            password: Some(self.password.clone().unwrap_or(nothing)),
        };
        match filled.check(site)? {
            (profile, Some(password)) => Ok((profile, password)),
            _ => Err(Error::Invalid(Vec::new())),
        }
    }
}

/// What a guesser of a password would try first.
fn about<'a>(site: &'a [String], email: &'a str, name: &'a str) -> Vec<&'a str> {
    site.iter().map(String::as_str).chain([email, name]).collect()
}

impl From<&User> for UserWrite {
    fn from(user: &User) -> Self {
        Self {
            email: Some(user.email.clone()),
            name: Some(user.name.clone()),
            role: Some(user.role.to_string()),
            disabled: Some(user.disabled),
            password: None,
        }
    }
}

/// What users may change about themselves.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MeWrite {
    /// Their name, as history shows it.
    pub name: Option<String>,
}

impl MeWrite {
    /// Checks the name.
    pub fn check(&self) -> Result<Line<100>> {
        let mut faults = Faults::default();
        let name = faults.take("/name", Line::parse(self.name.as_deref().unwrap_or_default()));
        faults.finish()?;
        name.ok_or(Error::Invalid(Vec::new()))
    }
}

/// An email and a password.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The address of the account.
    #[schema(required = true, format = "email")]
    email: Option<String>,
    /// Its password.
    #[schema(required = true)]
    password: Option<Typed>,
}

impl Login {
    /// Checks the form of both, and names every fault.
    pub fn check(&self) -> Result<(Email, Password)> {
        let mut faults = Faults::default();
        let email = faults.take("/email", Email::parse(self.email.as_deref().unwrap_or_default()));
        let password = faults.take("/password", attempt(self.password.as_ref()));
        faults.finish()?;
        email.zip(password).ok_or(Error::Invalid(Vec::new()))
    }
}

fn attempt(typed: Option<&Typed>) -> Result<Password, crate::error::Wrong> {
    typed.map_or_else(|| Err(("required", "Send the password.".into())), Password::attempt)
}

/// A new password, and the old one as proof.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The password as it is.
    #[schema(required = true)]
    current_password: Option<Typed>,
    /// The password as it shall be.
    #[schema(required = true)]
    new_password: Option<Typed>,
}

impl PasswordChange {
    /// Checks both for the account `user` of the site with these names; returns the old one and the new one.
    pub fn check(&self, user: &User, site: &[String]) -> Result<(Password, Password)> {
        let mut faults = Faults::default();
        let current = faults.take("/current_password", attempt(self.current_password.as_ref()));
        let nothing = Typed::from("");
        let new =
            Password::choose(self.new_password.as_ref().unwrap_or(&nothing), &about(site, &user.email, &user.name));
        let new = faults.take("/new_password", new);
        faults.finish()?;
        current.zip(new).ok_or(Error::Invalid(Vec::new()))
    }
}

/// A refresh token, to be spent or given up.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefreshToken {
    /// The token, as the last sign-in or refresh gave it.
    #[schema(required = true)]
    refresh_token: Option<String>,
}

impl RefreshToken {
    /// What it is stored as.
    pub fn hash(&self) -> Result<String> {
        let required =
            || Error::invalid(crate::Fault::at("/refresh_token", "required", "Send the refresh token you were given."));
        self.refresh_token.as_deref().map(crate::secrets::sha256).ok_or_else(required)
    }
}

/// A sign-in that is live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Session {
    /// Its identity.
    pub id: SessionId,
    /// What the client called itself when it signed in.
    #[schema(required = true)]
    pub user_agent: Option<String>,
    /// When it began.
    pub created_at: Timestamp,
    /// When its tokens were last renewed.
    pub last_used_at: Timestamp,
    /// When it ends if it is not used before.
    pub expires_at: Timestamp,
    /// Whether it is the one that asks.
    pub current: bool,
}
