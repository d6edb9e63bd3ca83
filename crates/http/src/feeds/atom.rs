//! Atom (RFC 4287).

use domain::{Result, Timestamp};

use super::feed::{Feed, Item};
use crate::xml::Xml;

/// The feed in this format.
pub(super) fn write(feed: &Feed) -> Result<Vec<u8>> {
    let mut xml = Xml::new()?;
    xml.open("feed", &[("xmlns", "http://www.w3.org/2005/Atom"), ("xml:lang", &feed.language)])?;
    xml.text("id", &feed.own)?;
    xml.text("title", &feed.title)?;
    if !feed.description.is_empty() {
        xml.text("subtitle", &feed.description)?;
    }
    // It must not be missing: an empty feed is as old as time.
    xml.text("updated", &date(feed.newest().unwrap_or(Timestamp::from_micros(0))))?;
    xml.empty("link", &[("rel", "self"), ("type", "application/atom+xml"), ("href", &feed.own)])?;
    xml.empty("link", &[("rel", "alternate"), ("type", "text/html"), ("href", &feed.home)])?;
    if let Some(hub) = &feed.hub {
        xml.empty("link", &[("rel", "hub"), ("href", hub)])?;
    }
    // Of what has no author of its own.
    xml.open("author", &[])?;
    xml.text("name", &feed.publisher)?;
    xml.close("author")?;
    xml.text("generator", "Byline")?;
    for item in &feed.items {
        write_item(&mut xml, item)?;
    }
    xml.close("feed")?;
    Ok(xml.finish())
}

fn write_item(xml: &mut Xml, item: &Item) -> Result<()> {
    match &item.language {
        Some(language) => xml.open("entry", &[("xml:lang", language)])?,
        None => xml.open("entry", &[])?,
    }
    xml.text("id", &item.id)?;
    xml.text("title", &item.title)?;
    xml.empty("link", &[("rel", "alternate"), ("type", "text/html"), ("href", &item.url)])?;
    xml.text("published", &date(item.published))?;
    xml.text("updated", &date(item.updated))?;
    for author in &item.authors {
        xml.open("author", &[])?;
        xml.text("name", &author.name)?;
        if let Some(url) = &author.url {
            xml.text("uri", url)?;
        }
        xml.close("author")?;
    }
    for label in &item.labels {
        xml.empty("category", &[("term", label)])?;
    }
    if let Some(summary) = &item.summary {
        xml.text("summary", summary)?;
    }
    xml.text_with("content", &[("type", "html")], &item.html)?;
    xml.close("entry")
}

fn date(at: Timestamp) -> String {
    at.to_string()
}
