//! Reading forms that pages without script, and mail programs, post.

use actix_web::HttpRequest;
use actix_web::http::header;
use actix_web::web;
use domain::{Error, Fault, Result};

use crate::problem::Refusal;
use crate::request;

/// The fields of a form, in order.
pub(crate) type Fields = Vec<(String, String)>;

/// Reads a form of at most `limit` bytes, urlencoded or multipart (RFC 7578); a file in it is refused.
pub(crate) async fn read(request: &HttpRequest, payload: web::Payload, limit: usize) -> Result<Fields, Refusal> {
    let kinds = ["application/x-www-form-urlencoded", "multipart/form-data"];
    let body = request::read(request, payload.into_inner(), limit, &kinds).await?;
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let fields = match boundary(kind) {
        Some(boundary) => multipart(&body, boundary),
        None => Some(url::form_urlencoded::parse(&body).into_owned().collect()),
    };
    Ok(fields.ok_or_else(|| Error::Malformed(Fault::at("", "not_a_form", "The body is not a form.")))?)
}

/// The boundary of a multipart body; `None` for another type.
fn boundary(kind: &str) -> Option<&str> {
    let (media, parameters) = kind.split_once(';').unwrap_or((kind, ""));
    if !media.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let mut parameters = parameters.split(';').filter_map(|parameter| parameter.split_once('='));
    let boundary = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("boundary"));
    Some(boundary.map_or("", |(_, value)| value.trim().trim_matches('"')))
}

fn multipart(body: &[u8], boundary: &str) -> Option<Fields> {
    if !(1..=70).contains(&boundary.len()) {
        return None;
    }
    let body = std::str::from_utf8(body).ok()?;
    let delimiter = format!("\r\n--{boundary}");
    // The first delimiter may stand at the very beginning, without a line end before it.
    let body = format!("\r\n{body}");
    let mut parts = body.split(&delimiter).skip(1);
    let mut fields = Fields::new();
    loop {
        let part = parts.next()?;
        if part.starts_with("--") {
            return Some(fields);
        }
        let (head, value) = part.strip_prefix("\r\n")?.split_once("\r\n\r\n")?;
        fields.push((name(head)?, value.to_owned()));
    }
}

/// The name that the head of a part gives.
fn name(head: &str) -> Option<String> {
    let disposition = head.split("\r\n").find_map(|line| {
        let (field, value) = line.split_once(':')?;
        field.eq_ignore_ascii_case("content-disposition").then_some(value)
    })?;
    let mut parameters = disposition.split(';').map(str::trim);
    if !parameters.next()?.eq_ignore_ascii_case("form-data") || disposition.contains("filename") {
        return None;
    }
    let name = parameters.find_map(|parameter| parameter.strip_prefix("name="))?;
    Some(name.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, value: &str) -> String {
        format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    }

    #[test]
    fn a_multipart_form_is_read() {
        let body = format!("{}{}--x--\r\n", part("a", "1"), part("b", "2\r\n3"));
        let fields = multipart(body.as_bytes(), "x").unwrap();
        assert_eq!(fields, [("a".into(), "1".into()), ("b".into(), "2\r\n3".into())]);
        assert_eq!(multipart(b"--x--", "x").unwrap(), []);
        assert_eq!(boundary("Multipart/Form-Data; charset=utf-8; boundary=\"x y\""), Some("x y"));
        assert_eq!(boundary("application/x-www-form-urlencoded"), None);
    }

    #[test]
    fn what_is_no_form_is_refused() {
        let file = "--x\r\nContent-Disposition: form-data; name=\"a\"; filename=\"b\"\r\n\r\n1\r\n--x--";
        for wrong in ["", "--x", "--x\r\n", "--y--", "--x\r\n\r\n\r\n--x--", &part("a", "1"), file] {
            assert_eq!(multipart(wrong.as_bytes(), "x"), None, "{wrong:?}");
        }
        assert_eq!(multipart(b"--x--", ""), None);
        assert_eq!(multipart(&[0xff, 0xfe], "x"), None);
    }
}
