//! The demo's administrator, and the file that lets a tour be pasted.

use std::path::Path;

use domain::accounts::Profile;
use domain::permissions::Role;
use domain::{Error, Result};

use crate::accounts;
use crate::failure::Failure;
use crate::private_file::Draft;

/// The address to sign in with; absent: `admin@example.org`.
pub const EMAIL: &str = "BYLINE_ADMIN_EMAIL";
/// The password; absent: one is made.
pub const PASSWORD: &str = "BYLINE_ADMIN_PASSWORD";

/// Where the sign-in is left: the body of `POST /v1/auth/login`.
const FILE: &str = "var/admin.json";

/// Address and password of the administrator.
#[derive(serde::Serialize)]
pub struct SignIn {
    email: String,
    password: String,
}

impl SignIn {
    /// What the variables say, or the default address and a new password.
    pub fn choose() -> Result<Self> {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let email = variable(EMAIL).unwrap_or_else(|| "admin@example.org".into());
        let password = variable(PASSWORD).map_or_else(accounts::generate_password, Ok)?;
        Ok(Self { email, password })
    }

    /// Refuses an address or password that no user may have; the variables are to blame for it.
    pub fn check(&self) -> Result<(Profile, String), Failure> {
        let checked = accounts::check(&self.email, "Administrator", Role::Admin, &self.password);
        checked.map_err(|error| Failure::during(&format!("{EMAIL} or {PASSWORD}"), error))
    }

    /// Writes the file, for its owner alone.
    pub fn leave(&self) -> Result<()> {
        let text = serde_json::to_string(self)? + "\n";
        let left = Draft::write(Path::new(FILE), &text).and_then(Draft::replace);
        left.map_err(|error| Error::Internal(format!("cannot write {FILE}: {error}")))
    }

    /// What to print.
    pub fn told(&self) -> String {
        format!("Sign in as {} with the password {} (also in {FILE}).\n", self.email, self.password)
    }
}

/// What to print when the demo was loaded before.
pub fn reminder() -> String {
    if Path::new(FILE).exists() {
        format!("The sign-in of its administrator is in {FILE}.\n")
    } else {
        "Its administrator has the password of then; `byline user set-password` gives another.\n".to_owned()
    }
}
