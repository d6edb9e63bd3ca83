//! The weekly update (`community.md`, section 8).

use askama::Template;
use domain::Result;

use super::system::SITE_NAME;
use super::{Rendered, address, personal_address, tidy};
use crate::message::SUBJECT_LIMIT;
use crate::text::{cut, lines};

/// Titles that follow the full entries; what is more is only counted.
const MORE: usize = 20;

const TITLE: usize = 200;
const EXCERPT: usize = 300;
const INTRO: usize = 2_000;

/// How often a reader hears from the newsletter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frequency {
    /// Once a week.
    Weekly,
    /// Once a month.
    Monthly,
}

/// One issue for one set of preferences. For what differs from reader to reader give the placeholders
/// [`UNSUBSCRIBE_URL`](super::UNSUBSCRIBE_URL) and [`MANAGE_URL`](super::MANAGE_URL).
pub struct Issue<'a> {
    /// The publication.
    pub site_name: &'a str,
    /// The publication on the web.
    pub site_url: &'a str,
    /// The newsletter.
    pub newsletter_name: &'a str,
    /// Weekly or monthly: what the subject begins with.
    pub frequency: Frequency,
    /// A subject that an editor wrote, in place of the first item's title.
    pub subject: Option<&'a str>,
    /// The period in words, such as `Week 47, 2026`.
    pub period_label: &'a str,
    /// What an editor wrote above the items.
    pub intro: Option<&'a str>,
    /// The full entries, in order.
    pub items: &'a [Item<'a>],
    /// Titles below them; from the 21st on they count as remaining.
    pub more: &'a [Link<'a>],
    /// How many articles are only on the site.
    pub remaining: usize,
    /// Where the reader leaves.
    pub unsubscribe_url: &'a str,
    /// Where the reader changes preferences.
    pub manage_url: Option<&'a str>,
    /// The issue on the web, if it has a page.
    pub archive_url: Option<&'a str>,
    /// The publisher's address, in one or several lines; the law asks for it (CAN-SPAM).
    pub postal_address: &'a str,
    /// The language of the content, such as `en`.
    pub locale: &'a str,
}

/// An article in full: title, excerpt, who and where.
#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    /// Its title.
    pub title: &'a str,
    /// The first words of it.
    pub excerpt: &'a str,
    /// Its primary category.
    pub category: Option<&'a str>,
    /// Its byline.
    pub author: Option<&'a str>,
    /// Where to read it.
    pub url: &'a str,
}

/// A title to click on.
#[derive(Debug, Clone, Copy)]
pub struct Link<'a> {
    /// What it is called.
    pub title: &'a str,
    /// Where it leads.
    pub url: &'a str,
}

/// An issue with every word made fit: what both templates draw from.
struct Page<'a> {
    subject: String,
    site_name: String,
    site_url: String,
    newsletter_name: String,
    period_label: String,
    intro: String,
    entries: Vec<Entry>,
    more: Vec<Entry>,
    remaining: usize,
    unsubscribe_url: String,
    manage_url: Option<String>,
    archive_url: Option<String>,
    postal_address: Vec<String>,
    locale: &'a str,
}

struct Entry {
    title: String,
    excerpt: String,
    source: String,
    url: String,
}

#[derive(Template)]
#[template(path = "issue.txt")]
struct IssueText<'a> {
    page: &'a Page<'a>,
    heading: String,
    reason: String,
}

#[derive(Template)]
#[template(path = "issue.html")]
struct IssueHtml<'a> {
    page: &'a Page<'a>,
}

impl Issue<'_> {
    /// Draws the issue, once for all readers who get the same items.
    pub fn render(&self) -> Result<Rendered> {
        let page = &self.page();
        let heading = format!("{} · {}", page.newsletter_name, page.period_label);
        let reason = format!("You receive {} because you asked {} for it.", page.newsletter_name, page.site_name);
        let text = tidy(&IssueText { page, heading, reason }.render()?);
        let html = IssueHtml { page }.render()?;
        Ok(Rendered { subject: page.subject.clone(), text, html, language: self.locale.to_owned() })
    }

    fn page(&self) -> Page<'_> {
        let more = &self.more[..self.more.len().min(MORE)];
        Page {
            subject: self.subject(),
            site_name: cut(self.site_name, SITE_NAME),
            site_url: address(self.site_url),
            newsletter_name: cut(self.newsletter_name, SITE_NAME),
            period_label: cut(self.period_label, SITE_NAME),
            intro: cut(self.intro.unwrap_or_default(), INTRO),
            entries: self.items.iter().map(Entry::from).collect(),
            more: more.iter().map(Entry::from).collect(),
            remaining: self.remaining + self.more.len() - more.len(),
            unsubscribe_url: personal_address(self.unsubscribe_url),
            manage_url: self.manage_url.map(personal_address),
            archive_url: self.archive_url.map(address),
            postal_address: lines(self.postal_address),
            locale: self.locale,
        }
    }

    fn subject(&self) -> String {
        let written = self.subject.map(|subject| cut(subject, SUBJECT_LIMIT)).filter(|subject| !subject.is_empty());
        written.unwrap_or_else(|| {
            let label = match self.frequency {
                Frequency::Weekly => "Weekly update",
                Frequency::Monthly => "Monthly update",
            };
            let title = self.items.first().map_or(self.newsletter_name, |item| item.title);
            cut(&format!("{label}: {title}"), SUBJECT_LIMIT)
        })
    }
}

impl From<&Item<'_>> for Entry {
    fn from(item: &Item<'_>) -> Self {
        let source = [item.category, item.author].into_iter().flatten().map(|name| cut(name, SITE_NAME));
        Self {
            title: cut(item.title, TITLE),
            excerpt: cut(item.excerpt, EXCERPT),
            source: source.filter(|name| !name.is_empty()).collect::<Vec<_>>().join(" · "),
            url: address(item.url),
        }
    }
}

impl From<&Link<'_>> for Entry {
    fn from(link: &Link<'_>) -> Self {
        let (excerpt, source) = Default::default();
        Self { title: cut(link.title, TITLE), excerpt, source, url: address(link.url) }
    }
}
