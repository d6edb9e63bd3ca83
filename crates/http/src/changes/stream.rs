//! The same, live: server-sent events.
//!
//! A reader pulls: what it has not taken is not read from the database yet. So a slow one costs nothing but its
//! connection; and one that is too slow is sent away, to start over when it can.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use actix_web::http::header;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse, get};
use domain::{Error, Result};
use futures_util::stream;
use persistence::changes::delta::{self, Place};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, watch};
use utoipa::IntoParams;

use super::{read, read_token, with_documents, write_token};
use crate::App;
use crate::page::MAX_LIMIT;
use crate::problem::Answer;
use crate::refused;
use crate::request::Params;

/// How often a reader hears that the connection lives.
const PING: Duration = Duration::from_secs(15);
/// How soon a stream ends when the server stops.
const LOOK: Duration = Duration::from_secs(1);
/// How long a reader may take for what was sent last.
const PATIENCE: Duration = Duration::from_secs(30);
/// When a full node is worth asking again, in seconds.
const COME_BACK: u64 = 10;

/// From where on.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct StreamQuery {
    /// A token from `/v1/changes`; `Last-Event-ID` wins over it. Absent: what comes from now on.
    since: Option<String>,
    /// `documents`: with the document of everything that is there.
    #[param(example = "documents")]
    include: Option<String>,
}

/// What changes for the public, live
///
/// Server-sent events: `event: change` with a token as `id` and one entry of `/v1/changes` as `data`; a comment `ping`
/// every 15 seconds. `event: reset`, and the end, says to start over with `/v1/changes`: the token is too old, or the
/// reader too slow.
#[utoipa::path(tag = "changes", params(StreamQuery,
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that was seen")),
    responses(
        (status = 200, description = "Events", body = String, content_type = "text/event-stream"),
        refused::ListPublic,
))]
#[get("/v1/changes/stream")]
pub(crate) async fn stream_changes(app: Data<App>, request: HttpRequest, query: Params<StreamQuery>) -> Answer {
    let Params(StreamQuery { since, include }) = query;
    let documents = with_documents(include.as_deref())?;
    let last = request.headers().get("last-event-id").and_then(|id| id.to_str().ok());
    let place = match (last.map(|id| ("Last-Event-ID", id)), since.as_deref().map(|token| ("since", token))) {
        (Some((name, token)), _) | (None, Some((name, token))) => read_token(name, token)?,
        (None, None) => app.read(|conn, _| delta::present(conn)).await?,
    };
    let permit = app.streams.clone().try_acquire_owned().map_err(|_| Error::Busy { retry_after: COME_BACK })?;
    let (head, now) = (app.follower.head(), Instant::now());
    let reader = Reader { app, place, documents, head, pinged: now, sent: now, _permit: permit };
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header(("x-accel-buffering", "no"))
        .streaming(stream::unfold(Some(reader), |reader| async move {
            let (events, reader) = reader?.next().await?;
            Some((Ok::<_, actix_web::Error>(events), reader))
        })))
}

/// Someone who listens.
struct Reader {
    app: Data<App>,
    place: Place,
    documents: bool,
    head: watch::Receiver<i64>,
    pinged: Instant,
    sent: Instant,
    _permit: OwnedSemaphorePermit,
}

impl Reader {
    /// The next events, and whoever hears those after them; none at the end.
    async fn next(mut self) -> Option<(Bytes, Option<Self>)> {
        if self.sent.elapsed() > PATIENCE {
            return Some((Bytes::from_static(b"event: reset\ndata: {\"reason\":\"too_slow\"}\n\n"), None));
        }
        let events = self.wait().await?;
        self.sent = Instant::now();
        match events {
            Ok(events) => Some((events, Some(self))),
            Err(Error::Gone { .. }) => {
                Some((Bytes::from_static(b"event: reset\ndata: {\"reason\":\"changes_gone\"}\n\n"), None))
            }
            // The client comes again with the last id.
            Err(error) => {
                tracing::warn!(?error, "a stream of changes ends");
                None
            }
        }
    }

    /// Waits for something to say; none when the server stops.
    async fn wait(&mut self) -> Option<Result<Bytes>> {
        loop {
            if self.app.is_closing() {
                return None;
            }
            // What is entered from here on is heard of after this reading.
            self.head.mark_unchanged();
            match self.read().await {
                Ok(events) if events.is_empty() => {}
                other => return Some(other),
            }
            while !self.app.is_closing() {
                if self.pinged.elapsed() >= PING {
                    self.pinged = Instant::now();
                    return Some(Ok(Bytes::from_static(b": ping\n\n")));
                }
                if let Ok(changed) = tokio::time::timeout(LOOK, self.head.changed()).await {
                    changed.ok()?;
                    break;
                }
            }
        }
    }

    async fn read(&mut self) -> Result<Bytes> {
        let (after, changes) = read(&self.app, Some(self.place.clone()), MAX_LIMIT.into(), self.documents).await?;
        let mut events = String::new();
        for (change, place) in changes {
            let (id, data) = (write_token(&place)?, serde_json::to_string(&change)?);
            let _ = write!(events, "event: change\nid: {id}\ndata: {data}\n\n");
        }
        self.place = after.1;
        Ok(events.into())
    }
}
