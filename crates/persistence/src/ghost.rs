//! What Ghost's API lists: the read model, by Ghost's identities, with conditions of any shape and pages that are counted
//! from the beginning.

mod authors;
mod filter;
mod posts;
mod tags;

pub use authors::{Author, authors, authors_named};
pub use filter::{Filter, Part, Relation, TermField, Test, What};
pub use posts::{PostCondition, PostField, PostOrder, PostQuery, Posts, posts};
pub use tags::{Tag, tags, tags_named};
