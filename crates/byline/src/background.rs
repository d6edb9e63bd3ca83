//! What the server does by itself: a thread per job, so that a slow mail server holds up nothing but the mail.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use actix_web::web::Data;
use http::{App, outbox, sending};
use mail::Transport;
use persistence::{articles, attempts, changes, idempotency, sessions, subscribers};

use crate::failure::Failure;

/// A job: done, and done again after a pause, until the server stops.
struct Job {
    name: &'static str,
    pause: Duration,
    run: fn(&Work) -> domain::Result<()>,
}

/// Every job. One that has much to do does it in portions, and looks at [`Work::is_over`] between them.
const JOBS: &[Job] = &[
    Job { name: "follow the log of changes", pause: Duration::from_millis(200), run: follow },
    Job { name: "settle publications", pause: Duration::from_secs(1), run: settle_publications },
    Job {
        name: "send messages",
        pause: Duration::from_secs(1),
        run: |work| outbox::deliver_due(&work.app, &work.transport).map(drop),
    },
    Job {
        name: "send the newsletter",
        pause: Duration::from_secs(15),
        run: |work| sending::send_due(&work.app, &work.transport, work.app.now()).map(drop),
    },
    Job { name: "purge", pause: Duration::from_mins(10), run: purge },
];

/// How often the log is looked at, whether or not anything was heard.
const LOOK: Duration = Duration::from_millis(250);
/// How often a node listens whether another one entered something.
const LISTEN: Duration = Duration::from_millis(25);

/// Hears of what other nodes change, or other processes on this file, and drops it from the cache.
fn follow(work: &Work) -> domain::Result<()> {
    let mut listener = work.app.db.listen()?;
    while !work.is_over() {
        work.app.db.read_blocking(|conn| work.app.follower.catch_up(conn, work.app.now()))?;
        let looked = Instant::now();
        while looked.elapsed() < LOOK && !work.is_over() {
            let Some(listener) = &mut listener else {
                work.stop.wait(LOOK);
                continue;
            };
            if listener.heard()? {
                break;
            }
            work.stop.wait(LISTEN);
        }
    }
    Ok(())
}

/// Articles that are settled in one transaction.
const PORTION: i64 = 100;

/// Enters what fell due by its schedule in the log of changes; readers saw it already.
fn settle_publications(work: &Work) -> domain::Result<()> {
    let settle = |conn: &mut persistence::Conn| articles::settle_due(conn, work.app.now(), PORTION);
    while !work.is_over() && work.app.db.write_blocking(settle)? > 0 {}
    Ok(())
}

/// How long the log of changes is kept, in seconds.
const KEEP_CHANGES: i64 = 30 * 24 * 3_600;

/// Forgets what is kept for a time only.
fn purge(work: &Work) -> domain::Result<()> {
    let now = work.app.now();
    work.app.db.write_blocking(|conn| attempts::purge(conn, now))?;
    work.app.db.write_blocking(|conn| idempotency::purge(conn, now))?;
    work.app.db.write_blocking(|conn| sessions::purge(conn, now))?;
    work.app.db.write_blocking(|conn| subscribers::purge(conn, now))?;
    work.app.db.write_blocking(|conn| changes::prune(conn, now.plus_seconds(-KEEP_CHANGES)))?;
    Ok(())
}

/// How long to let things be after a failure.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// What a job works with.
pub struct Work {
    /// The application.
    pub app: Data<App>,
    transport: Arc<Transport>,
    stop: Arc<Stop>,
}

impl Work {
    /// Whether the server stops: a job ends at the next point where nothing is half done.
    pub fn is_over(&self) -> bool {
        *self.stop.asked()
    }
}

#[derive(Default)]
struct Stop {
    asked: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    fn asked(&self) -> MutexGuard<'_, bool> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the pause is over, or stopping is asked for.
    fn wait(&self, pause: Duration) {
        let waited = self.changed.wait_timeout_while(self.asked(), pause, |asked| !*asked);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }
}

/// The running jobs.
pub struct Background {
    stop: Arc<Stop>,
    threads: Vec<(&'static str, JoinHandle<()>)>,
}

impl Background {
    /// Starts every job.
    pub fn start(app: &Data<App>, transport: Transport) -> std::io::Result<Self> {
        Self::run(app, transport, JOBS)
    }

    fn run(app: &Data<App>, transport: Transport, jobs: &'static [Job]) -> std::io::Result<Self> {
        let stop = Arc::<Stop>::default();
        let transport = Arc::new(transport);
        let threads = jobs.iter().map(|job| {
            let work = Work { app: app.clone(), transport: Arc::clone(&transport), stop: Arc::clone(&stop) };
            let thread = std::thread::Builder::new().name(job.name.into()).spawn(move || keep_doing(job, &work))?;
            Ok((job.name, thread))
        });
        Ok(Self { threads: threads.collect::<std::io::Result<_>>()?, stop: Arc::clone(&stop) })
    }

    /// Asks every job to end, without waiting for it.
    pub fn stop(&self) {
        *self.stop.asked() = true;
        self.stop.changed.notify_all();
    }

    /// Waits for the jobs to end, until `deadline` at most.
    pub fn finish(self, deadline: Instant) {
        self.stop();
        for (name, thread) in self.threads {
            while !thread.is_finished() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(10));
            }
            if !thread.is_finished() {
                tracing::warn!(job = name, "a job did not end in time");
            }
        }
    }
}

fn keep_doing(job: &Job, work: &Work) {
    while !work.is_over() {
        let done = catch_unwind(AssertUnwindSafe(|| (job.run)(work)))
            .unwrap_or_else(|_| Err(domain::Error::Internal("the job panicked".into())));
        let pause = match done {
            Ok(()) => job.pause,
            Err(error) => {
                let why = Failure::from(error);
                tracing::error!(job = job.name, %why, "a job failed; it is tried again");
                job.pause.max(AFTER_FAILURE)
            }
        };
        work.stop.wait(pause);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    static DONE: AtomicUsize = AtomicUsize::new(0);
    static PANICKED: AtomicUsize = AtomicUsize::new(0);

    const TEST_JOBS: &[Job] = &[
        Job {
            name: "count",
            pause: Duration::from_millis(1),
            run: |_| {
                DONE.fetch_add(1, Ordering::SeqCst);
                Ok(())
            },
        },
        Job {
            name: "panic",
            pause: Duration::from_millis(1),
            run: |_| {
                PANICKED.fetch_add(1, Ordering::SeqCst);
                panic!("as this test wants it")
            },
        },
    ];

    #[test]
    fn a_job_goes_on_until_it_is_told_to_end_and_a_panic_stops_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let url = persistence::DatabaseUrl::Sqlite(folder.path().join("test.db"));
        let db = persistence::Db::open(&persistence::Options { url, create: true, connections: 1 }).unwrap();
        let config = http::Config::new("http://cms.example.org/".parse().unwrap());
        let secrets = domain::secrets::Secrets::generate().unwrap();
        let app = Data::new(App::new(db, config, secrets, http::Clock::System).unwrap());

        let background = Background::run(&app, Transport::open(None, folder.path()).unwrap(), TEST_JOBS).unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while DONE.load(Ordering::SeqCst) < 3 && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        // The other one lets things be for a while after its panic, and wakes up to end.
        background.finish(deadline);
        assert!(Instant::now() < deadline, "a job did not end");
        let done = DONE.load(Ordering::SeqCst);
        assert!(done >= 3);
        assert_eq!(PANICKED.load(Ordering::SeqCst), 1);
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(DONE.load(Ordering::SeqCst), done, "a job goes on after its end");
    }
}
