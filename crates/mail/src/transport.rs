//! How messages leave: over one SMTP connection at a time, or as files into a folder.
//!
//! Everything here blocks: a sender runs on a blocking thread, holds one [`Connection`] and sends many messages
//! over it. The boundary that decides between "certainly not sent" and "in doubt" is open to the caller:
//! [`Connection::offer`] ends before DATA, [`Offered::deliver`] begins with it.

mod failure;
mod folder;
mod smtp;
mod smtp_url;
#[cfg(test)]
mod tls_tests;

use std::fmt;
use std::path::Path;
use std::time::Duration;

pub use failure::{Failure, FailureKind};

use self::folder::Folder;
use self::smtp::Session;
use self::smtp_url::Server;
use crate::Message;

/// Where messages go. Cheap to clone; holds no connection.
#[derive(Clone)]
pub struct Transport {
    way: Way,
    timeouts: Timeouts,
}

#[derive(Clone)]
enum Way {
    Folder(Folder),
    Smtp(Server),
}

/// How long to wait for a server.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// For each address of the server to answer, and then for its greeting: lettre knows one limit for both, and
    /// servers that look up the caller first greet late.
    pub connect: Duration,
    /// For the answer to a command.
    pub command: Duration,
    /// For the answer to the end of the content: a message given up too early is in doubt (RFC 5321, 4.5.3.2.6).
    pub content: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(20), command: Duration::from_mins(1), content: Duration::from_mins(5) }
    }
}

/// Why a transport could not be opened, and what to write instead. Never holds the URL: it has a password in it.
#[derive(Debug)]
pub enum OpenError {
    /// The SMTP URL does not say what to do.
    Url(String),
    /// The folder cannot be written to.
    Folder(String),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(detail) => write!(f, "The SMTP URL is not usable: {detail}"),
            Self::Folder(detail) => write!(f, "The mail folder is not usable: {detail}"),
        }
    }
}

impl std::error::Error for OpenError {}

impl Transport {
    /// Opens the way out. Without a URL every message becomes a file in `mail_dir`, which is made, for its owner
    /// alone, if it is not there.
    ///
    /// - `smtps://user:password@host` speaks TLS from the first byte (port 465): the best choice.
    /// - `smtp://user:password@host` insists on STARTTLS (port 587).
    /// - `smtp://localhost`, or any loopback address, is plain (port 25), unless `?tls=required` is added.
    /// - `smtp://host?tls=none` is plain to anywhere, for a network that is trusted.
    pub fn open(smtp_url: Option<&str>, mail_dir: &Path) -> Result<Self, OpenError> {
        let way = match smtp_url {
            Some(url) => Way::Smtp(Server::parse(url)?),
            None => Way::Folder(Folder::open(mail_dir)?),
        };
        Ok(Self { way, timeouts: Timeouts::default() })
    }

    /// The same way with other limits.
    #[must_use]
    pub fn with_timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Connects and signs in. Failing here says nothing about any message.
    pub fn connect(&self) -> Result<Connection, Failure> {
        let link = match &self.way {
            Way::Folder(folder) => Link::Folder(folder.clone()),
            Way::Smtp(server) => Link::Smtp(Box::new(Session::connect(server, self.timeouts)?)),
        };
        Ok(Connection { link })
    }

    /// Sends one message over a connection of its own.
    pub fn send(&self, message: &Message) -> Result<Receipt, Failure> {
        let mut connection = self.connect()?;
        let receipt = connection.send(message)?;
        connection.close();
        Ok(receipt)
    }
}

impl fmt::Debug for Transport {
    /// Where it leads, without credentials: fit for a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.way {
            Way::Folder(folder) => folder.fmt(f),
            Way::Smtp(server) => server.fmt(f),
        }
    }
}

/// One connection, for many messages one after another.
pub struct Connection {
    link: Link,
}

enum Link {
    Folder(Folder),
    Smtp(Box<Session>),
}

/// What the server said when it took a message over, without addresses: often its queue id. For a folder, the
/// name of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt(pub String);

impl Connection {
    /// Sends a message: [`offer`](Self::offer) and [`deliver`](Offered::deliver) in one.
    pub fn send(&mut self, message: &Message) -> Result<Receipt, Failure> {
        self.offer(message)?.deliver()
    }

    /// Names sender and recipient to the server. After a failure here nothing was sent, whatever its kind.
    pub fn offer<'a>(&'a mut self, message: &'a Message) -> Result<Offered<'a>, Failure> {
        if let Link::Smtp(session) = &mut self.link {
            session.offer(message)?;
        }
        Ok(Offered { connection: self, message })
    }

    /// Whether to take a new one: the line broke, or has carried 100 messages or been open for five minutes.
    pub fn is_spent(&self) -> bool {
        match &self.link {
            Link::Folder(_) => false,
            Link::Smtp(session) => session.is_spent(),
        }
    }

    /// Takes leave of the server. Dropping a connection is as safe, only less polite.
    pub fn close(self) {
        if let Link::Smtp(session) = self.link {
            session.close();
        }
    }
}

/// A message whose recipient was accepted and whose content was not yet sent: the last moment to change one's mind.
/// Dropped, it is withdrawn before the next message.
#[must_use = "nothing was sent yet"]
pub struct Offered<'a> {
    connection: &'a mut Connection,
    message: &'a Message,
}

impl Offered<'_> {
    /// Sends the content. Only from here on can a failure be [`FailureKind::Unknown`].
    pub fn deliver(self) -> Result<Receipt, Failure> {
        match &mut self.connection.link {
            Link::Folder(folder) => folder.write(self.message),
            Link::Smtp(session) => session.deliver(self.message),
        }
    }

    /// Takes the message back.
    pub fn withdraw(self) -> Result<(), Failure> {
        match &mut self.connection.link {
            Link::Folder(_) => Ok(()),
            Link::Smtp(session) => session.withdraw(),
        }
    }
}
