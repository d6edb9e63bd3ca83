//! Pages for the links in our mails. They work without script; looking at them changes nothing, so that a scanner of
//! links neither confirms nor unsubscribes (T16): a button posts.

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use askama::Template;
use domain::ids::{IssueId, SubscriberId};
use domain::newsletter::Frequency;
use domain::secrets::{Secrets, sha256};
use domain::subscriptions::{Choice, Preferences, State, Subscriber, read_objection_token, read_unsubscribe_token};
use domain::{Error, Fault, Result, Timestamp};
use persistence::subscribers::{self, Means};
use persistence::subscriptions::{self, Asked};
use persistence::{Conn, newsletters, site};

use crate::App;
use crate::form::{self, Fields};
use crate::html;
use crate::problem::Answer;
use crate::refused;
use crate::request::ClientAddress;
use crate::subscriptions::{confirm, origin};

/// A page for one person: kept by no cache and no search engine, and its address is told to no other site.
fn page(status: StatusCode, template: &impl Template) -> Answer {
    let mut page = html::page(status, template)?;
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("x-robots-tag"), "noindex, nofollow"),
    ] {
        page.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Ok(page)
}

#[derive(Template)]
#[template(path = "subscription_message.html")]
struct Message<'a> {
    site_name: &'a str,
    heading: &'a str,
    text: &'a str,
    link: Option<(&'a str, &'a str)>,
}

async fn message(app: &App, status: StatusCode, heading: &str, text: &str) -> Answer {
    let site_name = &app.read(|conn, _| Ok(site::current(conn)?.settings.name)).await?;
    page(status, &Message { site_name, heading, text, link: None })
}

async fn expired(app: &App) -> Answer {
    let text = "It has expired, or a newer one took its place. Please subscribe again on our site.";
    message(app, StatusCode::GONE, "This confirmation is no longer good", text).await
}

async fn no_such_link(app: &App) -> Answer {
    let text = "Please use the link from the mail as it is, whole.";
    message(app, StatusCode::NOT_FOUND, "This link is not one of ours", text).await
}

#[derive(Template)]
#[template(path = "subscription_confirm.html")]
struct ConfirmPage<'a> {
    site_name: &'a str,
    newsletter_name: &'a str,
    frequency: &'static str,
    asked: &'a Asked,
}

/// Show what a confirmation is about
///
/// Changes nothing: a button confirms.
#[utoipa::path(tag = "newsletter", params(("token" = String, Path, description = "The token from the mail")), responses(
    (status = 200, description = "A page with a button", body = String, content_type = "text/html"),
    (status = 410, description = "A page: the token has expired", body = String, content_type = "text/html"),
))]
#[get("/newsletter/confirm/{token}")]
pub(crate) async fn get_confirmation_page(app: web::Data<App>, token: web::Path<String>) -> Answer {
    let token = token.into_inner();
    let read = move |conn: &mut Conn, now| {
        let asked = subscriptions::asked(conn, &token, now)?;
        Ok((asked, site::current(conn)?.settings.name, newsletters::current(conn)?.settings.name))
    };
    let (asked, site_name, newsletter_name) = match app.read(read).await {
        Err(Error::Gone { .. }) => return expired(&app).await,
        outcome => outcome?,
    };
    if asked.confirmed {
        return message(&app, StatusCode::OK, "Confirmed", "Your subscription is active already.").await;
    }
    let frequency = asked.frequency.as_str();
    let (site_name, newsletter_name) = (&site_name, &newsletter_name);
    page(StatusCode::OK, &ConfirmPage { site_name, newsletter_name, frequency, asked: &asked })
}

/// Confirm from the page
#[utoipa::path(tag = "newsletter", params(("token" = String, Path, description = "The token from the mail")), responses(
    (status = 200, description = "A page: the subscription is active", body = String, content_type = "text/html"),
    (status = 410, description = "A page: the token has expired", body = String, content_type = "text/html"),
    refused::Page,
))]
#[post("/newsletter/confirm/{token}")]
pub(crate) async fn confirm_on_page(
    app: web::Data<App>,
    request: HttpRequest,
    client: ClientAddress,
    token: web::Path<String>,
) -> Answer {
    let (manage_token, next) = match confirm(&app, token.into_inner(), origin(&request, client)).await {
        Err(Error::Gone { .. }) => return expired(&app).await,
        outcome => outcome?,
    };
    let site_name = &app.read(|conn, _| Ok(site::current(conn)?.settings.name)).await?;
    let text = match next.map(day) {
        Some(day) => format!("Your subscription is active. The next issue is due on {day}."),
        None => "Your subscription is active.".to_owned(),
    };
    let manage_url = app.config.link(&format!("/u/{manage_token}"));
    let link = Some((manage_url.as_str(), "Change what you receive, or how often"));
    page(StatusCode::OK, &Message { site_name, heading: "Confirmed", text: &text, link })
}

fn day(at: Timestamp) -> String {
    at.to_jiff().strftime("%-d %B %Y").to_string()
}

#[derive(Template)]
#[template(path = "subscription_object.html")]
struct ObjectPage<'a> {
    site_name: &'a str,
}

/// Show the page of "this was not me"
///
/// Changes nothing: a button objects.
#[utoipa::path(tag = "newsletter", params(("token" = String, Path, description = "The token from the mail")), responses(
    (status = 200, description = "A page with a button", body = String, content_type = "text/html"),
    (status = 404, description = "A page: the link is not one of ours", body = String, content_type = "text/html"),
))]
#[get("/newsletter/not-me/{token}")]
pub(crate) async fn get_objection_page(app: web::Data<App>, token: web::Path<String>) -> Answer {
    if read_objection_token(&app.secrets, &token).is_none() {
        return no_such_link(&app).await;
    }
    let site_name = &app.read(|conn, _| Ok(site::current(conn)?.settings.name)).await?;
    page(StatusCode::OK, &ObjectPage { site_name })
}

/// Object to mail that one never asked for
///
/// For twelve months no confirmation goes to the address, whoever asks for one.
#[utoipa::path(tag = "newsletter", params(("token" = String, Path, description = "The token from the mail")), responses(
    (status = 200, description = "A page: no further mail is sent", body = String, content_type = "text/html"),
    (status = 404, description = "A page: the link is not one of ours", body = String, content_type = "text/html"),
    refused::Page,
))]
#[post("/newsletter/not-me/{token}")]
pub(crate) async fn object_on_page(
    app: web::Data<App>,
    request: HttpRequest,
    client: ClientAddress,
    token: web::Path<String>,
) -> Answer {
    let Some(email_hmac) = read_objection_token(&app.secrets, &token) else { return no_such_link(&app).await };
    let origin = origin(&request, client);
    app.write(move |conn, now| subscriptions::object(conn, &email_hmac, &origin, now)).await?;
    message(&app, StatusCode::OK, "Thank you", "We send no more mail to your address for twelve months.").await
}

#[derive(Template)]
#[template(path = "subscription_manage.html")]
#[allow(clippy::struct_excessive_bools, reason = "a template asks yes or no")]
struct ManagePage<'a> {
    site_name: &'a str,
    newsletter_name: &'a str,
    said: Option<&'a str>,
    subscribed: bool,
    active: bool,
    may_return: bool,
    email_masked: String,
    frequency: &'static str,
    monthly: bool,
    all_categories: bool,
    paused_until: Option<String>,
    topics: Vec<(String, String)>,
}

/// Whom a link is good for: an issue's own link, or a manage token. `None`: it is not one of ours (any more).
fn holder(
    conn: &mut Conn,
    secrets: &Secrets,
    token: &str,
    now: Timestamp,
) -> Result<Option<(SubscriberId, Option<IssueId>)>> {
    if !token.starts_with("mg_") {
        return Ok(read_unsubscribe_token(secrets, token).map(|(subscriber, issue)| (subscriber, Some(issue))));
    }
    match subscribers::by_manage_token(conn, token, now) {
        Ok(subscriber) => Ok(Some((subscriber.id, None))),
        Err(Error::Unauthenticated { .. }) => Ok(None),
        Err(other) => Err(other),
    }
}

/// The page of a link, after `said` was done; no subscriber (any more) is no subscription.
async fn manage(app: &App, token: String, id: SubscriberId, status: StatusCode, said: Option<&'static str>) -> Answer {
    let read = move |conn: &mut Conn, now| {
        let subscriber = match subscribers::find(conn, id) {
            Err(Error::NotFound(_)) => None,
            found => Some(found?),
        };
        let names = (site::current(conn)?.settings.name, newsletters::current(conn)?.settings.name);
        let choices = match subscriber.as_ref().map(|subscriber| &subscriber.preferences) {
            Some(Preferences { all_categories: true, .. }) => subscriptions::all_categories(conn)?,
            Some(preferences) => preferences.categories.clone(),
            None => Vec::new(),
        };
        Ok((subscriber, choices, names, now))
    };
    let (subscriber, choices, names, now) = app.read(read).await?;
    page(status, &manage_page(&token, subscriber.as_ref(), choices, (&names.0, &names.1), said, now))
}

fn manage_page<'a>(
    token: &str,
    subscriber: Option<&Subscriber>,
    choices: Vec<Choice>,
    (site_name, newsletter_name): (&'a str, &'a str),
    said: Option<&'a str>,
    now: Timestamp,
) -> ManagePage<'a> {
    let state = subscriber.map(|subscriber| subscriber.state);
    let own = subscriber.map(|subscriber| subscriber.own_view(now));
    let frequency = own.as_ref().map_or(Frequency::Weekly, |own| own.frequency);
    ManagePage {
        site_name,
        newsletter_name,
        said,
        subscribed: matches!(state, Some(State::Active | State::Pending | State::Bounced)),
        active: state == Some(State::Active),
        may_return: subscriber.is_some_and(|subscriber| subscriber.may_return(&sha256(token), now)),
        email_masked: own.as_ref().map(|own| own.email_masked.clone()).unwrap_or_default(),
        frequency: frequency.as_str(),
        monthly: frequency == Frequency::Monthly,
        all_categories: own.as_ref().is_none_or(|own| own.all_categories),
        paused_until: own.and_then(|own| own.paused_until).map(day),
        topics: choices.into_iter().map(|choice| (choice.slug, choice.name)).collect(),
    }
}

/// Show the page of an unsubscribe link
///
/// Changes nothing: its buttons do.
#[utoipa::path(tag = "newsletter",
    params(("token" = String, Path, description = "From an issue's footer or header, or a manage token")),
    responses(
        (status = 200, description = "A page with buttons", body = String, content_type = "text/html"),
        (status = 404, description = "A page: the link is not one of ours", body = String, content_type = "text/html"),
))]
#[get("/u/{token}")]
pub(crate) async fn get_unsubscribe_page(app: web::Data<App>, token: web::Path<String>) -> Answer {
    let (token, secrets) = (token.into_inner(), app.secrets.clone());
    let read = move |conn: &mut Conn, now| Ok((holder(conn, &secrets, &token, now)?, token));
    match app.read(read).await? {
        (Some((id, _)), token) => manage(&app, token, id, StatusCode::OK, None).await,
        (None, _) => no_such_link(&app).await,
    }
}

/// What a form posted to an unsubscribe link asks for.
#[derive(Debug, PartialEq, Eq)]
enum Wish {
    /// A mail program's one click (RFC 8058).
    OneClick,
    Unsubscribe,
    Undo,
    Topics(Vec<String>),
    Monthly,
    Pause,
}

/// A page's own form has no more than its topics.
const FORM_BYTES: usize = 16_384;

impl Wish {
    fn read(fields: &Fields) -> Result<Self> {
        let pairs: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let choice = pairs.iter().find(|(name, _)| *name == "choice").map(|(_, choice)| *choice);
        match (pairs.as_slice(), choice) {
            ([("List-Unsubscribe", "One-Click")], _) => Ok(Self::OneClick),
            ([("confirm", "1")], _) => Ok(Self::Unsubscribe),
            ([("undo", "1")], _) => Ok(Self::Undo),
            ([_], Some("monthly")) => Ok(Self::Monthly),
            ([_], Some("pause")) => Ok(Self::Pause),
            (pairs, Some("topics")) => {
                let chosen = pairs.iter().filter(|(name, _)| *name == "category");
                Ok(Self::Topics(chosen.map(|(_, slug)| (*slug).to_owned()).collect()))
            }
            _ => {
                let detail = "Post `List-Unsubscribe=One-Click`, or a form of the page.";
                Err(Error::Malformed(Fault::at("", "unknown", detail)))
            }
        }
    }
}

/// What the page or a mail program posts: one of these wishes.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it stands for its schema; `Wish` reads the form")]
struct WishForm {
    /// `One-Click`: a mail program unsubscribes (RFC 8058).
    #[schema(rename = "List-Unsubscribe", example = "One-Click")]
    list_unsubscribe: Option<String>,
    /// `1`: unsubscribe.
    confirm: Option<String>,
    /// `1`: take the unsubscription back.
    undo: Option<String>,
    /// `monthly`, `pause`, or `topics` with a `category` for each.
    choice: Option<String>,
    /// Slugs of the topics to keep.
    category: Option<Vec<String>>,
}

/// Unsubscribe, or receive less
///
/// A mail program posts `List-Unsubscribe=One-Click` (RFC 8058) and gets an empty 200; the page posts its own forms.
#[utoipa::path(tag = "newsletter",
    params(("token" = String, Path, description = "From an issue's footer or header, or a manage token")),
    request_body(content((WishForm = "application/x-www-form-urlencoded"), (WishForm = "multipart/form-data"))),
    responses(
        (status = 200, description = "Done: nothing for a mail program, a page for a person", body = String, content_type = "text/html"),
        (status = 404, description = "A page: the link is not one of ours", body = String, content_type = "text/html"),
        (status = 409, description = "A page: too late to undo", body = String, content_type = "text/html"),
        (status = 422, description = "A page: no topic was chosen", body = String, content_type = "text/html"),
        refused::Form,
))]
#[post("/u/{token}")]
pub(crate) async fn unsubscribe_on_page(
    app: web::Data<App>,
    request: HttpRequest,
    client: ClientAddress,
    token: web::Path<String>,
    payload: web::Payload,
) -> Answer {
    let fields = form::read(&request, payload, FORM_BYTES).await?;
    let wish = Wish::read(&fields)?;
    let one_click = wish == Wish::OneClick;
    let (token, secrets, origin) = (token.into_inner(), app.secrets.clone(), origin(&request, client));
    let work = move |conn: &mut Conn, now| {
        let Some((id, issue)) = holder(conn, &secrets, &token, now)? else { return Ok(None) };
        let source = if wish == Wish::OneClick { "one-click" } else { "unsubscribe-page" };
        let means = Means { issue, ..Means::token(source, &token, origin) };
        Ok(Some((grant(conn, id, &wish, &means, now)?, id, token)))
    };
    let Some((said, id, token)) = app.write(work).await? else { return no_such_link(&app).await };
    if one_click {
        return Ok(HttpResponse::Ok().finish());
    }
    let (status, said) = said.words();
    manage(&app, token, id, status, Some(said)).await
}

/// What became of a wish.
enum Said {
    Unsubscribed,
    Back,
    TooLate,
    Narrowed,
    NothingChosen,
    Monthly,
    Paused,
    NotSubscribed,
}

impl Said {
    fn words(self) -> (StatusCode, &'static str) {
        match self {
            Self::Unsubscribed => (StatusCode::OK, "Done: you are unsubscribed."),
            Self::Back => (StatusCode::OK, "Done: you are subscribed as before."),
            Self::TooLate => (StatusCode::CONFLICT, "It is too late to undo this. Please subscribe again on our site."),
            Self::Narrowed => (StatusCode::OK, "Done: you receive these topics only."),
            Self::NothingChosen => (StatusCode::UNPROCESSABLE_ENTITY, "Please choose at least one topic."),
            Self::Monthly => (StatusCode::OK, "Done: you hear from us once a month."),
            Self::Paused => (StatusCode::OK, "Done: you hear nothing from us for three months."),
            Self::NotSubscribed => (StatusCode::OK, "Nothing was changed: you are not subscribed."),
        }
    }
}

/// Does what a link can do: only ever less than before, or back to where it was.
fn grant(conn: &mut Conn, id: SubscriberId, wish: &Wish, means: &Means, now: Timestamp) -> Result<Said> {
    let lessen = |conn: &mut Conn, said: Said, less: &dyn Fn(Preferences) -> Option<Preferences>| {
        match subscribers::find(conn, id) {
            Ok(subscriber) if subscriber.state == State::Active => {}
            Ok(_) | Err(Error::NotFound(_)) => return Ok(Said::NotSubscribed),
            Err(other) => return Err(other),
        }
        let edit = |_: &mut Conn, current: &Subscriber| {
            less(current.preferences.clone()).ok_or_else(|| Error::Invalid(Vec::new()))
        };
        match subscribers::change_preferences(conn, id, means, edit, now) {
            Ok(_) => Ok(said),
            Err(Error::Invalid(_)) => Ok(Said::NothingChosen),
            Err(other) => Err(other),
        }
    };
    match wish {
        Wish::OneClick | Wish::Unsubscribe => {
            subscribers::unsubscribe(conn, id, means, now)?;
            Ok(Said::Unsubscribed)
        }
        Wish::Undo => match subscribers::resubscribe(conn, id, means, now) {
            Ok(_) => Ok(Said::Back),
            Err(Error::Conflict { .. }) => Ok(Said::TooLate),
            Err(Error::NotFound(_)) => Ok(Said::NotSubscribed),
            Err(other) => Err(other),
        },
        Wish::Monthly => {
            lessen(conn, Said::Monthly, &|before| Some(Preferences { frequency: Frequency::Monthly, ..before }))
        }
        Wish::Pause => lessen(conn, Said::Paused, &|before| {
            Some(Preferences { paused_until: Some(three_months_after(now)), ..before })
        }),
        Wish::Topics(slugs) => {
            let known = subscriptions::known_categories(conn, slugs)?;
            lessen(conn, Said::Narrowed, &|before| narrowed(before, slugs, &known))
        }
    }
}

/// The chosen among the topics there were; `None` if nothing is left.
fn narrowed(
    before: Preferences,
    slugs: &[String],
    known: &std::collections::HashMap<String, Choice>,
) -> Option<Preferences> {
    let mut categories: Vec<Choice> = slugs.iter().filter_map(|slug| known.get(slug).cloned()).collect();
    categories.retain(|choice| before.all_categories || before.categories.contains(choice));
    (!categories.is_empty()).then_some(Preferences { all_categories: false, categories, ..before })
}

fn three_months_after(now: Timestamp) -> Timestamp {
    let utc = now.to_jiff().to_zoned(jiff::tz::TimeZone::UTC);
    let then = utc.checked_add(jiff::Span::new().months(3));
    then.map_or(now, |then| then.timestamp().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(fields: &[(&str, &str)]) -> Result<Wish> {
        Wish::read(&fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn one_click_is_exactly_one_field() {
        assert_eq!(wish(&[("List-Unsubscribe", "One-Click")]).unwrap(), Wish::OneClick);
        for wrong in [
            &[][..],
            &[("List-Unsubscribe", "one-click")],
            &[("list-unsubscribe", "One-Click")],
            &[("List-Unsubscribe", "One-Click"), ("x", "y")],
            &[("confirm", "0")],
            &[("choice", "everything")],
        ] {
            assert!(wish(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_form_says_what_it_wants() {
        assert_eq!(wish(&[("confirm", "1")]).unwrap(), Wish::Unsubscribe);
        assert_eq!(wish(&[("choice", "pause")]).unwrap(), Wish::Pause);
        let topics = wish(&[("category", "a"), ("category", "b"), ("choice", "topics")]).unwrap();
        assert_eq!(topics, Wish::Topics(vec!["a".into(), "b".into()]));
    }
}
