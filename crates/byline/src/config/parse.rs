//! Reading single values; what is wrong with one is said together with what to write instead.

use std::ffi::OsStr;
use std::net::{IpAddr, SocketAddr};

use clap::builder::{RangedU64ValueParser, TypedValueParser};
use clap::error::ErrorKind;
use domain::secrets::Secrets;
use ipnet::IpNet;
use url::{Host, Url};

/// Reads a value that may hold a secret: unlike clap's own, its error does not repeat the value.
#[derive(Clone, Copy)]
pub(super) struct Quiet<T>(pub(super) fn(&str) -> Result<T, String>);

impl<T: Clone + Send + Sync + 'static> TypedValueParser for Quiet<T> {
    type Value = T;

    fn parse_ref(&self, command: &clap::Command, arg: Option<&clap::Arg>, value: &OsStr) -> Result<T, clap::Error> {
        let read = value.to_str().ok_or_else(|| "it is not UTF-8".to_owned()).and_then(self.0);
        read.map_err(|wrong| {
            let name = arg.map(ToString::to_string).unwrap_or_default();
            clap::Error::raw(ErrorKind::ValueValidation, format!("invalid value for '{name}': {wrong}\n"))
                .with_cmd(command)
        })
    }
}

/// The text of a secrets file. What is wrong with it is said without repeating any of it.
pub(super) fn secrets(text: &str) -> Result<Secrets, String> {
    let wrong = "it is not what a secrets file holds; set it to the whole text of one, as `byline migrate` makes it";
    serde_json::from_str(text).map_err(|_| wrong.to_owned())
}

/// A socket address.
pub(super) fn listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "write an IP address and a port, such as 127.0.0.1:8080 or [::]:8080".into())
}

/// An address of this server that paths can be appended to.
pub(super) fn public_url(text: &str) -> Result<Url, String> {
    let hint = "write it as others reach this server, such as https://cms.example.org";
    let url = Url::parse(text).map_err(|error| format!("{error}; {hint}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("it must begin with https:// or http://; {hint}"));
    }
    if url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err(format!("it takes no user, query or fragment; {hint}"));
    }
    Ok(url)
}

/// A host name or address, perhaps with a port.
pub(super) fn host(text: &str) -> Result<String, String> {
    let name = match text.rsplit_once(':') {
        Some((name, port)) if !name.ends_with(':') && port.parse::<u16>().is_ok() => name,
        _ => text,
    };
    match Host::parse(name) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("write a host such as cms.example.org, without scheme or path".into()),
    }
}

/// An origin, exactly as browsers send it.
pub(super) fn origin(text: &str) -> Result<String, String> {
    let origin = Url::parse(text).ok().map(|url| url.origin().ascii_serialization());
    match origin {
        Some(origin) if origin == text => Ok(origin),
        Some(origin) if origin != "null" => Err(format!("browsers send it as {origin}; write it like that")),
        _ => Err("write a scheme and a host, such as https://desk.example.org".into()),
    }
}

/// A network, or one address.
pub(super) fn network(text: &str) -> Result<IpNet, String> {
    let alone = || text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse().ok().or_else(alone).ok_or_else(|| "write an address or a network, such as 10.0.0.0/8".into())
}

/// A token that cannot be guessed.
pub(super) fn token(text: &str) -> Result<String, String> {
    let good = text.len() >= 16 && text.bytes().all(|byte| byte.is_ascii_graphic());
    good.then(|| text.to_owned()).ok_or_else(|| {
        "take 16 or more printable ASCII characters without spaces, such as `openssl rand -hex 20` prints".into()
    })
}

/// A key of Ghost's Content API.
pub(super) fn content_key(text: &str) -> Result<String, String> {
    let good = text.len() == 26 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    good.then(|| text.to_owned()).ok_or_else(|| "write 26 hexadecimal digits in lower case, as Ghost makes them".into())
}

/// A time that caches may keep something for: at most a year.
pub(super) fn seconds() -> RangedU64ValueParser {
    RangedU64ValueParser::new().range(0..=31_536_000)
}

/// How many threads.
pub(super) fn workers() -> RangedU64ValueParser<u16> {
    RangedU64ValueParser::new().range(1..=512)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_operators_write_them() {
        assert!(listen("[::1]:0").is_ok() && listen("localhost:8080").is_err() && listen("8080").is_err());
        assert!(public_url("https://example.org/cms").is_ok());
        for wrong in ["example.org", "ftp://example.org", "https://a@example.org", "https://example.org/?a", "https://"]
        {
            assert!(public_url(wrong).is_err(), "{wrong}");
        }
        assert!(host("cms.example.org").is_ok() && host("[::1]:80").is_ok() && host("10.0.0.1:8080").is_ok());
        assert!(host("https://cms.example.org").is_err() && host("a/b").is_err() && host("").is_err());
        assert!(origin("http://localhost:3000").is_ok());
        assert!(origin("https://a.example/").unwrap_err().contains("https://a.example;"));
        assert!(origin("*").is_err() && origin("null").is_err() && origin("data:x").is_err());
        assert!(network("10.1.2.3").is_ok() && network("2001:db8::/32").is_ok() && network("10.0.0.0/33").is_err());
        assert!(token("short").is_err() && token("0123456789abcdef").is_ok());
        assert!(content_key("22444f78447824223cefc48062").is_ok());
        assert!(content_key("22444F78447824223CEFC48062").is_err() && content_key("22444f").is_err());
    }
}
