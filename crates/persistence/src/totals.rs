//! How many there are, kept in memory: to count is to walk over all of them, and WordPress's and Ghost's APIs tell the
//! total with each page. A count is right until something is entered in the log of changes, or falls due by itself.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use domain::articles::Kind;
use domain::{Result, Timestamp};

use crate::Conn;
use crate::changes::{self, Pulse};

/// What is counted, as far as the public sees it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Total {
    /// Articles or pages, in one locale or in every one, of all or under something (as `published_in` names it).
    Articles {
        /// Articles or pages.
        kind: Kind,
        /// Their locale; none: every one.
        locale: Option<String>,
        /// What they stand under.
        scope: Option<(&'static str, String)>,
    },
    /// Comments under anything.
    Comments,
}

/// Counts, as of one moment. See the module.
#[derive(Debug, Default)]
pub(crate) struct Totals(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    /// The newest entry of the log that is heeded, when it was read, and what was to fall due next.
    moment: Option<(Pulse, Timestamp)>,
    counts: HashMap<Total, i64>,
}

/// Most counts that are kept; with more, it begins anew.
const MAX_KEPT: usize = 50_000;

impl Totals {
    /// One count, by `count` if it is not known.
    pub(crate) fn of(
        &self,
        conn: &mut Conn,
        now: Timestamp,
        total: Total,
        count: impl FnOnce(&mut Conn) -> Result<i64>,
    ) -> Result<i64> {
        let counts = self.each(conn, now, &[total], |conn, _| Ok(vec![count(conn)?]))?;
        Ok(counts.into_iter().sum())
    }

    /// Several counts, in this order; `count` tells those that are not known, in the order in which it is asked.
    pub(crate) fn each(
        &self,
        conn: &mut Conn,
        now: Timestamp,
        totals: &[Total],
        count: impl FnOnce(&mut Conn, &[Total]) -> Result<Vec<i64>>,
    ) -> Result<Vec<i64>> {
        // What is counted after the pulse was read is at least as new, and the next entry makes it void.
        let pulse = changes::pulse(conn, now)?;
        let mut found: HashMap<Total, i64> = {
            let kept = self.kept();
            let known = totals.iter().filter(|_| kept.is_right(pulse, now));
            known.filter_map(|total| Some((total.clone(), *kept.counts.get(total)?))).collect()
        };
        let missing: Vec<Total> = totals.iter().filter(|total| !found.contains_key(total)).cloned().collect();
        if !missing.is_empty() {
            let counted: Vec<(Total, i64)> = missing.iter().cloned().zip(count(conn, &missing)?).collect();
            self.kept().keep(pulse, now, &counted);
            found.extend(counted);
        }
        Ok(totals.iter().map(|total| found.get(total).copied().unwrap_or(0)).collect())
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Whether nothing has changed between its moment and this one.
    fn is_right(&self, pulse: Pulse, now: Timestamp) -> bool {
        self.moment
            .is_some_and(|(kept, at)| kept.head == pulse.head && at <= now && kept.due.is_none_or(|due| now < due))
    }

    fn keep(&mut self, pulse: Pulse, now: Timestamp, counted: &[(Total, i64)]) {
        if !self.is_right(pulse, now) || self.counts.len() + counted.len() > MAX_KEPT {
            *self = Self { moment: Some((pulse, now)), counts: HashMap::new() };
        }
        self.counts.extend(counted.iter().cloned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_right_until_something_is_entered_or_falls_due() {
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let pulse = |head| Pulse { head, due: Some(at(20)) };
        let mut kept = Kept::default();
        assert!(!kept.is_right(pulse(1), at(10)));
        kept.keep(pulse(1), at(10), &[(Total::Comments, 3)]);
        assert!(kept.is_right(pulse(1), at(10)) && kept.is_right(pulse(1), at(19)));
        assert!(
            !kept.is_right(pulse(2), at(11)) && !kept.is_right(pulse(1), at(20)) && !kept.is_right(pulse(1), at(9))
        );
        kept.keep(pulse(2), at(11), &[]);
        assert!(kept.counts.is_empty() && kept.is_right(pulse(2), at(11)));
    }
}
