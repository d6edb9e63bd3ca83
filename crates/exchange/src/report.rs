//! What became of everything that an export holds.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

/// What became of a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It came, and something about it is another than it was.
    Changed,
    /// It came as a draft, although it was something else.
    Draft,
    /// It did not come.
    Skipped,
}

/// Something to be said of one thing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Said {
    /// `article`, `page`, `category`, `comment`, ...
    pub kind: String,
    /// Its identity in the export.
    pub source_id: String,
    /// What became of it.
    pub fate: Fate,
    /// Why, for programs.
    pub code: String,
    /// Why, for people.
    pub detail: String,
}

/// How many of a kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    /// That the file holds.
    pub read: u64,
    /// That were not there before.
    pub created: u64,
    /// That were there, and said something else.
    pub updated: u64,
    /// That were there as they are.
    pub unchanged: u64,
    /// That did not come.
    pub skipped: u64,
}

/// Most things of which everything is said; beyond them, they are counted alone.
const MAX_SAID: usize = 200_000;

/// What became of everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The file, and what it is.
    pub source: Source,
    /// By kind.
    pub counts: BTreeMap<String, Count>,
    /// What is to be said of single things.
    pub items: Vec<Said>,
    /// Things of which nothing is said, because there is too much to say.
    #[serde(skip_serializing_if = "is_zero")]
    pub unsaid: u64,
    #[serde(skip)]
    failed: bool,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The file, and what it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Source {
    /// `wordpress` or `ghost`.
    pub format: String,
    /// The version of the format.
    pub version: String,
    /// The site that it was made of.
    pub site: String,
    /// Whether it was read to its end.
    pub complete: bool,
}

impl Report {
    /// Says something of a thing.
    pub fn say(&mut self, kind: &str, id: &str, fate: Fate, code: &str, detail: impl Into<String>) {
        if self.items.len() < MAX_SAID {
            let (kind, source_id, code) = (kind.to_owned(), id.to_owned(), code.to_owned());
            self.items.push(Said { kind, source_id, fate, code, detail: detail.into() });
        } else {
            self.unsaid += 1;
        }
    }

    /// Says that a thing does not come, and counts it as read.
    pub fn skip(&mut self, kind: &str, id: &str, code: &str, detail: impl Into<String>) {
        let count = self.count(kind);
        count.read += 1;
        count.skipped += 1;
        self.say(kind, id, Fate::Skipped, code, detail);
    }

    /// The numbers of a kind.
    pub fn count(&mut self, kind: &str) -> &mut Count {
        self.counts.entry(kind.to_owned()).or_default()
    }

    /// The file could not be read to its end.
    pub fn fail(&mut self, code: &str, detail: impl Into<String>) {
        self.failed = true;
        self.say("file", "", Fate::Skipped, code, detail);
    }

    /// The exit code of the command: 0 done, 2 done with things that did not come, 1 failed.
    pub fn exit_code(&self) -> u8 {
        if self.failed {
            1
        } else {
            let skipped = self.counts.values().any(|count| count.skipped > 0);
            if skipped { 2 } else { 0 }
        }
    }

    /// For people, at the end.
    pub fn summary(&self) -> String {
        let mut text =
            format!("{:<12} {:>9} {:>9} {:>9} {:>9} {:>9}\n", "", "read", "created", "updated", "unchanged", "skipped");
        for (kind, count) in &self.counts {
            let Count { read, created, updated, unchanged, skipped } = count;
            let _ = writeln!(text, "{kind:<12} {read:>9} {created:>9} {updated:>9} {unchanged:>9} {skipped:>9}");
        }
        let mut reasons: BTreeMap<(Fate, &str, &str), u64> = BTreeMap::new();
        for said in &self.items {
            *reasons.entry((said.fate, &said.kind, &said.code)).or_default() += 1;
        }
        for ((fate, kind, code), number) in reasons {
            let fate = match fate {
                Fate::Changed => "changed",
                Fate::Draft => "as draft",
                Fate::Skipped => "skipped",
            };
            let _ = writeln!(text, "{fate}: {kind} {code} ({number})");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_says_how_it_went() {
        let mut report = Report::default();
        report.count("article").read += 1;
        report.say("article", "1", Fate::Changed, "slug_changed", "x");
        assert_eq!(report.exit_code(), 0);
        report.skip("comment", "2", "article_missing", "y");
        assert_eq!(report.exit_code(), 2);
        report.fail("cut_off", "z");
        assert_eq!(report.exit_code(), 1);
        assert!(report.summary().contains("skipped: comment article_missing (1)"));
    }
}
