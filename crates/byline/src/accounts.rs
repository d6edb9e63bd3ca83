//! Users as commands make them: checked by the same rules as those made through the API.

use domain::Result;
use domain::accounts::{Profile, UserWrite};
use domain::passwords::Typed;
use domain::permissions::Role;
use domain::secrets::Token;

/// Checks a new user, and hashes the password; not for inside a transaction, since hashing takes its time.
pub fn check(email: &str, name: &str, role: Role, password: &str) -> Result<(Profile, String)> {
    let write = UserWrite {
        email: Some(email.to_owned()),
        name: Some(name.to_owned()),
        role: Some(role.to_string()),
        disabled: None,
        password: Some(Typed::from(password)),
    };
    let (profile, password) = write.check_new(&[])?;
    Ok((profile, password.hash()?))
}

/// A new password: 24 characters, 144 random bits.
pub fn generate_password() -> Result<String> {
    Ok(Token::generate("")?.reveal().chars().take(24).collect())
}
