//! Identities: UUIDv7 strings, one type per kind of thing.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The identity by which Ghost's API names what Ghost did not make: 24 hexadecimal digits, always the same for a thing.
pub fn ghost_id(kind: &str, id: &str) -> String {
    let mut digits = crate::secrets::sha256(format!("{kind}:{id}"));
    digits.truncate(24);
    digits
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new identity, ordered by the time it was made.
            #[allow(clippy::new_without_default, reason = "two defaults would not be equal")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            /// The identity with something before it, as keys of caches have it.
            pub fn prefixed(self, prefix: &str) -> String {
                let mut key = String::with_capacity(prefix.len() + 36);
                key.push_str(prefix);
                key.push_str(self.0.hyphenated().encode_lower(&mut [0; 36]));
                key
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                Uuid::try_parse(text).map(Self)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                use utoipa::openapi::schema::{ObjectBuilder, SchemaFormat, Type};
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .format(Some(SchemaFormat::Custom("uuid".into())))
                    .examples(["01936f5e-8c2a-7b3d-9e4f-5a6b7c8d9e0f"])
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}
    )*};
}

ids! {
    /// An article, whatever its slug and state.
    ArticleId,
    /// A group of articles that are translations of each other.
    GroupId,
    /// A node of the category tree.
    CategoryId,
    /// A flat label.
    TagId,
    /// The public name an article is signed with.
    BylineId,
    /// Someone who signs in.
    UserId,
    /// One sign-in, and the family of refresh tokens that grew from it.
    SessionId,
    /// What a reader left under an article.
    CommentId,
    /// One decision about a comment.
    EventId,
    /// A person's address and what it asked to receive.
    SubscriberId,
    /// What is sent to subscribers.
    NewsletterId,
    /// One weekly (or monthly) update.
    IssueId,
    /// One issue for one subscriber.
    DeliveryId,
    /// A message that waits to leave.
    MessageId,
    /// A rule for a path of the front end.
    RedirectId,
    /// A file that articles show or offer.
    MediaId,
}
