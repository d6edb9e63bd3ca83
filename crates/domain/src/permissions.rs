//! Who may do what: one table. Everything that is refused for want of a role is refused by it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::UserId;
use crate::{Error, Result};

/// What a user is to the publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Runs the publication: may do everything.
    Admin,
    /// Answers for its content.
    Editor,
    /// Writes and publishes articles of their own.
    Author,
    /// Writes articles that others publish.
    Contributor,
    /// Works through the queue of comments.
    Moderator,
}

impl Role {
    /// Every role, in the order of the table's columns.
    pub const ALL: [Self; 5] = [Self::Admin, Self::Editor, Self::Author, Self::Contributor, Self::Moderator];

    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Editor => "editor",
            Self::Author => "author",
            Self::Contributor => "contributor",
            Self::Moderator => "moderator",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| {
            format!("there is no role \"{text}\"; roles are admin, editor, author, contributor and moderator")
        })
    }
}

/// What someone wants to do. Each is a row of [`TABLE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// See articles that the public does not, and their revisions.
    ReadArticles,
    /// Create, revise, trash and restore articles.
    WriteArticles,
    /// Publish, schedule, unschedule and unpublish articles.
    PublishArticles,
    /// Remove articles from the trash for good.
    PurgeArticles,
    /// Change the category tree.
    WriteCategories,
    /// Change tags.
    WriteTags,
    /// Change bylines.
    WriteBylines,
    /// See what categories, tags and bylines there are to choose from.
    ReadTaxonomy,
    /// Work through the queue of comments.
    ModerateComments,
    /// See the address of a commenter unmasked.
    SeeCommenterEmail,
    /// See the newsletter's settings and issues, and preview them.
    ReadNewsletter,
    /// Change how the newsletter is sent.
    WriteNewsletter,
    /// See subscribers.
    ReadSubscribers,
    /// Change who may sign in.
    WriteUsers,
    /// Read and change the settings of the site.
    WriteSettings,
    /// Say where paths of the front end lead.
    WriteRedirects,
}

/// How far a role reaches with an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// To everything.
    All,
    /// To what the user owns.
    Own,
    /// To what the user owns, while it is not public.
    OwnUnpublished,
    /// To nothing.
    Nothing,
}

use Action::{
    ModerateComments, PublishArticles, PurgeArticles, ReadArticles, ReadNewsletter, ReadSubscribers, ReadTaxonomy,
    SeeCommenterEmail, WriteArticles, WriteBylines, WriteCategories, WriteNewsletter, WriteRedirects, WriteSettings,
    WriteTags, WriteUsers,
};
use Reach::{All, Nothing, Own, OwnUnpublished};

/// The table: action × role, columns in the order of [`Role::ALL`].
#[rustfmt::skip]
pub const TABLE: [(Action, [Reach; 5]); 16] = [
    //                    admin  editor   author   contributor     moderator
    (ReadArticles,       [All,   All,     Own,     Own,            Nothing]),
    (WriteArticles,      [All,   All,     Own,     OwnUnpublished, Nothing]),
    (PublishArticles,    [All,   All,     Own,     Nothing,        Nothing]),
    (PurgeArticles,      [All,   All,     Nothing, Nothing,        Nothing]),
    (WriteCategories,    [All,   All,     Nothing, Nothing,        Nothing]),
    (WriteTags,          [All,   All,     All,     Nothing,        Nothing]),
    (WriteBylines,       [All,   All,     Nothing, Nothing,        Nothing]),
    (ReadTaxonomy,       [All,   All,     All,     All,            All]),
    (ModerateComments,   [All,   All,     Nothing, Nothing,        All]),
    (SeeCommenterEmail,  [All,   Nothing, Nothing, Nothing,        Nothing]),
    (ReadNewsletter,     [All,   All,     Nothing, Nothing,        Nothing]),
    (WriteNewsletter,    [All,   Nothing, Nothing, Nothing,        Nothing]),
    (ReadSubscribers,    [All,   Nothing, Nothing, Nothing,        Nothing]),
    (WriteUsers,         [All,   Nothing, Nothing, Nothing,        Nothing]),
    (WriteSettings,      [All,   Nothing, Nothing, Nothing,        Nothing]),
    (WriteRedirects,     [All,   All,     Nothing, Nothing,        Nothing]),
];

/// How far `role` reaches with `action`.
pub fn reach(role: Role, action: Action) -> Reach {
    let column = role as usize;
    TABLE.iter().find(|(row, _)| *row == action).map_or(Nothing, |(_, reaches)| reaches[column])
}

/// Who acts: a signed-in user, or the system itself (its workers and the command line).
#[derive(Debug, Clone)]
pub struct Actor {
    /// The user; absent for the system.
    pub user: Option<UserId>,
    /// The name that history shows.
    pub name: String,
    /// What they are to the publication.
    pub role: Role,
}

impl Actor {
    /// The system itself, which may do everything.
    pub fn system() -> Self {
        Self { user: None, name: "system".into(), role: Role::Admin }
    }

    /// How far this actor reaches with `action`; refuses one who reaches nothing (403).
    pub fn reach(&self, action: Action) -> Result<Reach> {
        match reach(self.role, action) {
            Nothing => Err(Error::forbidden(format!("Your role ({}) may not do this.", self.role))),
            reach => Ok(reach),
        }
    }

    /// Refuses an actor who may not do `action` to everything (403).
    pub fn may(&self, action: Action) -> Result<()> {
        match self.reach(action)? {
            All => Ok(()),
            _ => Err(Error::forbidden(format!("Your role ({}) may do this to its own only.", self.role))),
        }
    }

    /// Whether this actor may do `action` to something of `owner` that is or is not public.
    pub fn can(&self, action: Action, owner: Option<UserId>, public: bool) -> bool {
        let own = self.user.is_some() && self.user == owner;
        match reach(self.role, action) {
            All => true,
            Own => own,
            OwnUnpublished => own && !public,
            Nothing => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_has_one_row() {
        for (index, (action, _)) in TABLE.iter().enumerate() {
            assert!(TABLE[index + 1..].iter().all(|(other, _)| other != action), "{action:?} has two rows");
        }
    }

    #[test]
    fn an_owner_reaches_their_own() {
        let ann = Actor { user: Some(UserId::new()), name: "Ann".into(), role: Role::Contributor };
        assert!(ann.can(WriteArticles, ann.user, false));
        assert!(!ann.can(WriteArticles, ann.user, true));
        assert!(!ann.can(WriteArticles, Some(UserId::new()), false));
        assert!(!ann.can(WriteArticles, None, false));
        assert!(ann.may(WriteUsers).is_err());
    }
}
