//! Answers that are the same as long as the binary is: files, and the OpenAPI document.

use std::sync::OnceLock;

use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse};

use super::Status;
use super::coding::Coding;
use super::entry::{Deliverable, Depends, Entry};
use crate::App;

/// Such an answer, in every coding that was asked for.
pub(crate) struct Fixed {
    whole: Entry,
    coded: [OnceLock<Option<Entry>>; Coding::ALL.len()],
}

impl Fixed {
    /// An answer of this media type.
    pub(crate) fn new(kind: &'static str, body: Bytes) -> Self {
        let whole = Deliverable::whole(kind, body, Depends::on_site());
        let answer = Deliverable { cache_control: Some("public, max-age=300"), ..whole };
        Self { whole: Entry::whole(answer, None), coded: Default::default() }
    }

    /// 200, or 304 if the client has it already.
    pub(crate) fn respond(&self, app: &App, request: &HttpRequest) -> HttpResponse {
        let coding = Coding::wanted(request);
        let coded = self.coded.iter().zip(Coding::ALL).find(|(_, known)| *known == coding);
        let coded = coded.filter(|_| coding != Coding::Identity && self.whole.gains_by_coding());
        let entry = coded.and_then(|(coded, coding)| coded.get_or_init(|| self.whole.encode(coding)).as_ref());
        let entry = entry.unwrap_or(&self.whole);
        entry.respond(&app.delivery, request.headers(), Status::Fixed, app.now())
    }
}
