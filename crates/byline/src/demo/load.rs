//! Loading, a function per kind, through the same operations that the API calls.

use domain::permissions::Actor;
use domain::tags::TagWrite;
use domain::{Result, Timestamp};
use persistence::{Conn, tags};

use super::data::Demo;

/// Loads everything, in the order in which one refers to the other.
pub fn all(conn: &mut Conn, by: &Actor, demo: &Demo, now: Timestamp) -> Result<()> {
    load_tags(conn, by, demo, now)
}

fn load_tags(conn: &mut Conn, by: &Actor, demo: &Demo, now: Timestamp) -> Result<()> {
    for tag in &demo.tags {
        let (slug, name) = (Some(tag.slug.clone()), Some(tag.name.clone()));
        let write = TagWrite { slug, name, description: tag.description.clone() };
        tags::create(conn, by, &write.check()?, now)?;
    }
    Ok(())
}
