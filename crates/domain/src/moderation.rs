//! What happens to a comment before it is kept: a fixed order of small steps, cheap ones first (`community.md`,
//! section 2). Every step writes to the trace, so that nobody has to guess why a comment was held.
//!
//! What refuses a comment ([`admit`]: a closed article, the same text again) comes before what holds it ([`decide`]):
//! a refusal keeps nothing. Rate limits belong to the edge. The order has room for what asks people or machines:
//! muted commenters after the honeypot, block and hold lists before the shape, checkers and trust before the mode.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::comments::{NewComment, State, words};
use crate::text::WebUrl;
use crate::{Error, Result};

words! {
    /// Why a comment was not shown at once.
    Reason as "HoldReason" {
        /// A member that people do not see was filled in.
        Honeypot = "honeypot",
        /// Another commenter left the same text within seven days.
        DuplicateText = "duplicate_text",
        /// It has more than one link.
        Links = "links",
        /// It names an address that is not of the web (`javascript:`, `ftp:`, ...).
        Scheme = "scheme",
        /// More than 30 % of its letters are capitals.
        Capitals = "capitals",
        /// It is nothing but an address.
        BodyIsUrl = "body_is_url",
        /// It holds characters that nobody sees.
        InvisibleCharacters = "invisible_characters",
        /// The site shows nothing before a moderator has seen it.
        PreModeration = "pre_moderation",
    }
}

words! {
    /// What a step of the pipeline came to.
    Outcome as "StepOutcome" {
        /// Nothing to say against it.
        Pass = "pass",
        /// A moderator shall look at it.
        Hold = "hold",
        /// It is junk.
        Spam = "spam",
    }
}

/// What one step of the pipeline said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ModerationStep)]
pub struct Step {
    /// Its name.
    #[schema(example = "shape")]
    pub step: String,
    /// What it came to.
    pub outcome: Outcome,
    /// What it found.
    pub reasons: Vec<Reason>,
}

/// What is known of a comment when it arrives.
pub struct Submission<'a> {
    /// The comment.
    pub comment: &'a NewComment,
    /// Whether the article takes comments.
    pub article_open: bool,
    /// Whether the same commenter left the same text within 24 hours.
    pub sent_before: bool,
    /// Whether another commenter left the same text within seven days.
    pub known_from_others: bool,
}

/// What becomes of a comment that was let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Its first state.
    pub state: State,
    /// Why it is not public.
    pub reasons: Vec<Reason>,
    /// What every step said.
    pub trace: Vec<Step>,
}

/// How long the same text of the same commenter is refused, in seconds.
pub const SAME_COMMENTER: i64 = 24 * 60 * 60;
/// How long the same text of another commenter is held, in seconds.
pub const OTHER_COMMENTER: i64 = 7 * 24 * 60 * 60;

/// Links that a comment may have.
const MAX_LINKS: usize = 1;
/// Letters below which capitals say nothing ("OK!").
const FEW_LETTERS: usize = 10;

/// Refuses a comment under an article that takes none (409 `comments_closed`).
pub fn expect_open(article_open: bool) -> Result<()> {
    if article_open {
        return Ok(());
    }
    Err(Error::conflict("comments_closed", "This article takes no comments."))
}

/// Refuses what is not to be kept at all (409): any comment under a closed article, the same comment again.
pub fn admit(submission: &Submission<'_>) -> Result<()> {
    expect_open(submission.article_open)?;
    if submission.sent_before {
        return Err(Error::conflict("duplicate_comment", "You have left this comment already; it has arrived."));
    }
    Ok(())
}

type Check = fn(&Submission<'_>) -> Vec<Reason>;

/// The steps, in their order.
const STEPS: [(&str, Outcome, Check); 4] = [
    ("honeypot", Outcome::Spam, honeypot),
    ("duplicates", Outcome::Hold, duplicates),
    ("shape", Outcome::Hold, shape),
    ("mode", Outcome::Hold, mode),
];

/// Takes a comment through every step.
pub fn decide(submission: &Submission<'_>) -> Decision {
    let mut decision = Decision { state: State::Approved, reasons: Vec::new(), trace: Vec::new() };
    for (name, otherwise, check) in STEPS {
        let reasons = check(submission);
        let outcome = if reasons.is_empty() { Outcome::Pass } else { otherwise };
        decision.state = match (decision.state, outcome) {
            (state, Outcome::Pass) | (state @ State::Spam, Outcome::Hold) => state,
            (_, Outcome::Spam) => State::Spam,
            (_, Outcome::Hold) => State::Pending,
        };
        decision.reasons.extend(&reasons);
        decision.trace.push(Step { step: name.to_owned(), outcome, reasons });
    }
    decision
}

fn honeypot(submission: &Submission<'_>) -> Vec<Reason> {
    found([(Reason::Honeypot, submission.comment.trapped)])
}

fn duplicates(submission: &Submission<'_>) -> Vec<Reason> {
    found([(Reason::DuplicateText, submission.known_from_others)])
}

fn shape(submission: &Submission<'_>) -> Vec<Reason> {
    let comment = submission.comment;
    let source = comment.body.as_str();
    found([
        // The HTML is our own: a link is written in one way, and text cannot look like one.
        (Reason::Links, comment.html.matches("<a ").count() > MAX_LINKS),
        (Reason::Scheme, names_other_scheme(source)),
        (Reason::Capitals, is_shouted(&comment.text)),
        (Reason::BodyIsUrl, is_address(source)),
        (Reason::InvisibleCharacters, source.chars().chain(comment.name.as_str().chars()).any(is_invisible)),
    ])
}

/// The only mode so far: a moderator sees everything first.
fn mode(_: &Submission<'_>) -> Vec<Reason> {
    vec![Reason::PreModeration]
}

fn found<const N: usize>(checks: [(Reason, bool); N]) -> Vec<Reason> {
    checks.into_iter().filter(|(_, found)| *found).map(|(reason, _)| reason).collect()
}

/// Schemes that need no `//` to be followed.
const BARE_SCHEMES: [&str; 7] = ["javascript", "vbscript", "data", "mailto", "tel", "file", "blob"];

/// Whether the text names an address of another scheme than http and https.
fn names_other_scheme(source: &str) -> bool {
    let source = source.to_ascii_lowercase();
    source.match_indices(':').any(|(colon, _)| {
        let (before, after) = (&source[..colon], &source[colon + 1..]);
        let in_scheme = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
        let scheme = &before[before.trim_end_matches(in_scheme).len()..];
        let begins = scheme.starts_with(|c: char| c.is_ascii_lowercase());
        let followed = after.starts_with(|c: char| !c.is_whitespace());
        begins
            && !matches!(scheme, "http" | "https")
            && (after.starts_with("//") || (followed && BARE_SCHEMES.contains(&scheme)))
    })
}

fn is_shouted(text: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let capitals = text.chars().filter(|c| c.is_uppercase()).count();
    letters >= FEW_LETTERS && capitals * 10 > letters * 3
}

fn is_address(source: &str) -> bool {
    let bare = source.trim().trim_start_matches('<').trim_end_matches('>');
    !bare.contains(char::is_whitespace) && (bare.starts_with("www.") || WebUrl::parse(bare).is_ok())
}

/// What is drawn as nothing, white space apart. Joiners and variation selectors are not here: emoji and several
/// scripts need them.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{00AD}' | '\u{034F}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180E}' | '\u{200B}'
            | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{2800}' | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFB}' | '\u{1D173}'..='\u{1D17A}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comments::CommentWrite;

    fn comment(body: &str, nickname: &str) -> NewComment {
        let write = CommentWrite {
            author_name: Some("Ann".into()),
            author_email: Some("ann@example.org".into()),
            body: Some(body.into()),
            nickname: Some(nickname.into()),
            ..CommentWrite::default()
        };
        write.check().unwrap_or_else(|_| panic!("{body}"))
    }

    fn submission(comment: &NewComment) -> Submission<'_> {
        Submission { comment, article_open: true, sent_before: false, known_from_others: false }
    }

    fn reasons(body: &str) -> Vec<Reason> {
        let mut reasons = decide(&submission(&comment(body, ""))).reasons;
        assert_eq!(reasons.pop(), Some(Reason::PreModeration));
        reasons
    }

    #[test]
    fn a_plain_comment_waits_for_a_moderator() {
        let decision = decide(&submission(&comment("Thank you, Ann. See https://example.org/ for more.", "")));
        assert_eq!(decision.state, State::Pending);
        assert_eq!(decision.reasons, [Reason::PreModeration]);
        let outcomes: Vec<_> = decision.trace.iter().map(|step| (step.step.as_str(), step.outcome)).collect();
        let pass = Outcome::Pass;
        assert_eq!(outcomes, [("honeypot", pass), ("duplicates", pass), ("shape", pass), ("mode", Outcome::Hold)]);
    }

    #[test]
    fn what_fell_into_the_trap_is_spam_whatever_else_it_is() {
        let comment = comment("THIS IS A VERY LOUD COMMENT", "Ann");
        let decision = decide(&Submission { known_from_others: true, ..submission(&comment) });
        assert_eq!(decision.state, State::Spam);
        let expected = [Reason::Honeypot, Reason::DuplicateText, Reason::Capitals, Reason::PreModeration];
        assert_eq!(decision.reasons, expected);
    }

    #[test]
    fn a_suspicious_shape_is_held() {
        use Reason::{BodyIsUrl, Capitals, InvisibleCharacters, Links, Scheme};
        for (body, expected) in [
            ("See https://a.example/ and https://b.example/", vec![Links]),
            ("[a](https://a.example/) [b](https://b.example/)", vec![Links]),
            ("See [this](javascript:alert(1))", vec![Scheme]),
            ("Get it from FTP://files.example.org today", vec![Scheme]),
            ("Our data: 12 of 14 firms", vec![]),
            ("At 10:30, note: it is std::fmt", vec![]),
            ("THIS IS ALL SHOUTING", vec![Capitals]),
            ("OK, USA!", vec![]),
            ("https://example.org/a", vec![BodyIsUrl]),
            ("www.example.org", vec![BodyIsUrl]),
            ("buy\u{200B}now, dear reader", vec![InvisibleCharacters]),
            ("A family: 👨‍👩‍👧 and a heart ❤️", vec![]),
        ] {
            assert_eq!(reasons(body), expected, "{body}");
        }
    }

    #[test]
    fn a_closed_article_and_the_same_comment_again_are_refused() {
        let comment = comment("Thank you", "");
        let code = |submission: Submission<'_>| match admit(&submission) {
            Err(Error::Conflict { code, .. }) => code,
            _ => "",
        };
        assert_eq!(code(submission(&comment)), "");
        assert_eq!(code(Submission { sent_before: true, ..submission(&comment) }), "duplicate_comment");
        let closed = Submission { article_open: false, sent_before: true, ..submission(&comment) };
        assert_eq!(code(closed), "comments_closed");
    }
}
