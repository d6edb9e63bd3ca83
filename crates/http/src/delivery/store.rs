//! What is kept: answers within a bound of bytes, an index of what they depend on, and what is being computed.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use persistence::changes::{Change, Relisted, Resource};
use quick_cache::sync::Cache;
use quick_cache::{DefaultHashBuilder, Equivalent, Lifecycle, Weighter};
use tokio::sync::watch;

use super::coding::Coding;
use super::entry::{Answer, Entry};
use super::key::Address;

/// An address and a coding.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    address: Arc<str>,
    coding: Coding,
}

/// The same, borrowed; it must hash alike.
#[derive(Hash)]
struct Find<'a> {
    address: &'a str,
    coding: Coding,
}

impl Equivalent<Key> for Find<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        *self.address == *key.address && self.coding == key.coding
    }
}

#[derive(Clone)]
struct Bytes;

impl Weighter<Key, Arc<Entry>> for Bytes {
    fn weight(&self, key: &Key, entry: &Arc<Entry>) -> u64 {
        entry.weight() + key.address.len() as u64
    }
}

/// Collects what made place for something else, so that the index forgets it too.
#[derive(Clone)]
struct Evicted;

impl Lifecycle<Key, Arc<Entry>> for Evicted {
    type RequestState = Vec<Key>;

    fn on_evict(&self, evicted: &mut Vec<Key>, key: Key, _: Arc<Entry>) {
        evicted.push(key);
    }
}

pub(super) struct Store {
    entries: Cache<Key, Arc<Entry>, Bytes, DefaultHashBuilder, Evicted>,
    index: Mutex<Index>,
}

#[derive(Default)]
struct Index {
    /// What is kept under every address, and how many codings of it.
    kept: HashMap<Arc<str>, (Arc<Answer>, usize)>,
    /// Under every key, the addresses that depend on it.
    under: HashMap<String, HashSet<Arc<str>>>,
    /// What is being computed.
    flights: HashMap<Arc<str>, Underway>,
    /// Rises with everything that is dropped.
    epoch: u64,
    /// The number of the next flight.
    next: u64,
}

/// A computation that others may wait for.
struct Underway {
    number: u64,
    epoch: u64,
    landing: watch::Receiver<Option<Arc<Entry>>>,
    /// What changed since it began, which it may not have seen.
    missed: Missed,
}

enum Missed {
    These(Vec<Arc<Change>>),
    Everything,
}

/// How a request that found nothing goes on.
pub(super) enum Flight<'a> {
    /// It computes the answer, for itself and for others.
    Lead(Leading<'a>),
    /// Somebody computes it.
    Join(Waiting),
}

/// Computes an answer; ends when it is dropped, whatever became of it.
pub(super) struct Leading<'a> {
    store: &'a Store,
    address: Arc<str>,
    number: u64,
    landing: watch::Sender<Option<Arc<Entry>>>,
}

impl Leading<'_> {
    /// Hands the answer to everyone who waits for it.
    pub(super) fn land(self, entry: &Arc<Entry>) {
        self.landing.send_replace(Some(Arc::clone(entry)));
    }
}

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        let mut index = self.store.index();
        if index.flights.get(&self.address).is_some_and(|flight| flight.number == self.number) {
            index.flights.remove(&self.address);
        }
    }
}

pub(super) struct Waiting(watch::Receiver<Option<Arc<Entry>>>);

impl Waiting {
    /// What was computed; none if that failed.
    pub(super) async fn landed(mut self) -> Option<Arc<Entry>> {
        self.0.wait_for(Option::is_some).await.ok()?.clone()
    }
}

impl Store {
    pub(super) fn new(bytes: u64) -> Self {
        // Answers are of some kilobytes; the estimate only sizes tables.
        let items = usize::try_from(bytes / 8_192).unwrap_or(usize::MAX).max(64);
        let entries = Cache::with(items, bytes, Bytes, DefaultHashBuilder::default(), Evicted);
        Self { entries, index: Mutex::default() }
    }

    pub(super) fn weight(&self) -> u64 {
        self.entries.weight()
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn find(&self, address: &str, coding: Coding) -> Option<Arc<Entry>> {
        self.entries.get(&Find { address, coding })
    }

    /// Takes part in the computation of an answer: the first leads, others join. Who comes after a change leads anew,
    /// since the one under way may not have seen it.
    pub(super) fn enter(&self, address: &Address) -> Flight<'_> {
        let mut index = self.index();
        let epoch = index.epoch;
        if let Some(underway) = index.flights.get(address.text()).filter(|underway| underway.epoch == epoch) {
            return Flight::Join(Waiting(underway.landing.clone()));
        }
        index.next += 1;
        let (number, (landing, waiting)) = (index.next, watch::channel(None));
        let missed = Missed::These(Vec::new());
        index.flights.insert(Arc::clone(address.text()), Underway { number, epoch, landing: waiting, missed });
        Flight::Lead(Leading { store: self, address: Arc::clone(address.text()), number, landing })
    }

    /// Keeps an answer, unless something changed meanwhile that alters it.
    pub(super) fn keep(&self, flight: &Leading<'_>, entry: &Arc<Entry>) {
        let mut index = self.index();
        let underway = index.flights.get(&flight.address).filter(|underway| underway.number == flight.number);
        // One that was overtaken by another may have missed what that one saw.
        let Some(underway) = underway else { return };
        let overtaken = match &underway.missed {
            Missed::Everything => true,
            Missed::These(changes) => changes.iter().any(|change| entry.answer().depends.is_altered_by(change)),
        };
        if overtaken {
            return;
        }
        self.forget(&mut index, &flight.address);
        index.remember(&flight.address, entry.answer());
        self.insert(&mut index, &flight.address, entry);
    }

    /// Keeps the same answer in another coding, if it is kept still.
    pub(super) fn keep_variant(&self, address: &Arc<str>, coded: &Arc<Entry>) {
        let mut index = self.index();
        if index.kept.get(address).is_some_and(|(kept, _)| Arc::ptr_eq(kept, coded.answer())) {
            self.insert(&mut index, address, coded);
        }
    }

    fn insert(&self, index: &mut Index, address: &Arc<str>, entry: &Arc<Entry>) {
        let key = Key { address: Arc::clone(address), coding: entry.coding() };
        if !self.entries.contains_key(&key)
            && let Some((_, codings)) = index.kept.get_mut(address)
        {
            *codings += 1;
        }
        let mut evicted = Vec::new();
        self.entries.insert_with_lifecycle(key, Arc::clone(entry), &mut evicted);
        for key in evicted {
            let last = index.kept.get_mut(&key.address).is_some_and(|(_, codings)| {
                *codings -= 1;
                *codings == 0
            });
            if last {
                index.forget(&key.address);
            }
        }
    }

    fn forget(&self, index: &mut Index, address: &Arc<str>) {
        for coding in Coding::ALL {
            self.entries.remove(&Find { address, coding });
        }
        index.forget(address);
    }

    /// Drops what these changes alter, and nothing else.
    pub(super) fn apply(&self, changes: Vec<Change>) {
        if changes.iter().any(|change| change.resource == Resource::Site) {
            return self.clear();
        }
        let mut index = self.index();
        index.epoch += 1;
        let mut altered: HashSet<Arc<str>> = HashSet::new();
        for change in changes {
            index.find_altered(&change, &mut altered);
            if index.flights.is_empty() {
                continue;
            }
            let change = Arc::new(change);
            for underway in index.flights.values_mut() {
                if let Missed::These(changes) = &mut underway.missed {
                    changes.push(Arc::clone(&change));
                }
            }
        }
        for address in altered {
            self.forget(&mut index, &address);
        }
    }

    /// Drops everything.
    pub(super) fn clear(&self) {
        let mut index = self.index();
        index.epoch += 1;
        for underway in index.flights.values_mut() {
            underway.missed = Missed::Everything;
        }
        (index.kept, index.under) = Default::default();
        self.entries.clear();
    }
}

impl Index {
    fn remember(&mut self, address: &Arc<str>, answer: &Arc<Answer>) {
        for key in answer.depends.keys() {
            self.under.entry(key).or_default().insert(Arc::clone(address));
        }
        self.kept.insert(Arc::clone(address), (Arc::clone(answer), 0));
    }

    fn forget(&mut self, address: &Arc<str>) {
        let Some((answer, _)) = self.kept.remove(address) else { return };
        for key in answer.depends.keys() {
            if let Some(addresses) = self.under.get_mut(&key) {
                addresses.remove(address);
                if addresses.is_empty() {
                    self.under.remove(&key);
                }
            }
        }
    }

    fn find_altered(&self, change: &Change, altered: &mut HashSet<Arc<str>>) {
        let own = format!("{}:{}", change.resource.as_str(), change.id);
        for key in std::iter::once(&own).chain(&change.touched.keys) {
            altered.extend(self.under.get(key).into_iter().flatten().cloned());
        }
        for scope in change.touched.relisted.iter().flat_map(Relisted::scopes) {
            for address in self.under.get(&format!("list:{scope}")).into_iter().flatten() {
                if !altered.contains(address)
                    && self.kept.get(address).is_some_and(|(answer, _)| answer.depends.sees(change))
                {
                    altered.insert(Arc::clone(address));
                }
            }
        }
    }
}
