//! `byline demo`: a small trade journal to read, moderate and mail.

mod admin;
mod data;
mod load;

use domain::permissions::Actor;
use domain::{Result, Timestamp};
use persistence::{Conn, audit, users};

use self::admin::SignIn;
use self::data::Demo;
use crate::config::Settings;
use crate::failure::Failure;
use crate::store::{Create, Store};

/// What the demo reads besides the settings: the sign-in of its administrator.
pub const VARIABLES: [&str; 2] = [admin::EMAIL, admin::PASSWORD];

/// How the audit trail remembers the load.
const LOADED: (&str, &str) = ("loaded", "demo");

/// Loads the demo into an empty database, all of it or nothing; a database that holds it already stays as it is.
pub fn run(settings: &Settings) -> Result<(), Failure> {
    let demo = Demo::read()?;
    let store = Store::open(settings, Create::Named)?;
    if store.db.read_blocking(is_loaded)? {
        crate::print(&format!("The demo publication is loaded already.\n{}", admin::reminder()));
        return Ok(());
    }
    // Whatever else a publication holds, somebody made it.
    if store.db.read_blocking(users::any)? {
        return Err(Failure::from(format!(
            "{} holds a publication of its own, and the demo is not mixed into it. `byline serve` serves it as it is; \
             for the demo name another file, such as --database-url sqlite://var/demo.db",
            settings.database_url()
        )));
    }
    let sign_in = SignIn::choose()?;
    let (profile, hash) = sign_in.check()?;
    let now = Timestamp::now();
    store.db.write_blocking(|conn| {
        let user = users::add(conn, &Actor::system(), &profile, &hash, now)?;
        let by = Actor { user: Some(user.id), name: user.name, role: user.role };
        load::all(conn, &by, &store.secrets, &demo, now)?;
        audit::record(conn, &Actor::system(), LOADED.0, LOADED.1, None, None, now)?;
        // Before the commit: a password that nobody knows must not be kept.
        sign_in.leave()
    })?;
    crate::print(&format!("The demo publication is loaded: {}.\n{}", demo.summary(), sign_in.told()));
    Ok(())
}

fn is_loaded(conn: &mut Conn) -> Result<bool> {
    audit::knows(conn, LOADED.0, LOADED.1)
}
