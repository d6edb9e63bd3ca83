//! `byline user`: who may sign in, from the machine itself. It asks for no sign-in: who can read the database's
//! credentials and the secrets file rules them anyway.

use std::fmt::Write as _;

use domain::Timestamp;
use domain::accounts::User;
use domain::passwords::{Password, Typed};
use domain::permissions::{Actor, Role};
use domain::text::Email;
use persistence::users;

use crate::accounts;
use crate::config::Settings;
use crate::failure::Failure;
use crate::store::{Create, Store};

/// What to do with users.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Command {
    /// Add someone who may sign in, with a password that is made and printed unless one is given
    Add {
        /// The address they sign in with
        #[arg(value_parser = email)]
        email: Email,
        /// admin, editor, author, contributor or moderator
        #[arg(long, value_parser = str::parse::<Role>)]
        role: Role,
        /// Their name, as history shows it [default: what stands before the @]
        #[arg(long)]
        name: Option<String>,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// List who may sign in
    List,
    /// Give a user another password, made and printed unless one is given; their sessions end
    SetPassword {
        /// The address they sign in with
        #[arg(value_parser = email)]
        email: Email,
        #[command(flatten)]
        password: PasswordSource,
    },
    /// Give a user another role; their sessions end
    SetRole {
        /// The address they sign in with
        #[arg(value_parser = email)]
        email: Email,
        /// admin, editor, author, contributor or moderator
        #[arg(value_parser = str::parse::<Role>)]
        role: Role,
    },
}

/// Where a password comes from. There is no flag for it: other users of the machine can see flags.
#[derive(Debug, Clone, clap::Args)]
pub struct PasswordSource {
    /// Read the password from the first line of standard input
    #[arg(long)]
    password_stdin: bool,
}

impl PasswordSource {
    /// The password, and what to print of it.
    fn read(&self) -> Result<(String, String), Failure> {
        if !self.password_stdin {
            let password = accounts::generate_password()?;
            let told = format!("Password: {password}\n");
            return Ok((password, told));
        }
        let mut line = String::new();
        let read = std::io::stdin().read_line(&mut line);
        read.map_err(|error| Failure::from(format!("cannot read the password from standard input: {error}")))?;
        Ok((line.trim_end_matches(['\r', '\n']).to_owned(), String::new()))
    }
}

fn email(text: &str) -> Result<Email, String> {
    Email::parse(text).map_err(|(_, detail)| detail)
}

/// Does it.
pub fn run(settings: &Settings, asked: &Command) -> Result<(), Failure> {
    let store = Store::open(settings, Create::Never)?;
    match asked {
        Command::Add { email, role, name, password } => add(&store, email, *role, name.as_deref(), password),
        Command::List => list(&store),
        Command::SetPassword { email, password } => set_password(&store, email, password),
        Command::SetRole { email, role } => set_role(&store, email, *role),
    }
}

fn add(store: &Store, email: &Email, role: Role, name: Option<&str>, password: &PasswordSource) -> Result<(), Failure> {
    let name = name.or(email.as_str().split('@').next()).unwrap_or_default();
    let (password, told) = password.read()?;
    let (profile, hash) = accounts::check(email.as_str(), name, role, &password)?;
    let now = Timestamp::now();
    let user = store.db.write_blocking(|conn| users::add(conn, &Actor::system(), &profile, &hash, now))?;
    crate::print(&format!("{} is {} now.\n{told}", user.email, user.role));
    Ok(())
}

fn list(store: &Store) -> Result<(), Failure> {
    let all = i64::from(u32::MAX);
    let users = store.db.read_blocking(|conn| users::list(conn, &Actor::system(), None, all))?;
    let width = users.iter().map(|user| user.email.chars().count()).max().unwrap_or_default();
    let mut text = String::new();
    for User { email, name, role, disabled, .. } in &users {
        let note = if *disabled { "  (may not sign in)" } else { "" };
        let role = role.to_string();
        let _ = writeln!(text, "{email:width$}  {role:11}  {name}{note}");
    }
    crate::print(&text);
    Ok(())
}

fn set_password(store: &Store, email: &Email, password: &PasswordSource) -> Result<(), Failure> {
    let user = store.db.read_blocking(|conn| users::find_by_email(conn, email))?;
    let (password, told) = password.read()?;
    let chosen = Password::choose(&Typed::from(password.as_str()), &[&user.email, &user.name]);
    let hash = chosen.map_err(|(_, detail)| detail)?.hash()?;
    let now = Timestamp::now();
    store.db.write_blocking(|conn| users::set_password(conn, &Actor::system(), user.id, &hash, now))?;
    crate::print(&format!("{} has another password now; their sessions have ended.\n{told}", user.email));
    Ok(())
}

fn set_role(store: &Store, email: &Email, role: Role) -> Result<(), Failure> {
    let now = Timestamp::now();
    let user = store.db.write_blocking(|conn| {
        let user = users::find_by_email(conn, email)?;
        users::set_role(conn, &Actor::system(), user.id, role, now)
    })?;
    crate::print(&format!("{} is {} now; their sessions have ended.\n", user.email, user.role));
    Ok(())
}
