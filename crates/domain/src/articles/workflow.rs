//! The states of an article, and who may lead it from one to another.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Kind;
use crate::error::Stale;
use crate::ids::{ArticleId, GroupId, UserId};
use crate::permissions::Action;
use crate::{Actor, Error, Fault, Result, Seen, Timestamp};

/// Where an article stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ArticleState)]
pub enum State {
    /// Being written; never public.
    Draft,
    /// Becomes public, or a newer revision of it does, at a set time.
    Scheduled,
    /// Public.
    Published,
    /// Was public, and is not now.
    Unpublished,
    /// In the trash.
    Trashed,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Draft, Self::Scheduled, Self::Published, Self::Unpublished, Self::Trashed];

    /// As it is stored and sent.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Scheduled => "scheduled",
            Self::Published => "published",
            Self::Unpublished => "unpublished",
            Self::Trashed => "trashed",
        }
    }
}

impl FromStr for State {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let state = Self::ALL.into_iter().find(|state| state.as_str() == text);
        state.ok_or_else(|| Error::Internal(format!("there is no state {text}")))
    }
}

/// What can be done with an article; `available_actions` names those that this caller may do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// Change its content.
    Edit,
    /// Show the newest revision to the public now.
    Publish,
    /// Show the newest revision to the public at a set time.
    Schedule,
    /// Take the set time back.
    Unschedule,
    /// Take it from the public.
    Unpublish,
    /// Put it into the trash.
    Trash,
    /// Take it out of the trash.
    Restore,
    /// Remove it for good.
    Purge,
}

impl Act {
    const ALL: [Self; 8] = [
        Self::Edit,
        Self::Publish,
        Self::Schedule,
        Self::Unschedule,
        Self::Unpublish,
        Self::Trash,
        Self::Restore,
        Self::Purge,
    ];

    /// The right that it takes.
    pub fn right(self) -> Action {
        match self {
            Self::Edit | Self::Trash | Self::Restore => Action::WriteArticles,
            Self::Publish | Self::Schedule | Self::Unschedule | Self::Unpublish => Action::PublishArticles,
            Self::Purge => Action::PurgeArticles,
        }
    }
}

/// An article as its editors know it, without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Article {
    /// Its identity.
    pub id: ArticleId,
    /// What sort of thing it is.
    pub kind: Kind,
    /// What it is a translation of, or is translated as.
    pub group: GroupId,
    /// Its language.
    pub locale: String,
    /// Where it stands.
    pub state: State,
    /// Raised by every change.
    pub version: u64,
    /// The number of the newest revision.
    pub revision: u64,
    /// The revision that the public sees.
    pub published_revision: Option<u64>,
    /// The revision that is scheduled.
    pub scheduled_revision: Option<u64>,
    /// When the scheduled revision becomes public.
    pub publish_at: Option<Timestamp>,
    /// When it was first published.
    pub published_at: Option<Timestamp>,
    /// Whether readers may leave comments.
    pub comments_open: bool,
    /// Who began it.
    pub owner: Option<UserId>,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// Who changed it last.
    pub updated_by: String,
}

/// What the public sees of an article, as a change leaves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// The same as before.
    AsBefore,
    /// The newest revision, from now on.
    SeesNewest,
    /// The newest revision, from this time on; until then as before.
    WillSeeNewest(Timestamp),
    /// What it saw before a time was set; that no longer comes.
    SeesNoNext,
    /// Nothing for now (404).
    SeesNothing,
    /// Nothing, for good (410).
    SeesItGone,
}

impl Article {
    /// The article as it is at `now`: what fell due by its schedule is published, whether or not a worker ran.
    #[must_use]
    pub fn at(mut self, now: Timestamp) -> Self {
        if self.state == State::Scheduled
            && let Some(due) = self.publish_at.filter(|due| *due <= now)
        {
            self.state = State::Published;
            self.published_revision = self.scheduled_revision.take();
            self.published_at.get_or_insert(due);
            self.publish_at = None;
        }
        self
    }

    /// Whether the public sees it, or will at a set time.
    pub fn is_public(&self) -> bool {
        matches!(self.state, State::Scheduled | State::Published)
    }

    /// Whether the newest revision is another than the one that the public sees, or will see.
    pub fn has_unpublished_changes(&self) -> bool {
        self.published_revision.or(self.scheduled_revision).is_some_and(|shown| shown != self.revision)
    }

    /// What `by` may do with it now.
    pub fn available_actions(&self, by: &Actor) -> Vec<Act> {
        Act::ALL.into_iter().filter(|act| self.allows(*act) && self.may(by, *act)).collect()
    }

    fn may(&self, by: &Actor, act: Act) -> bool {
        by.can(act.right(), self.owner, self.is_public())
    }

    /// Whether its state admits an act.
    fn allows(&self, act: Act) -> bool {
        let newest_is_shown = self.published_revision == Some(self.revision);
        match (act, self.state) {
            (Act::Restore | Act::Purge, state) => state == State::Trashed,
            (_, State::Trashed) => false,
            (Act::Edit | Act::Trash, _) => true,
            (Act::Publish | Act::Schedule, _) => !newest_is_shown,
            (Act::Unschedule, state) => state == State::Scheduled,
            (Act::Unpublish, state) => state == State::Published || self.published_revision.is_some(),
        }
    }

    /// Refuses `by` unless it may see this article (404) and do `act` (403), has seen its version (428, 412), and its
    /// state admits it (409).
    pub fn admit(&self, by: &Actor, act: Act, seen: &Seen) -> Result<()> {
        self.see(by)?;
        if !self.may(by, act) {
            return Err(Error::forbidden(format!("Your role ({}) may not do this to this article.", by.role)));
        }
        seen.expect(self.version, || self.stale())?;
        if self.allows(act) { Ok(()) } else { Err(self.conflict(act)) }
    }

    /// Refuses `by` unless it may see this article: to others it does not exist.
    pub fn see(&self, by: &Actor) -> Result<()> {
        by.reach(Action::ReadArticles)?;
        if by.can(Action::ReadArticles, self.owner, self.is_public()) {
            Ok(())
        } else {
            Err(Error::NotFound("article"))
        }
    }

    /// What stands there now, for someone who saw an older version.
    pub fn stale(&self) -> Stale {
        Stale {
            version: self.version,
            state: Some(self.state.as_str().into()),
            changed_by: Some(self.updated_by.clone()),
            changed_at: Some(self.updated_at),
        }
    }

    fn conflict(&self, act: Act) -> Error {
        let state = self.state.as_str();
        match (act, self.state) {
            (_, State::Trashed) => Error::conflict("trashed", "The article is in the trash; restore it first."),
            (Act::Publish | Act::Schedule, _) => {
                Error::conflict("already_published", "The public sees the newest revision already.")
            }
            (Act::Unschedule, _) => Error::conflict("not_scheduled", format!("The article is {state}.")),
            (Act::Unpublish, _) => Error::conflict("not_published", format!("The article is {state}.")),
            _ => Error::conflict("not_trashed", format!("The article is {state}; only from the trash does this work.")),
        }
    }

    /// Shows the newest revision to the public.
    pub fn publish(&mut self, at: Timestamp) -> Audience {
        self.state = State::Published;
        self.published_revision = Some(self.revision);
        self.published_at.get_or_insert(at);
        self.cancel_schedule();
        Audience::SeesNewest
    }

    /// Shows the newest revision to the public at a time to come.
    pub fn schedule(&mut self, publish_at: Option<Timestamp>, now: Timestamp) -> Result<Audience> {
        let Some(publish_at) = publish_at else {
            return Err(Error::invalid(Fault::at("/publish_at", "required", "Say when to publish it.")));
        };
        if publish_at <= now {
            let detail = "Name a time to come; to publish now, publish it.";
            return Err(Error::invalid(Fault::at("/publish_at", "in_the_past", detail)));
        }
        self.state = State::Scheduled;
        self.scheduled_revision = Some(self.revision);
        self.publish_at = Some(publish_at);
        Ok(Audience::WillSeeNewest(publish_at))
    }

    /// Takes the set time back.
    pub fn unschedule(&mut self) -> Audience {
        self.cancel_schedule();
        self.state = if self.published_revision.is_some() { State::Published } else { self.resting() };
        Audience::SeesNoNext
    }

    /// Takes it from the public, and a set time with it.
    pub fn unpublish(&mut self) -> Audience {
        self.cancel_schedule();
        self.published_revision = None;
        self.state = State::Unpublished;
        Audience::SeesNothing
    }

    /// Puts it into the trash.
    pub fn trash(&mut self) -> Audience {
        self.unpublish();
        self.state = State::Trashed;
        if self.published_at.is_some() { Audience::SeesItGone } else { Audience::SeesNothing }
    }

    /// Takes it out of the trash. What was public does not become so again by itself.
    pub fn restore(&mut self) -> Audience {
        self.state = self.resting();
        Audience::SeesNothing
    }

    fn cancel_schedule(&mut self) {
        self.scheduled_revision = None;
        self.publish_at = None;
    }

    /// The state of an article that the public does not see.
    fn resting(&self) -> State {
        if self.published_at.is_some() { State::Unpublished } else { State::Draft }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::permissions::Role;

    fn article() -> Article {
        Article {
            id: ArticleId::new(),
            kind: Kind::Article,
            group: GroupId::new(),
            locale: "en".into(),
            state: State::Draft,
            version: 1,
            revision: 1,
            published_revision: None,
            scheduled_revision: None,
            publish_at: None,
            published_at: None,
            comments_open: true,
            owner: Some(UserId::new()),
            updated_at: Timestamp::from_micros(0),
            updated_by: "Ann".into(),
        }
    }

    const NINE: Timestamp = Timestamp::from_micros(9);
    const TEN: Timestamp = Timestamp::from_micros(10);

    #[test]
    fn what_is_due_is_published_whether_or_not_a_worker_ran() {
        let mut article = article();
        article.schedule(Some(TEN), NINE).unwrap();
        assert_eq!(article.clone().at(NINE).state, State::Scheduled);
        let due = article.at(TEN);
        assert_eq!((due.state, due.published_at, due.published_revision), (State::Published, Some(TEN), Some(1)));
        assert!(!due.has_unpublished_changes());
    }

    #[test]
    fn the_first_publication_never_moves() {
        let mut article = article();
        article.publish(NINE);
        article.unpublish();
        article.publish(TEN);
        assert_eq!(article.published_at, Some(NINE));
    }

    #[test]
    fn a_scheduled_revision_leaves_the_live_one_until_its_time() {
        let mut article = article();
        article.publish(NINE);
        article.revision = 2;
        assert!(article.has_unpublished_changes());
        article.schedule(Some(TEN), NINE).unwrap();
        assert_eq!((article.published_revision, article.scheduled_revision), (Some(1), Some(2)));
        assert_eq!(article.clone().at(TEN).published_revision, Some(2));
        article.unschedule();
        assert_eq!(article.state, State::Published);
    }

    #[test]
    fn a_restored_article_is_not_public() {
        let mut article = article();
        article.publish(NINE);
        assert_eq!(article.trash(), Audience::SeesItGone);
        article.restore();
        assert_eq!(article.state, State::Unpublished);
    }

    /// Every state × act, for one who may do everything; the table of `docs/API.md`.
    #[test]
    fn states_admit_what_the_table_says() {
        let admin = Actor::system();
        let mut table = Vec::new();
        for state in State::ALL {
            let mut article = Article { state, ..article() };
            if state == State::Published {
                article.published_revision = Some(1);
            }
            table.push(format!("{}: {:?}", state.as_str(), article.available_actions(&admin)));
        }
        insta::assert_snapshot!(table.join("\n"), @r"
        draft: [Edit, Publish, Schedule, Trash]
        scheduled: [Edit, Publish, Schedule, Unschedule, Trash]
        published: [Edit, Unpublish, Trash]
        unpublished: [Edit, Publish, Schedule, Trash]
        trashed: [Restore, Purge]
        ");
    }

    #[test]
    fn to_others_an_article_does_not_exist() {
        let article = article();
        let other = Actor { user: Some(UserId::new()), name: "Bo".into(), role: Role::Author };
        assert!(matches!(article.admit(&other, Act::Edit, &Seen::Any), Err(Error::NotFound(_))));
        let owner = Actor { user: article.owner, name: "Ann".into(), role: Role::Contributor };
        assert!(article.admit(&owner, Act::Edit, &Seen::Any).is_ok());
        assert!(matches!(article.admit(&owner, Act::Publish, &Seen::Any), Err(Error::Forbidden { .. })));
        assert!(matches!(article.admit(&owner, Act::Edit, &Seen::Nothing), Err(Error::PreconditionRequired)));
    }
}
