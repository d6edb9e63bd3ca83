//! A lane for short reads on PostgreSQL: few connections take turns at all that wait, one read after another. Where each
//! read has a thread and a connection to itself, processes are woken and put to sleep more than they read.

use std::collections::VecDeque;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::available_parallelism;

use domain::{Error, Result};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::timeout;

use super::{COME_BACK, Conn, Gate, MAX_WAITING, Manager, TURN, heard};

/// Connections for each core of this machine. More make nothing faster, unless the database is far away: then these
/// do so many reads, for each core, in the time of a round trip.
const PER_CORE: u32 = 2;

/// A read: done on a connection, it tells whoever waits for it. It fails if the connection is lost.
type Read = Box<dyn FnOnce(&mut Conn) -> Result<()> + Send>;

/// The reads that wait, and the connections that take them.
pub(super) struct Lane {
    gate: Arc<Gate>,
    waiting: Mutex<VecDeque<Read>>,
}

impl Lane {
    pub(super) fn new(manager: Manager) -> Self {
        let cores = available_parallelism().map_or(1, NonZero::get);
        let connections = u32::try_from(cores).unwrap_or(1).saturating_mul(PER_CORE);
        Self { gate: Arc::new(Gate::new(manager, connections)), waiting: Mutex::default() }
    }

    /// Does `work` when its turn comes. Who has no answer after [`TURN`] is told to come back: the database hangs, or
    /// there is more to do than it can.
    pub(super) async fn read<T, F>(self: &Arc<Self>, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        let read: Read = Box::new(move |conn| {
            // Whoever waited may have given up.
            if tell.is_closed() {
                return Ok(());
            }
            let outcome = work(conn);
            let outcome = heard(conn, outcome);
            let lost = matches!(outcome, Err(Error::Busy { .. }));
            let _ = tell.send(outcome);
            if lost { Err(Error::Busy { retry_after: COME_BACK }) } else { Ok(()) }
        });
        {
            let mut waiting = self.waiting();
            if waiting.len() >= MAX_WAITING {
                return Err(Error::Busy { retry_after: 1 });
            }
            waiting.push_back(read);
        }
        if let Ok(permit) = Arc::clone(&self.gate.permits).try_acquire_owned() {
            let lane = Arc::clone(self);
            tokio::task::spawn_blocking(move || lane.run(permit));
        }
        match timeout(TURN, told).await {
            Ok(Ok(outcome)) => outcome,
            _ => Err(Error::Busy { retry_after: COME_BACK }),
        }
    }

    /// Reads, on one connection, until nothing waits any more. If there is no connection, or it is lost, or a read
    /// panics, all that waits is told to come back.
    fn run(&self, mut permit: OwnedSemaphorePermit) {
        loop {
            let all = |conn: &mut Conn| {
                while let Some(read) = self.next() {
                    read(conn)?;
                }
                Ok(())
            };
            let outcome = catch_unwind(AssertUnwindSafe(|| self.gate.with(all)));
            if !matches!(outcome, Ok(Ok(()))) {
                self.waiting().clear();
            }
            drop(permit);
            // What came when nothing waited any more, and the permit was not free again, has started nobody.
            if self.waiting().is_empty() {
                return;
            }
            match Arc::clone(&self.gate.permits).try_acquire_owned() {
                Ok(again) => permit = again,
                Err(_) => return,
            }
        }
    }

    fn next(&self) -> Option<Read> {
        self.waiting().pop_front()
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Read>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
