//! What an SMTP URL says: a server, a way to speak to it, and credentials.

use std::fmt;
use std::net::IpAddr;

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use percent_encoding::percent_decode_str;
use url::{Host, Url};

use super::OpenError;

/// A server and how to speak to it.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) tls: Tls,
    pub(super) credentials: Option<Credentials>,
}

impl Server {
    /// Reads `smtp://` and `smtps://` (see [`Transport::open`](super::Transport::open)).
    pub(super) fn parse(text: &str) -> Result<Self, OpenError> {
        let url = Url::parse(text.trim()).map_err(|error| {
            wrong(&format!("{error}. In the password write @ : / ? # % as %40 %3A %2F %3F %23 %25."))
        })?;
        let wrapped = match url.scheme() {
            "smtps" => true,
            "smtp" => false,
            _ => return Err(wrong("it begins with neither smtps:// nor smtp://.")),
        };
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(wrong("nothing but ?tls=... may follow the port. In the password write / as %2F, # as %23."));
        }
        let (host, loopback) = host(&url)?;
        let plain = match (wrapped, asked(&url)?) {
            (true, Some(_)) => return Err(wrong("smtps:// always speaks TLS: leave ?tls= out.")),
            (true, None) => false,
            (false, asked) => asked.unwrap_or(if loopback { Wish::None } else { Wish::Required }) == Wish::None,
        };
        let credentials = credentials(&url)?;
        if plain && !loopback && credentials.is_some() {
            tracing::warn!(host, "the mail server's password travels in clear text, as ?tls=none asks");
        }
        let (tls, port) = match (wrapped, plain) {
            (_, true) => (Tls::None, 25),
            (true, _) => (Tls::Wrapper(trusted(&host)?), 465),
            (false, _) => (Tls::Required(trusted(&host)?), 587),
        };
        Ok(Self { port: url.port().unwrap_or(port), host, tls, credentials })
    }
}

impl fmt::Debug for Server {
    /// Leaves the credentials out, the user's name too: it often is an address.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, .. } = self;
        match self.tls {
            Tls::None => write!(f, "smtp://{host}:{port} in clear text"),
            Tls::Wrapper(_) => write!(f, "smtps://{host}:{port}"),
            _ => write!(f, "smtp://{host}:{port} with STARTTLS"),
        }
    }
}

#[derive(PartialEq)]
enum Wish {
    None,
    Required,
}

fn wrong(detail: &str) -> OpenError {
    OpenError::Url(format!("{detail} Write smtps://user:password@mail.example.com or smtp://localhost:25."))
}

/// What `?tls=` asks for. There is no "if possible": whoever sits on the line could say it is not.
fn asked(url: &Url) -> Result<Option<Wish>, OpenError> {
    let mut wish = None;
    for (name, value) in url.query_pairs() {
        wish = match (&*name, &*value) {
            ("tls", "required") => Some(Wish::Required),
            ("tls", "none") => Some(Wish::None),
            ("tls", _) => return Err(wrong("?tls= is either required or none.")),
            _ => return Err(wrong("it has a parameter other than ?tls=.")),
        };
    }
    Ok(wish)
}

/// The host's name, and whether it is this machine.
fn host(url: &Url) -> Result<(String, bool), OpenError> {
    match url.host() {
        Some(Host::Ipv6(ip)) => Ok((ip.to_string(), ip.is_loopback())),
        Some(Host::Ipv4(ip)) => Ok((ip.to_string(), ip.is_loopback())),
        Some(Host::Domain(name)) if name.contains('%') => Err(wrong("write the host's name in ASCII (xn--...).")),
        Some(Host::Domain(name)) if !name.is_empty() => {
            let name = name.to_ascii_lowercase();
            let local = name == "localhost" || name.ends_with(".localhost");
            // For a scheme it does not know, the URL parser leaves 127.0.0.1 a name.
            let loopback = local || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
            Ok((name, loopback))
        }
        _ => Err(wrong("it names no host.")),
    }
}

fn credentials(url: &Url) -> Result<Option<Credentials>, OpenError> {
    let decoded = |text: &str| {
        let text = percent_decode_str(text).decode_utf8();
        text.map(String::from).map_err(|_| wrong("user and password are UTF-8, percent-encoded."))
    };
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        (user, Some(password)) if !user.is_empty() && !password.is_empty() => {
            Ok(Some(Credentials::new(decoded(user)?, decoded(password)?)))
        }
        _ => Err(wrong("user and password come together.")),
    }
}

/// The machine's own certificate authorities (`SSL_CERT_FILE` adds to a container that has none).
fn trusted(host: &str) -> Result<TlsParameters, OpenError> {
    TlsParameters::new(host.to_owned()).map_err(|error| OpenError::Url(format!("TLS cannot be set up: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> String {
        Server::parse(url).map_or_else(|error| error.to_string(), |server| format!("{server:?}"))
    }

    #[test]
    fn tls_is_left_out_only_on_this_machine_or_by_request() {
        for (url, server) in [
            ("smtps://user:pass@mail.example.com", "smtps://mail.example.com:465"),
            ("smtps://mail.example.com:10465/", "smtps://mail.example.com:10465"),
            ("smtp://user:pass@mail.example.com", "smtp://mail.example.com:587 with STARTTLS"),
            ("smtp://mail.example.com:25?tls=required", "smtp://mail.example.com:25 with STARTTLS"),
            ("smtp://mail.example.com?tls=none", "smtp://mail.example.com:25 in clear text"),
            ("smtp://localhost", "smtp://localhost:25 in clear text"),
            ("smtp://127.0.0.1:2525", "smtp://127.0.0.1:2525 in clear text"),
            ("smtp://[::1]:2525", "smtp://::1:2525 in clear text"),
            ("smtp://localhost:2525?tls=required", "smtp://localhost:2525 with STARTTLS"),
            ("smtp://localhost.example.com", "smtp://localhost.example.com:587 with STARTTLS"),
            ("smtp://127.0.0.1.example.com", "smtp://127.0.0.1.example.com:587 with STARTTLS"),
        ] {
            assert_eq!(read(url), server, "{url}");
        }
    }

    #[test]
    fn a_wrong_url_says_what_to_write_and_keeps_the_password() {
        for url in [
            "mail.example.com",
            "mail.example.com:25",
            "https://user:geheim@mail.example.com",
            "smtp://",
            "smtp://user:geheim@",
            "smtp://user@mail.example.com",
            "smtp://:geheim@mail.example.com",
            "smtp://user:ge/heim@mail.example.com",
            "smtp://user:ge#heim@mail.example.com",
            "smtp://user:geheim@mail.example.com/inbox",
            "smtp://user:geheim@mail.example.com?tls=opportunistic",
            "smtp://user:geheim@mail.example.com?timeout=3",
            "smtps://user:geheim@mail.example.com?tls=none",
            "smtp://user:geheim@bücher.example",
            "smtp://user:geheim%ff@mail.example.com",
        ] {
            let answer = read(url);
            assert!(answer.contains("Write smtps://user:password@mail.example.com"), "{url}: {answer}");
            assert!(!answer.contains("heim"), "{answer}");
        }
    }

    #[test]
    fn credentials_are_percent_decoded_and_never_shown() {
        let server = Server::parse("smtps://news%40example.com:p%40ss%3A%2F+%25w@mail.example.com").unwrap();
        let expected = Credentials::new("news@example.com".into(), "p@ss:/+%w".into());
        assert!(server.credentials == Some(expected));
        assert!(!format!("{server:?}").contains("news"));
        assert!(!format!("{server:?}").contains("p@ss"));
    }
}
