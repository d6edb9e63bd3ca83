//! WordPress exports (WXR): read twice, once for what items refer to, once for the items themselves.

mod dates;
mod fields;
mod permalinks;
mod plan;
mod source;
mod survey;
mod wxr;

pub use dates::When;
pub use plan::{NoZone, Plan};
pub use survey::{Attachment, Survey};
pub use wxr::{Author, Broken, Comment, Flaws, Item, Label, Site, Term, Thing, Wxr};
