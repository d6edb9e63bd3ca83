//! RSS 2.0, as the RSS Advisory Board's profile has it.

use domain::{Result, Timestamp};

use super::feed::{Feed, Item};
use crate::xml::Xml;

const NAMESPACES: [(&str, &str); 5] = [
    ("version", "2.0"),
    ("xmlns:atom", "http://www.w3.org/2005/Atom"),
    ("xmlns:content", "http://purl.org/rss/1.0/modules/content/"),
    ("xmlns:dc", "http://purl.org/dc/elements/1.1/"),
    ("xmlns:media", "http://search.yahoo.com/mrss/"),
];

/// The feed in this format.
pub(super) fn write(feed: &Feed) -> Result<Vec<u8>> {
    let mut xml = Xml::new()?;
    xml.open("rss", &NAMESPACES)?;
    xml.open("channel", &[])?;
    xml.text("title", &feed.title)?;
    xml.text("link", &feed.home)?;
    // It must not be missing.
    let description = if feed.description.is_empty() { &feed.title } else { &feed.description };
    xml.text("description", description)?;
    xml.text("language", &feed.language)?;
    if let Some(newest) = feed.newest() {
        xml.text("lastBuildDate", &date(newest))?;
    }
    xml.text("generator", "Byline")?;
    xml.empty("atom:link", &[("rel", "self"), ("href", &feed.own), ("type", "application/rss+xml")])?;
    if let Some(hub) = &feed.hub {
        xml.empty("atom:link", &[("rel", "hub"), ("href", hub)])?;
    }
    for item in &feed.items {
        write_item(&mut xml, item)?;
    }
    xml.close("channel")?;
    xml.close("rss")?;
    Ok(xml.finish())
}

fn write_item(xml: &mut Xml, item: &Item) -> Result<()> {
    xml.open("item", &[])?;
    xml.text("title", &item.title)?;
    xml.text("link", &item.url)?;
    xml.text_with("guid", &[("isPermaLink", "false")], &item.id)?;
    xml.text("pubDate", &date(item.published))?;
    for author in &item.authors {
        xml.text("dc:creator", &author.name)?;
    }
    for label in &item.labels {
        xml.text("category", label)?;
    }
    if let Some(summary) = &item.summary {
        xml.text("description", summary)?;
    }
    xml.text("content:encoded", &item.html)?;
    if let Some(image) = &item.image {
        xml.empty("media:content", &[("url", image), ("medium", "image")])?;
    }
    xml.close("item")
}

/// RFC 822 with four digits of the year, as RSS wants it.
fn date(at: Timestamp) -> String {
    at.to_jiff().strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}
