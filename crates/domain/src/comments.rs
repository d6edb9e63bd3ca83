//! Comments: what readers leave under articles, and the states that moderators put them in.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{Faults, Wrong};
use crate::ids::{ArticleId, CommentId, EventId, UserId};
use crate::moderation::{Reason, Step};
use crate::secrets::sha256;
use crate::text::{CommentBody, CommenterName, Email, Prose, WebUrl, render_comment};
use crate::{Error, Fault, Result, Timestamp};

/// Declares an enum of words that are the same on the wire and in the database; `as` is its name in the OpenAPI
/// document, where all names stand side by side.
macro_rules! words {
    (
        $(#[doc = $doc:literal])*
        $name:ident as $schema:literal { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),* $(,)? }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant),*
        }

        impl $name {
            /// Every word.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The word itself.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),*
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::Error;

            fn from_str(text: &str) -> crate::Result<Self> {
                let unknown = || crate::Error::Internal(format!("there is no {} `{text}`", stringify!($name)));
                Self::ALL.iter().copied().find(|word| word.as_str() == text).ok_or_else(unknown)
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::schema::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .description(Some(concat!($($doc),*).trim()))
                    .enum_values(Some([$($word),*]))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {
            fn name() -> std::borrow::Cow<'static, str> {
                $schema.into()
            }
        }
    };
}
pub(crate) use words;

words! {
    /// What became of a comment. Only `approved` is public.
    State as "CommentState" {
        /// Waits for a moderator.
        Pending = "pending",
        /// Public.
        Approved = "approved",
        /// Refused by a moderator.
        Rejected = "rejected",
        /// Junk.
        Spam = "spam",
        /// Put away, until it is restored or purged.
        Trash = "trash",
    }
}

words! {
    /// What a moderator may ask for.
    Target as "CommentTarget" {
        /// Show it to the public.
        Approved = "approved",
        /// Refuse it.
        Rejected = "rejected",
        /// Call it junk.
        Spam = "spam",
        /// Put it away.
        Trash = "trash",
        /// Undo: go back to the state before it was rejected, called spam or put away.
        Restore = "restore",
    }
}

words! {
    /// What the author of a comment is to the publication.
    AuthorRole as "CommenterRole" {
        /// A reader who did not sign in.
        Guest = "guest",
        /// A reader who signed in.
        Member = "member",
        /// The author of the article.
        Author = "author",
        /// Someone else of the publication.
        Staff = "staff",
    }
}

/// How many replies may stand under each other; a deeper one joins the last level.
pub const MAX_DEPTH: i32 = 4;

/// Most comments that one bulk decision names.
pub const MAX_BULK: usize = 200;

/// Longest address of a commenter's site, in bytes.
const MAX_URL: usize = 200;

/// Longest reason code.
const MAX_REASON_CODE: usize = 40;

impl State {
    /// The state that `target` leads to from here (`community.md`, section 11); `None` if it may not be asked for.
    ///
    /// `before` is the state that it had before it was rejected, called spam or put away.
    pub fn after(self, target: Target, before: Option<Self>) -> Option<Self> {
        match (self, target) {
            (Self::Pending | Self::Spam, Target::Approved) => Some(Self::Approved),
            (Self::Pending, Target::Rejected) => Some(Self::Rejected),
            (Self::Pending | Self::Approved, Target::Spam) => Some(Self::Spam),
            (Self::Pending | Self::Approved | Self::Rejected | Self::Spam, Target::Trash) => Some(Self::Trash),
            (Self::Rejected | Self::Spam | Self::Trash, Target::Restore) => Some(before.unwrap_or(Self::Pending)),
            _ => None,
        }
    }

    /// Everything that may be asked for from here.
    pub fn available_actions(self) -> Vec<Target> {
        Target::ALL.iter().copied().filter(|target| self.after(*target, None).is_some()).collect()
    }
}

/// What a reader sends. Members that are not built yet are taken and have no effect.
#[derive(Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CommentWrite {
    /// The name it is signed with: 1 to 80 characters. Required.
    #[schema(required = true, example = "Ann")]
    pub author_name: Option<String>,
    /// The author's address; never published. Required.
    #[schema(required = true, format = "email", example = "ann@example.org")]
    pub author_email: Option<String>,
    /// The author's site: http or https, at most 200 bytes.
    #[schema(format = "uri")]
    pub author_url: Option<String>,
    /// Plain text or CommonMark: 2 to 10,000 characters. Required.
    #[schema(required = true, example = "Thank you. How long did it take?")]
    pub body: Option<String>,
    /// The comment it replies to: an approved one under the same article.
    pub parent_id: Option<CommentId>,
    /// Whether the author wants to hear of replies; begins a confirmation of its own.
    pub notify_replies: Option<bool>,
    /// Whether the author wants the weekly update; begins a confirmation of its own.
    pub subscribe_weekly: Option<bool>,
    /// The token of the comment form.
    pub form_token: Option<String>,
    /// The proof of work that the comment form asked for.
    pub pow: Option<String>,
    /// Leave it empty.
    pub nickname: Option<String>,
}

/// A comment whose members are known to be good, rendered. [`CommentWrite::check`] is its only constructor.
#[non_exhaustive]
pub struct NewComment {
    /// The name it is signed with.
    pub name: CommenterName,
    /// Its author's address.
    pub email: Email,
    /// Its author's site.
    pub url: Option<WebUrl>,
    /// What was typed.
    pub body: CommentBody,
    /// What was typed, as safe HTML.
    pub html: String,
    /// What was typed, as plain text.
    pub text: String,
    /// The comment it replies to.
    pub parent: Option<CommentId>,
    /// Whether its author wants to hear of replies.
    pub notify_replies: bool,
    /// Whether its author wants the weekly update.
    pub subscribe_weekly: bool,
    /// Whether the member that people do not see was filled in.
    pub trapped: bool,
}

impl CommentWrite {
    /// Checks every member, and names every fault. Lengths are checked before anything is rendered.
    pub fn check(&self) -> Result<NewComment> {
        let mut faults = Faults::default();
        let text = |member: &Option<String>| member.clone().unwrap_or_default();
        let name = faults.take("/author_name", CommenterName::parse(&text(&self.author_name)));
        let email = faults.take("/author_email", Email::parse(&text(&self.author_email)));
        let url = faults.take("/author_url", WebUrl::parse_optional(&text(&self.author_url), MAX_URL)).flatten();
        let body = faults.take("/body", CommentBody::parse(&text(&self.body)));
        faults.finish()?;
        let (Some(name), Some(email), Some(body)) = (name, email, body) else {
            return Err(Error::Invalid(Vec::new()));
        };
        let (html, text) = render_comment(&body);
        Ok(NewComment {
            name,
            email,
            url,
            body,
            html,
            text,
            parent: self.parent_id,
            notify_replies: self.notify_replies.unwrap_or(false),
            subscribe_weekly: self.subscribe_weekly.unwrap_or(false),
            trapped: self.nickname.as_ref().is_some_and(|nickname| !nickname.is_empty()),
        })
    }
}

impl NewComment {
    /// What is equal for texts that differ in case and white space alone: a SHA-256.
    pub fn text_hash(&self) -> String {
        sha256(self.body.as_str().to_lowercase().split_whitespace().collect::<Vec<_>>().join(" "))
    }
}

/// What a moderator decides about one comment.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TransitionWrite {
    /// What shall become of it. Required.
    #[schema(required = true, value_type = Option<Target>)]
    pub to: Option<String>,
    /// Why, as a code of the publication's own: at most 40 of `a-z`, `0-9` and `_`.
    #[schema(example = "off_topic")]
    pub reason_code: Option<String>,
    /// Why, in words: at most 500 characters, for moderators only.
    #[schema(max_length = 500)]
    pub note: Option<String>,
}

/// A decision whose members are known to be good.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// What shall become of the comment.
    pub target: Target,
    /// Why, as a code.
    pub reason_code: Option<String>,
    /// Why, in words.
    pub note: Option<Prose<500>>,
}

impl TransitionWrite {
    /// Checks every member, and names every fault.
    pub fn check(&self) -> Result<Verdict> {
        let mut faults = Faults::default();
        let verdict = self.read(&mut faults);
        faults.finish()?;
        verdict.ok_or(Error::Invalid(Vec::new()))
    }

    fn read(&self, faults: &mut Faults) -> Option<Verdict> {
        let target = faults.take("/to", target(self.to.as_deref()));
        let reason_code = faults.take("/reason_code", reason_code(self.reason_code.as_deref())).flatten();
        let note = faults.take("/note", Prose::parse_optional(self.note.as_deref().unwrap_or_default())).flatten();
        Some(Verdict { target: target?, reason_code, note })
    }

    /// Decides about a comment in `state`: a target that does not fit it is refused before faults of other members.
    pub fn decide(&self, state: State, before: Option<State>) -> Result<(State, Verdict)> {
        if let Ok(target) = target(self.to.as_deref()) {
            next(state, target, before)?;
        }
        let verdict = self.check()?;
        Ok((next(state, verdict.target, before)?, verdict))
    }
}

/// The state that `target` leads to; refuses one that may not be asked for (409 `illegal_transition`).
pub fn next(state: State, target: Target, before: Option<State>) -> Result<State> {
    state.after(target, before).ok_or_else(|| {
        let choice: Vec<_> = state.available_actions().into_iter().map(Target::as_str).collect();
        let detail = format!("It is {}; from there it can go to: {}.", state.as_str(), choice.join(", "));
        Error::conflict("illegal_transition", detail)
    })
}

fn target(text: Option<&str>) -> Result<Target, Wrong> {
    let Some(text) = text else { return Err(("required", "Say what shall become of it.".into())) };
    let words = || Target::ALL.iter().map(|target| format!("`{}`", target.as_str())).collect::<Vec<_>>().join(", ");
    text.parse().map_err(|_: Error| ("not_in_set", format!("Use one of {}.", words())))
}

fn reason_code(text: Option<&str>) -> Result<Option<String>, Wrong> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(None) };
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    if text.len() > MAX_REASON_CODE || !text.bytes().all(good) {
        return Err(("invalid_code", format!("Use at most {MAX_REASON_CODE} of a-z, 0-9 and _.")));
    }
    Ok(Some(text.to_owned()))
}

/// What a moderator decides about many comments at once.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BulkWrite {
    /// Which, each with the version that was seen: 1 to 200. Required.
    #[schema(required = true, min_items = 1, max_items = 200)]
    pub items: Option<Vec<BulkItem>>,
    /// What shall become of them. Required.
    #[schema(required = true, value_type = Option<Target>)]
    pub to: Option<String>,
    /// Why, as a code of the publication's own.
    pub reason_code: Option<String>,
}

/// One comment of a bulk decision.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct BulkItem {
    /// Which.
    #[schema(required = true)]
    pub id: Option<CommentId>,
    /// The version that was seen.
    #[schema(required = true)]
    pub version: Option<u64>,
}

impl BulkWrite {
    /// Checks every member, and names every fault.
    pub fn check(&self) -> Result<(Vec<(CommentId, u64)>, Verdict)> {
        let mut faults = Faults::default();
        let items = self.items.as_deref().unwrap_or_default();
        if items.is_empty() {
            faults.note(Fault::at("/items", "required", "Name at least one comment."));
        } else if items.len() > MAX_BULK {
            faults.note(Fault::at("/items", "too_many", format!("Name at most {MAX_BULK} comments.")));
        }
        let mut named = Vec::with_capacity(items.len().min(MAX_BULK));
        for (index, item) in items.iter().take(MAX_BULK).enumerate() {
            if item.id.is_none() {
                faults.note(Fault::at(format!("/items/{index}/id"), "required", "Name the comment."));
            }
            if item.version.is_none() {
                faults.note(Fault::at(format!("/items/{index}/version"), "required", "Say which version you saw."));
            }
            named.extend(item.id.zip(item.version));
        }
        let decision = TransitionWrite { to: self.to.clone(), reason_code: self.reason_code.clone(), note: None };
        let verdict = decision.read(&mut faults);
        faults.finish()?;
        Ok((named, verdict.ok_or(Error::Invalid(Vec::new()))?))
    }
}

/// What became of one comment of a bulk decision.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BulkResult {
    /// Which.
    pub id: CommentId,
    /// 200 if it was done; else what a decision about it alone would have answered: 404, 409 or 412.
    #[schema(example = 200)]
    pub status: u16,
    /// Why it was not done: `not_found`, `illegal_transition` or `stale_version`.
    #[schema(required = true)]
    pub code: Option<String>,
    /// Its version now.
    #[schema(required = true)]
    pub version: Option<u64>,
    /// Its state now.
    #[schema(required = true)]
    pub state: Option<State>,
    /// Who made that version.
    #[schema(required = true)]
    pub changed_by: Option<String>,
}

/// An approved comment, as everyone sees it. There is no address in it to leak.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PublicComment {
    /// Its identity.
    pub id: CommentId,
    /// The article it stands under.
    pub article: ArticleId,
    /// The comment it stands under.
    #[schema(required = true)]
    pub parent_id: Option<CommentId>,
    /// How many comments it stands under, 0 to 4.
    #[schema(minimum = 0, maximum = 4)]
    pub depth: i32,
    /// Who left it.
    pub author: PublicCommenter,
    /// It, as safe HTML; empty in a tombstone.
    pub body_html: String,
    /// It, as plain text; empty in a tombstone.
    pub body_text: String,
    /// When it was left.
    pub created_at: Timestamp,
    /// When it was last edited.
    #[schema(required = true)]
    pub edited_at: Option<Timestamp>,
    /// How many comments stand directly under it.
    pub reply_count: u64,
    /// Whether it is no longer shown and only keeps the place of what stands under it.
    pub tombstone: bool,
    /// What stands directly under it, oldest first; only with `view=tree`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub replies: Option<Vec<PublicComment>>,
}

/// Who left a comment, as everyone sees it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PublicCommenter {
    /// The name it is signed with; empty in a tombstone.
    pub name: String,
    /// Their site.
    #[schema(required = true)]
    pub url: Option<String>,
    /// What they are to the publication.
    pub role: AuthorRole,
    /// The same for every comment of one commenter, and for nobody else; empty in a tombstone.
    pub avatar_seed: String,
}

/// A comment, as moderators see it.
#[derive(Clone, Serialize, ToSchema)]
pub struct Comment {
    /// Its identity.
    pub id: CommentId,
    /// The article it stands under.
    pub article: ArticleId,
    /// That article's slug; null while it is not public.
    #[schema(required = true)]
    pub article_slug: Option<String>,
    /// That article's title; null while it is not public.
    #[schema(required = true)]
    pub article_title: Option<String>,
    /// The comment it replies to.
    #[schema(required = true)]
    pub parent_id: Option<CommentId>,
    /// How many comments it stands under, 0 to 4.
    pub depth: i32,
    /// What became of it.
    pub state: State,
    /// Raised by every decision; the `ETag` that `If-Match` names.
    pub version: u64,
    /// Who left it.
    pub author: Commenter,
    /// It, as safe HTML.
    pub body_html: String,
    /// It, as plain text.
    pub body_text: String,
    /// Why it was not shown at once.
    pub hold_reasons: Vec<Reason>,
    /// When it was left.
    pub created_at: Timestamp,
    /// When a moderator last decided about it.
    #[schema(required = true)]
    pub decided_at: Option<Timestamp>,
    /// What may be asked for now, as the `to` of a transition.
    pub available_actions: Vec<Target>,
}

/// Who left a comment, as moderators see it.
#[derive(Clone, Serialize, ToSchema)]
pub struct Commenter {
    /// The name it is signed with.
    pub name: String,
    /// Their address; masked (`a***@e***.org`) unless the caller may see it.
    pub email: String,
    /// Their site.
    #[schema(required = true)]
    pub url: Option<String>,
}

/// A comment with everything that is known about it.
#[derive(Clone, Serialize, ToSchema)]
pub struct FullComment {
    /// The comment.
    #[serde(flatten)]
    pub comment: Comment,
    /// What was typed.
    pub source: String,
    /// What every step of the pipeline said.
    pub trace: Vec<Step>,
    /// The network it came from (/24 or /48).
    #[schema(required = true)]
    pub ip_prefix: Option<String>,
    /// The program it came from, as it calls itself.
    #[schema(required = true)]
    pub user_agent: Option<String>,
    /// Whether its author wants to hear of replies.
    pub notify_replies: bool,
    /// Whether its author wants the weekly update.
    pub subscribe_weekly: bool,
    /// The comment it replies to.
    #[schema(required = true)]
    pub parent: Option<Comment>,
    /// Every decision, oldest first.
    pub history: Vec<Event>,
}

/// One decision about a comment.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = CommentEvent)]
pub struct Event {
    /// Its identity.
    pub id: EventId,
    /// The version that it made.
    pub version: u64,
    /// Who decided.
    pub actor: EventActor,
    /// The state before; null for the first.
    #[schema(required = true)]
    pub from: Option<State>,
    /// The state after.
    pub to: State,
    /// Why, as a code.
    #[schema(required = true)]
    pub reason_code: Option<String>,
    /// Why, in words.
    #[schema(required = true)]
    pub note: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// Who decided.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct EventActor {
    /// The user; null for the system.
    #[schema(required = true)]
    pub id: Option<UserId>,
    /// Their name at that time.
    pub name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_and_target_has_its_outcome() {
        use State::{Approved, Pending, Rejected, Spam, Trash};
        // Columns: approved, rejected, spam, trash, restore (with nothing remembered).
        let table = [
            (Pending, [Some(Approved), Some(Rejected), Some(Spam), Some(Trash), None]),
            (Approved, [None, None, Some(Spam), Some(Trash), None]),
            (Rejected, [None, None, None, Some(Trash), Some(Pending)]),
            (Spam, [Some(Approved), None, None, Some(Trash), Some(Pending)]),
            (Trash, [None, None, None, None, Some(Pending)]),
        ];
        assert_eq!(table.len(), State::ALL.len());
        for (state, row) in table {
            for (target, outcome) in Target::ALL.iter().zip(row) {
                assert_eq!(state.after(*target, None), outcome, "{state:?} to {target:?}");
            }
        }
        assert_eq!(Spam.after(Target::Restore, Some(Approved)), Some(Approved));
        assert_eq!(Trash.after(Target::Restore, Some(Spam)), Some(Spam));
        assert_eq!(Approved.after(Target::Restore, Some(Pending)), None);
    }

    #[test]
    fn a_target_that_does_not_fit_is_refused_before_other_faults() {
        let write = |to: &str| TransitionWrite {
            to: Some(to.into()),
            note: Some("a".repeat(501)),
            reason_code: Some("Not A Code".into()),
        };
        let refused = write("approved").decide(State::Approved, None).unwrap_err();
        assert!(matches!(refused, Error::Conflict { code: "illegal_transition", .. }));
        let Err(Error::Invalid(faults)) = write("spam").decide(State::Approved, None) else { panic!() };
        assert_eq!(faults.iter().map(|fault| fault.code).collect::<Vec<_>>(), ["invalid_code", "too_long"]);
        let Err(Error::Invalid(faults)) = write("erased").decide(State::Approved, None) else { panic!() };
        assert_eq!(faults.len(), 3);
    }

    #[test]
    fn every_fault_of_a_comment_is_named() {
        let write = CommentWrite { author_url: Some("javascript:alert(1)".into()), ..CommentWrite::default() };
        let Err(Error::Invalid(faults)) = write.check() else { panic!() };
        let codes: Vec<_> = faults.iter().map(|fault| fault.code).collect();
        assert_eq!(codes, ["required", "required", "invalid_url", "required"]);
    }

    #[test]
    fn texts_that_differ_in_case_and_space_are_the_same() {
        let hash = |body: &str| {
            let write = CommentWrite {
                author_name: Some("Ann".into()),
                author_email: Some("ann@example.org".into()),
                body: Some(body.into()),
                ..CommentWrite::default()
            };
            write.check().unwrap_or_else(|_| panic!()).text_hash()
        };
        assert_eq!(hash("Thank  you,\n all!"), hash(" thank you, ALL!"));
        assert_ne!(hash("thank you"), hash("thankyou"));
    }
}
