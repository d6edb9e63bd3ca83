//! What could not be faster: an actix-web server with one route that gives back bytes and headers from memory.

use std::collections::HashMap;
use std::net::TcpListener;
use std::path::Path;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue, IF_NONE_MATCH};
use actix_web::http::uri::PathAndQuery;
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};

use crate::client::{Client, Got};
use crate::failure::{Failure, Result};

/// An answer, ready to be sent.
struct Answer {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Bytes,
}

/// Of one address: the whole answer, and the one for who has it already.
struct Kept {
    whole: Answer,
    not_modified: Answer,
}

type Answers = HashMap<String, Kept>;

/// Asks a running Byline for every address of a file (one a line), and then serves what it said on a free port, which
/// is printed.
pub fn serve(from: &str, requests: &Path) -> Result<()> {
    let client = Client::new(from);
    let mut answers = Answers::new();
    for path in std::fs::read_to_string(requests)?.lines() {
        let path = path.split('\t').next().unwrap_or(path);
        let whole = client.get(path, &[])?;
        let etag = whole.header("etag").ok_or_else(|| Failure(format!("{path} has no ETag")))?.to_owned();
        let not_modified = client.get(path, &[("if-none-match", &etag)])?;
        if (whole.status, not_modified.status) != (200, 304) {
            return Err(Failure(format!("{path} answers {} and {}", whole.status, not_modified.status)));
        }
        answers.insert(path.to_owned(), Kept { whole: answer(whole)?, not_modified: answer(not_modified)? });
    }
    let answers = Data::new(answers);
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("http://{}", listener.local_addr()?);
    let server = HttpServer::new(move || App::new().app_data(answers.clone()).default_service(web::to(give)));
    actix_web::rt::System::new().block_on(server.workers(1).listen(listener)?.run())?;
    Ok(())
}

/// Headers as they were, the request id with them; what the server sets by itself is left to it.
fn answer(got: Got) -> Result<Answer> {
    let own = ["date", "content-length", "connection", "transfer-encoding"];
    let headers = got.headers.iter().filter(|(name, _)| !own.contains(&name.as_str()));
    let headers = headers.map(|(name, value)| Ok((name.parse()?, HeaderValue::from_str(value)?)));
    Ok(Answer {
        status: StatusCode::from_u16(got.status)?,
        headers: headers.collect::<Result<_>>()?,
        body: Bytes::from(got.body),
    })
}

async fn give(request: HttpRequest, answers: Data<Answers>) -> HttpResponse {
    let path = request.uri().path_and_query().map(PathAndQuery::as_str).unwrap_or_default();
    let Some(kept) = answers.get(path) else { return HttpResponse::NotFound().finish() };
    let known = request.headers().contains_key(IF_NONE_MATCH);
    let Answer { status, headers, body } = if known { &kept.not_modified } else { &kept.whole };
    let mut response = HttpResponse::build(*status);
    for (name, value) in headers {
        response.insert_header((name.clone(), value.clone()));
    }
    response.body(body.clone())
}
