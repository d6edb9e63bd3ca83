//! Subscribing, confirming, and a person's own preferences. The answer to a request never tells whether the address
//! is known; the mail does.

use std::time::Duration;

use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, HttpResponse, get, post, put, web};
use domain::issues::Schedule;
use domain::newsletter::{Consent, Newsletter, Weekday};
use domain::secrets::Purpose;
use domain::subscriptions::{OwnSubscription, PreferencesWrite, Subscriber, SubscriptionWrite};
use domain::text::Email;
use domain::{Error, Fault, Result, Timestamp};
use persistence::consents::Origin;
use persistence::subscribers::{self, Means};
use persistence::{Conn, newsletters, site, subscriptions};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::App;
use crate::answer::{Versioned, json, show};
use crate::app::{Clock, Config};
use crate::limits::{Limit, network};
use crate::problem::{Answer, Refusal};
use crate::refused;
use crate::request::{Body, ClientAddress, IfMatch, NoParams, Params, Patch, bearer};

impl Versioned for OwnSubscription {
    fn version(&self) -> u64 {
        self.version
    }
}

/// How often people may ask to subscribe. What an address gets by mail is counted in the database besides.
pub struct SubscriptionLimits {
    /// Requests per network address; one too many is refused.
    address: Limit,
    /// Requests per domain of the recipient, and for domains where very many people have their mailbox.
    domain: Limit,
    large_domain: Limit,
    /// Requests altogether.
    site: Limit,
}

/// Where very many people have their mailbox.
const LARGE_DOMAINS: [&str; 8] =
    ["gmail.com", "googlemail.com", "hotmail.com", "icloud.com", "live.com", "outlook.com", "yahoo.com", "ymail.com"];

/// Seconds by which mail is held back under load: what floods a domain is not to be sent at once.
const HELD_BACK: i64 = 30 * 60;

impl SubscriptionLimits {
    /// The limits of this configuration.
    pub(crate) fn new(config: &Config, clock: &Clock) -> Self {
        let detail = "Too many requests to subscribe from this address; wait and try again.";
        let per_hour = |burst| Limit::new(config, clock, burst, Duration::from_hours(1), detail);
        Self { address: per_hour(20), domain: per_hour(200), large_domain: per_hour(1_000), site: per_hour(2_000) }
    }

    /// Seconds for which the mail to an address must wait. It says nothing of the address itself.
    fn held_back(&self, email: Option<&str>) -> i64 {
        let Some(Ok(email)) = email.map(Email::parse) else { return 0 };
        let domain = email.domain();
        let limit = if LARGE_DOMAINS.contains(&domain) { &self.large_domain } else { &self.domain };
        if limit.check(domain).is_ok() && self.site.check(()).is_ok() {
            return 0;
        }
        tracing::warn!("very many requests to subscribe: their mail is held back");
        HELD_BACK
    }
}

/// The newsletter, as a sign-up form needs it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SignUp {
    /// What readers know it as.
    name: String,
    /// How often it is sent.
    #[schema(example = "weekly")]
    cadence: &'static str,
    /// The day it is sent.
    weekday: Weekday,
    /// The hour it is sent, 0 to 23, in its time zone.
    hour: u8,
    /// Its IANA time zone.
    #[schema(example = "Europe/Berlin")]
    timezone: String,
    /// What to choose from.
    categories: Vec<Topic>,
    /// To be sent back with the form.
    form_token: String,
    /// What a person agrees to.
    consent: Consent,
}

/// A category to choose.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Topic {
    /// Its name in addresses, to be sent back.
    slug: String,
    /// Its name for people.
    name: String,
}

/// Show the newsletter to a sign-up form
#[utoipa::path(tag = "newsletter", responses(
    (status = 200, description = "The newsletter", body = SignUp),
    refused::ListPublic,
))]
#[get("/v1/newsletter")]
pub(crate) async fn get_sign_up_form(app: web::Data<App>, _: Params<NoParams>) -> Answer {
    let read = |conn: &mut Conn, _| {
        Ok((newsletters::current(conn)?, site::current(conn)?, subscriptions::all_categories(conn)?))
    };
    let (newsletter, site, categories) = app.read(read).await?;
    let settings = newsletter.settings;
    let issued_at = app.now().to_string();
    let signature = app.secrets.sign(Purpose::SignUpForm, &[&issued_at]);
    json(&SignUp {
        name: settings.name,
        cadence: "weekly",
        weekday: settings.weekday,
        hour: settings.hour,
        timezone: settings.timezone.unwrap_or(site.settings.timezone),
        categories: categories.into_iter().map(|choice| Topic { slug: choice.slug, name: choice.name }).collect(),
        form_token: format!("{issued_at}.{signature}"),
        consent: settings.consent,
    })
}

/// The answer to every request to subscribe.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CheckYourEmail {
    /// What to do next.
    #[schema(example = "check_your_email")]
    status: &'static str,
}

/// Ask to subscribe
///
/// The answer is the same for every address. What is mailed depends on its state: a confirmation, a word that it is
/// subscribed already, or nothing.
#[utoipa::path(tag = "newsletter", request_body = SubscriptionWrite, responses(
    (status = 202, description = "Taken; the mail says what comes next", body = CheckYourEmail),
    refused::AskPublic,
))]
#[post("/v1/subscriptions")]
pub(crate) async fn create_subscription(
    app: web::Data<App>,
    request: HttpRequest,
    client: ClientAddress,
    _: Params<NoParams>,
    body: Body<SubscriptionWrite, 4096>,
) -> Answer {
    app.limits.subscriptions.address.check(network(client.0, 64))?;
    let wait = app.limits.subscriptions.held_back(body.value.email.as_deref());
    let (secrets, origin) = (app.secrets.clone(), origin(&request, client));
    app.write(move |conn, now| subscriptions::request(conn, &secrets, &body.value, &origin, wait, now)).await?;
    Ok(HttpResponse::Accepted().json(CheckYourEmail { status: "check_your_email" }))
}

/// A confirmation.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ConfirmWrite {
    /// The token from the mail.
    #[schema(required = true, value_type = String)]
    token: Option<String>,
}

/// What a confirmation leads to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Confirmed {
    /// Where the person stands now.
    #[schema(example = "active")]
    status: &'static str,
    /// When the next issue is due.
    #[schema(required = true)]
    next_issue_at: Option<Timestamp>,
    /// For the person's own preferences: good for 90 days.
    #[schema(example = "mg_…")]
    manage_token: String,
}

/// Confirm a subscription
///
/// Activates exactly the request that the token belongs to. Said again within 24 hours, it is answered the same.
#[utoipa::path(tag = "newsletter", request_body = ConfirmWrite, responses(
    (status = 200, description = "The subscription is active", body = Confirmed),
    refused::Confirm,
))]
#[post("/v1/subscriptions/confirm")]
pub(crate) async fn confirm_subscription(
    app: web::Data<App>,
    request: HttpRequest,
    client: ClientAddress,
    _: Params<NoParams>,
    body: Body<ConfirmWrite, 4096>,
) -> Answer {
    let token = body
        .value
        .token
        .ok_or_else(|| Error::invalid(Fault::at("/token", "required", "Send the token from the link in the mail.")))?;
    let (manage_token, next_issue_at) = confirm(&app, token, origin(&request, client)).await?;
    json(&Confirmed { status: "active", next_issue_at, manage_token })
}

/// Confirms a request; gives the manage token, and when the next issue is due.
pub(crate) async fn confirm(app: &App, token: String, origin: Origin) -> Result<(String, Option<Timestamp>)> {
    let secrets = app.secrets.clone();
    app.write(move |conn, now| {
        let manage = subscriptions::confirm(conn, &secrets, &token, &origin, now)?;
        let subscriber = subscribers::by_manage_token(conn, manage.reveal(), now)?;
        let newsletter = newsletters::current(conn)?;
        Ok((manage.reveal().to_owned(), next_issue(conn, &newsletter, &subscriber, now)?))
    })
    .await
}

fn next_issue(
    conn: &mut Conn,
    newsletter: &Newsletter,
    subscriber: &Subscriber,
    now: Timestamp,
) -> Result<Option<Timestamp>> {
    let zone = site::current(conn)?.settings.timezone;
    let schedule = Schedule::new(&newsletter.settings, subscriber.preferences.frequency, &zone);
    Ok(schedule.next(now).map(|slot| slot.due))
}

/// Where a request came from: its network and the family of its browser, no more.
pub(crate) fn origin(request: &HttpRequest, ClientAddress(address): ClientAddress) -> Origin {
    use std::net::IpAddr;
    let bits = match address {
        IpAddr::V4(_) => 24,
        IpAddr::V6(_) => 48,
    };
    let network = ipnet::IpNet::new(address, bits).ok().map(|network| network.trunc().to_string());
    let agent = request.headers().get(header::USER_AGENT).and_then(|agent| agent.to_str().ok());
    Origin { ip_prefix: network, user_agent: agent.and_then(family) }
}

/// The family of a browser, from what it says of itself; more would help to tell people apart.
fn family(agent: &str) -> Option<String> {
    // Those that also name another family come before it.
    const FAMILIES: [(&str, &str); 6] = [
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("Mozilla/", "other browser"),
    ];
    let known = FAMILIES.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| (*name).to_owned());
    known.or_else(|| {
        let program: String = agent.chars().take_while(char::is_ascii_alphanumeric).take(32).collect();
        (!program.is_empty()).then_some(program)
    })
}

/// Whose manage token a request carries, and the token: 401 before anything else is looked at. It takes no parameters.
async fn manager(app: &App, request: &HttpRequest) -> Result<(Subscriber, String), Refusal> {
    let token = bearer(request.headers()).filter(|token| token.starts_with("mg_")).unwrap_or_default().to_owned();
    let read = move |conn: &mut Conn, now| Ok((subscribers::by_manage_token(conn, &token, now)?, token));
    let manager = app.read(read).await?;
    Params::<NoParams>::extract(request).await?;
    Ok(manager)
}

/// Show one's own subscription
#[utoipa::path(tag = "newsletter", security(("manage" = [])), responses(
    (status = 200, description = "What is received, and how; the address is masked", body = OwnSubscription,
        headers(("ETag" = String, description = "Its version"))),
    refused::Own,
))]
#[get("/v1/subscriptions/me")]
pub(crate) async fn get_own_subscription(app: web::Data<App>, request: HttpRequest) -> Answer {
    let (subscriber, _) = manager(&app, &request).await?;
    show(&subscriber.own_view(app.now()))
}

/// Change one's own subscription
///
/// What is absent stays, `null` clears. Naming categories narrows to them; `all_categories` takes them all again.
#[utoipa::path(tag = "newsletter", security(("manage" = [])),
    params(("If-Match" = Option<String>, Header, description = "The ETag of the version you change, if another page may have changed it")),
    request_body = PreferencesWrite,
    responses(
        (status = 200, description = "What is received now, and how", body = OwnSubscription,
            headers(("ETag" = String, description = "Its version"))),
        refused::ChangeOwn,
))]
#[put("/v1/subscriptions/me")]
pub(crate) async fn update_own_subscription(
    app: web::Data<App>,
    request: HttpRequest,
    client: ClientAddress,
    seen: IfMatch,
    payload: web::Payload,
) -> Answer {
    let (subscriber, token) = manager(&app, &request).await?;
    let patch = Patch::<PreferencesWrite, 16_384>::from_request(&request, &mut payload.into_inner()).await?;
    let means = Means::token("manage", &token, origin(&request, client));
    let work = move |conn: &mut Conn, now| {
        let edit = |conn: &mut Conn, current: &Subscriber| {
            seen.expect_if_sent(current.version, current.updated_at)?;
            let write = patch.apply(&PreferencesWrite::from(&current.own_view(now)))?;
            let named = write.categories.as_deref().unwrap_or_default();
            write.check(&current.preferences, &subscriptions::known_categories(conn, named)?, now)
        };
        Ok(subscribers::change_preferences(conn, subscriber.id, &means, edit, now)?.own_view(now))
    };
    show(&app.write(work).await?)
}

/// Unsubscribe oneself
///
/// Said twice, it is done once. It can be undone for 24 hours, with the same token.
#[utoipa::path(tag = "newsletter", security(("manage" = [])), responses(
    (status = 200, description = "Unsubscribed", body = OwnSubscription,
        headers(("ETag" = String, description = "Its version"))),
    refused::Own,
))]
#[post("/v1/subscriptions/me/unsubscribe")]
pub(crate) async fn unsubscribe_own_subscription(
    app: web::Data<App>,
    request: HttpRequest,
    client: ClientAddress,
) -> Answer {
    let (subscriber, token) = manager(&app, &request).await?;
    let means = Means::token("manage", &token, origin(&request, client));
    let work = move |conn: &mut Conn, now| {
        subscribers::unsubscribe(conn, subscriber.id, &means, now)?;
        Ok(subscribers::find(conn, subscriber.id)?.own_view(now))
    };
    show(&app.write(work).await?)
}

/// Take one's unsubscription back
///
/// Within 24 hours, with the token that unsubscribed.
#[utoipa::path(tag = "newsletter", security(("manage" = [])), responses(
    (status = 200, description = "Subscribed as before", body = OwnSubscription,
        headers(("ETag" = String, description = "Its version"))),
    refused::ActOwn,
))]
#[post("/v1/subscriptions/me/resubscribe")]
pub(crate) async fn resubscribe_own_subscription(
    app: web::Data<App>,
    request: HttpRequest,
    client: ClientAddress,
) -> Answer {
    let (subscriber, token) = manager(&app, &request).await?;
    let means = Means::token("manage", &token, origin(&request, client));
    let work =
        move |conn: &mut Conn, now| Ok(subscribers::resubscribe(conn, subscriber.id, &means, now)?.own_view(now));
    show(&app.write(work).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_known_by_family_alone() {
        let edge = "Mozilla/5.0 (X11) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36 Edg/142.0";
        assert_eq!(family(edge).as_deref(), Some("Edge"));
        assert_eq!(family("Mozilla/5.0 (X11; rv:145.0) Gecko/20100101 Firefox/145.0").as_deref(), Some("Firefox"));
        assert_eq!(family("curl/8.16.0").as_deref(), Some("curl"));
        assert_eq!(family("<script>"), None);
    }
}
