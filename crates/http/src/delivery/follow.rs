//! Follows the log of changes, so that the cache holds nothing that they alter.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::{Result, Timestamp};
use persistence::{Conn, changes};
use tokio::sync::watch;

use super::Delivery;

/// More changes than this at once are not looked at one by one: everything is dropped.
const MANY: i64 = 5_000;
/// Who was away for longer does not know what was pruned meanwhile.
const TOO_LONG: Duration = Duration::from_hours(1);

/// What one node has read of the log.
pub struct Follower {
    delivery: Arc<Delivery>,
    read: Mutex<Read>,
    head: watch::Sender<i64>,
}

#[derive(Default)]
struct Read {
    /// The last entry; none before the first look.
    head: Option<i64>,
    /// When the next thing was to fall due.
    due: Option<Timestamp>,
    /// The latest time it was looked at.
    at: Option<(Timestamp, Instant)>,
}

impl Follower {
    pub(crate) fn new(delivery: Arc<Delivery>) -> Self {
        Self { delivery, read: Mutex::default(), head: watch::Sender::default() }
    }

    /// The last entry that was read, and every later one.
    pub(crate) fn head(&self) -> watch::Receiver<i64> {
        self.head.subscribe()
    }

    /// Reads what was entered since the last time, and drops from the cache what that alters.
    ///
    /// When it returns, nothing that was committed before it was called is missing: whoever comes meanwhile waits.
    pub fn catch_up(&self, conn: &mut Conn, now: Timestamp) -> Result<()> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let pulse = changes::pulse(conn, now)?;
        let set_back = read.at.is_some_and(|(at, _)| now.micros() < at.micros() - super::SLACK);
        let away = read.at.is_some_and(|(_, at)| at.elapsed() > TOO_LONG);
        let fell_due = read.due.is_some_and(|due| due <= now);
        match read.head {
            Some(head) if (head..=head + MANY).contains(&pulse.head) && !set_back && !away && !fell_due => {
                if pulse.head > head {
                    self.delivery.apply(changes::after(conn, head, pulse.head - head)?);
                }
            }
            _ => self.delivery.clear(),
        }
        *read = Read { head: Some(pulse.head), due: pulse.due, at: Some((now, Instant::now())) };
        self.delivery.note(now, pulse.due);
        self.head.send_if_modified(|head| std::mem::replace(head, pulse.head) != pulse.head);
        Ok(())
    }
}
