//! Argon2 at the door: so many at once, so many waiting, and the next one is told to come back.
//!
//! Each takes 19 MiB and a core for tens of milliseconds. Without a bound, a hundred sign-ins would take the machine
//! from its readers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use domain::passwords::{Password, Verdict};
use domain::{Error, Result};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// At most so many run at once, on machines with as many cores.
const MAX_RUNNING: usize = 4;
/// So many may wait.
const MAX_WAITING: usize = 32;

/// The only way from a request to Argon2.
pub struct Hashing {
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// A password that was found right.
#[derive(Debug)]
pub(crate) struct Proven {
    /// The hash that it matched.
    pub hash: String,
    /// What to keep instead, if the hash was made with other parameters than today's.
    pub renewed: Option<String>,
}

impl Hashing {
    pub(crate) fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { permits: Arc::new(Semaphore::new(cores.min(MAX_RUNNING))), waiting: AtomicUsize::new(0) }
    }

    /// Makes the hash of a new password.
    pub(crate) async fn hash(&self, password: Password) -> Result<String> {
        self.run(move || password.hash()).await
    }

    /// Compares a password with what is kept of an account's; `None` stands for an account that is not there, and
    /// takes as long.
    pub(crate) async fn prove(&self, password: Password, kept: Option<String>) -> Result<Option<Proven>> {
        self.run(move || {
            let verdict = password.verify(kept.as_deref())?;
            let renewed = if verdict == Verdict::RightButWeak { Some(password.hash()?) } else { None };
            Ok(kept.filter(|_| verdict != Verdict::Wrong).map(|hash| Proven { hash, renewed }))
        })
        .await
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
        let permit = self.permit().await?;
        tokio::task::spawn_blocking(move || {
            // The permit travels with the work: a client that hangs up does not let another one in early.
            let _permit = permit;
            work()
        })
        .await?
    }

    async fn permit(&self) -> Result<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return Ok(permit);
        }
        let _place = Place::take(&self.waiting)?;
        Ok(Arc::clone(&self.permits).acquire_owned().await?)
    }
}

/// A place in the queue, given up also when the client goes away.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Result<Self> {
        let place = Self(waiting);
        if waiting.fetch_add(1, Ordering::Relaxed) < MAX_WAITING {
            Ok(place)
        } else {
            Err(Error::Busy { retry_after: 2 })
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
