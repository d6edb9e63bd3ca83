//! Group commit: writes that wait for SQLite's one writer share a transaction, and so the disk's one sync. Each has a
//! savepoint of its own, so that one that is refused takes nothing of the others along.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

use diesel::Connection;
use diesel::connection::TransactionManager;
use domain::{Error, Result};
use tokio::sync::oneshot;

use super::{Committed, Conn, Gate, MAX_WAITING, commit};

/// Writes that share a commit at most: what waits longer for it than it would alone is not worth it.
const MAX_GROUP: usize = 64;

/// A write: done on a connection, it gives what to say once that is committed, or failed to be.
type Write = Box<dyn FnOnce(&mut Conn) -> Say + Send>;
type Say = Box<dyn FnOnce(Result<()>) + Send>;

/// The way to the thread that writes. When it is dropped, what waits is done, and the file is closed.
pub(super) struct Group {
    writes: Option<SyncSender<Write>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Group {
    fn drop(&mut self) {
        drop(self.writes.take());
        // A write may have held the last of the database: then the thread ends by itself, after it.
        if let Some(thread) = self.thread.take().filter(|thread| thread.thread().id() != std::thread::current().id())
            && thread.join().is_err()
        {
            tracing::error!("the thread that writes had panicked");
        }
    }
}

impl Group {
    /// Starts the thread.
    pub(super) fn start(gate: Arc<Gate>, committed: Committed) -> std::io::Result<Self> {
        let (writes, waiting) = sync_channel(MAX_WAITING);
        let work = move || keep_writing(&gate, &waiting, &committed);
        let thread = std::thread::Builder::new().name("write".into()).spawn(work)?;
        Ok(Self { writes: Some(writes), thread: Some(thread) })
    }

    /// Does `work` in the next group. A caller that gives up does not take its work back.
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn) -> Result<T> + Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        let write: Write = Box::new(move |conn| {
            let outcome = within(conn, work);
            Box::new(move |committed: Result<()>| {
                // Nobody may be there any more to hear it.
                let _ = tell.send(committed.and(outcome));
            })
        });
        match self.writes.as_ref().map(|writes| writes.try_send(write)) {
            Some(Ok(())) => told.await.unwrap_or(Err(Error::Busy { retry_after: 1 })),
            _ => Err(Error::Busy { retry_after: 1 }),
        }
    }
}

fn keep_writing(gate: &Gate, waiting: &Receiver<Write>, committed: &Committed) {
    while let Ok(first) = waiting.recv() {
        let group = std::iter::once(first).chain(waiting.try_iter().take(MAX_GROUP - 1));
        let mut said: Vec<Say> = Vec::new();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let all = |conn: &mut Conn| {
                said.extend(group.map(|write| write(conn)));
                Ok(())
            };
            gate.with(|conn| commit(conn, all, committed))
        }));
        // After a panic nothing is kept, and its connection is not used again. What was not begun hears that it may
        // come again.
        let outcome = outcome.unwrap_or_else(|_| Err(Error::Internal("a write panicked".into())));
        for say in said {
            say(match &outcome {
                Ok(()) => Ok(()),
                Err(Error::Busy { retry_after }) => Err(Error::Busy { retry_after: *retry_after }),
                Err(Error::InDoubt { retry_after }) => Err(Error::InDoubt { retry_after: *retry_after }),
                Err(error) => Err(Error::Internal(format!("the group was not committed: {error:?}"))),
            });
        }
    }
}

/// Does `work` within the transaction that is open: all of it, or nothing.
fn within<T>(conn: &mut Conn, work: impl FnOnce(&mut Conn) -> Result<T>) -> Result<T> {
    type Manager = <Conn as Connection>::TransactionManager;
    Manager::begin_transaction(conn)?;
    let outcome = work(conn);
    if outcome.is_ok() {
        Manager::commit_transaction(conn)?;
    } else {
        Manager::rollback_transaction(conn)?;
    }
    outcome
}
