//! Which sessions are live: asked of the database, and remembered for five seconds.
//!
//! What ends a session, or changes what its user may do, makes this node forget everything it remembers, so that the
//! change holds here as soon as it is answered. Other nodes learn of it within those five seconds.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use actix_web::web::Data;
use domain::ids::{SessionId, UserId};
use domain::{Actor, Result, Timestamp};
use persistence::Conn;

use crate::App;

/// How long an answer of the database is believed, in seconds.
const BELIEVED: i64 = 5;
/// How many are remembered; one more, and all are forgotten.
const MOST: usize = 10_000;

/// The memory of this node.
#[derive(Default)]
pub struct Sessions(Mutex<Memory>);

#[derive(Default)]
struct Memory {
    /// Raised when everything is forgotten, so that an answer that was asked for before is not remembered after.
    round: u64,
    actors: HashMap<(SessionId, UserId), (Actor, Timestamp)>,
}

impl Sessions {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets everything. Call it after the change is committed.
    fn forget(&self) {
        let mut memory = self.memory();
        memory.round += 1;
        memory.actors.clear();
    }
}

impl App {
    /// Who acts in a session of `user`; `None` if it is not live.
    pub(crate) async fn actor(&self, session: SessionId, user: UserId) -> Result<Option<Actor>> {
        let now = self.now();
        let round = {
            let memory = self.sessions.memory();
            let fresh = |asked: Timestamp| (0..BELIEVED).contains(&now.seconds_since(asked));
            if let Some((actor, asked)) = memory.actors.get(&(session, user))
                && fresh(*asked)
            {
                return Ok(Some(actor.clone()));
            }
            memory.round
        };
        let actor = self.read(move |conn, now| persistence::sessions::actor(conn, session, user, now)).await?;
        if let Some(actor) = &actor {
            let mut memory = self.sessions.memory();
            if memory.actors.len() >= MOST {
                memory.actors.clear();
            }
            if memory.round == round {
                memory.actors.insert((session, user), (actor.clone(), now));
            }
        }
        Ok(actor)
    }

    /// [`App::write`] for what ends sessions or changes their users.
    pub(crate) async fn write_accounts<T, F>(app: &Data<Self>, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn, Timestamp) -> Result<T> + Send + 'static,
    {
        Self::write_accounts_if(app, |_| true, work).await
    }

    /// [`App::write_accounts`] for what does so only if its outcome is `decisive`.
    ///
    /// It runs to its end also when the client goes away meanwhile: what was ended must not be remembered as live.
    pub(crate) async fn write_accounts_if<T, F>(app: &Data<Self>, decisive: fn(&T) -> bool, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Conn, Timestamp) -> Result<T> + Send + 'static,
    {
        let app = app.clone();
        actix_web::rt::spawn(async move {
            let outcome = app.write(work).await;
            if outcome.as_ref().map_or(true, decisive) {
                app.sessions.forget();
            }
            outcome
        })
        .await?
    }
}
