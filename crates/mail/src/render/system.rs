//! What the system itself writes: no list, no marketing, and no word that a stranger chose.

use askama::Template;
use domain::Result;

use super::{Rendered, address, tidy};
use crate::message::SUBJECT_LIMIT;
use crate::text::{cut, lines};

/// Asks an address whether it wants the updates. It has exactly two links, and no field for anything a stranger
/// typed: no name, no referrer, no choice of topics (T12).
pub struct Confirmation<'a> {
    /// The publication.
    pub site_name: &'a str,
    /// Confirms; good for 72 hours.
    pub confirm_url: &'a str,
    /// Keeps further mails of this kind away.
    pub not_me_url: &'a str,
    /// The publisher's address, in one or several lines.
    pub postal_address: Option<&'a str>,
}

/// Tells an active subscriber who signed up once more that nothing is left to do.
pub struct AlreadySubscribed<'a> {
    /// The publication.
    pub site_name: &'a str,
    /// The reader's preferences.
    pub manage_url: &'a str,
    /// The publisher's address, in one or several lines.
    pub postal_address: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "confirmation.txt")]
struct ConfirmationText<'a> {
    opening: &'a str,
    confirm_url: &'a str,
    not_me_url: &'a str,
    postal_address: &'a [String],
}

#[derive(Template)]
#[template(path = "confirmation.html")]
struct ConfirmationHtml<'a> {
    subject: &'a str,
    site_name: &'a str,
    confirm_url: &'a str,
    not_me_url: &'a str,
    postal_address: &'a [String],
}

#[derive(Template)]
#[template(path = "already_subscribed.txt")]
struct AlreadySubscribedText<'a> {
    opening: &'a str,
    manage_url: &'a str,
    postal_address: &'a [String],
}

#[derive(Template)]
#[template(path = "already_subscribed.html")]
struct AlreadySubscribedHtml<'a> {
    subject: &'a str,
    site_name: &'a str,
    manage_url: &'a str,
    postal_address: &'a [String],
}

impl Confirmation<'_> {
    /// Draws the mail.
    pub fn render(&self) -> Result<Rendered> {
        let site_name = &cut(self.site_name, SITE_NAME);
        let subject = cut(&format!("Confirm your subscription to {site_name}"), SUBJECT_LIMIT);
        let opening = format!("Someone, hopefully you, asked for updates from {site_name} to be sent to this address.");
        let (confirm_url, not_me_url) = (&address(self.confirm_url), &address(self.not_me_url));
        let postal_address = &lines(self.postal_address.unwrap_or_default());
        let text = ConfirmationText { opening: &opening, confirm_url, not_me_url, postal_address };
        let html = ConfirmationHtml { subject: &subject, site_name, confirm_url, not_me_url, postal_address };
        let (text, html) = (tidy(&text.render()?), html.render()?);
        Ok(Rendered { subject, text, html, language: "en".into() })
    }
}

impl AlreadySubscribed<'_> {
    /// Draws the mail.
    pub fn render(&self) -> Result<Rendered> {
        let site_name = &cut(self.site_name, SITE_NAME);
        let subject = cut(&format!("You already receive the updates of {site_name}"), SUBJECT_LIMIT);
        let opening = format!("You already receive our weekly updates from {site_name}. There is nothing left to do.");
        let manage_url = &address(self.manage_url);
        let postal_address = &lines(self.postal_address.unwrap_or_default());
        let text = AlreadySubscribedText { opening: &opening, manage_url, postal_address };
        let html = AlreadySubscribedHtml { subject: &subject, site_name, manage_url, postal_address };
        let (text, html) = (tidy(&text.render()?), html.render()?);
        Ok(Rendered { subject, text, html, language: "en".into() })
    }
}

/// Characters of a publication's name.
pub(super) const SITE_NAME: usize = 120;
