//! Items whose ends are recorded: where each went, and that it was dropped once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use pool_driver::{ItemPolicy, UndeliveredReason};

use super::user_calls::Calls;

/// How an item ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a new end would be a new promise")]
pub enum End {
    /// A connection took it.
    Sent,
    /// Its sender got it back.
    Refused,
    /// `on_undelivered` got it.
    Undelivered,
    /// Its sender was cancelled.
    Withdrawn,
}

/// A record of every item. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    entries: Arc<Mutex<BTreeMap<u32, Entry>>>,
    reasons: Arc<Mutex<Vec<UndeliveredReason>>>,
    unwanted: Arc<Mutex<BTreeSet<u32>>>,
    panics: Arc<AtomicBool>,
    calls: Calls,
}

#[derive(Debug, Default)]
struct Entry {
    ends: Vec<End>,
    drops: usize,
}

/// An item; its drop is recorded.
#[derive(Debug)]
pub struct Item {
    /// Its number.
    pub id: u32,
    ledger: Ledger,
}

impl Drop for Item {
    fn drop(&mut self) {
        self.ledger.entries.lock().entry(self.id).or_default().drops += 1;
    }
}

impl Ledger {
    /// An empty ledger. Calls into it as an item policy count as user code.
    pub fn new(calls: &Calls) -> Self {
        Self { calls: calls.clone(), ..Self::default() }
    }

    /// Makes an item.
    ///
    /// # Panics
    ///
    /// When the number is in use.
    pub fn item(&self, id: u32) -> Item {
        let previous = self.entries.lock().insert(id, Entry::default());
        assert!(previous.is_none(), "item {id} is there already");
        Item { id, ledger: self.clone() }
    }

    /// Makes the item of another attempt to send what has this number. What became of the last one is forgotten.
    pub(super) fn attempt(&self, id: u32) -> Item {
        self.entries.lock().insert(id, Entry::default());
        Item { id, ledger: self.clone() }
    }

    /// Records how the item ended.
    pub fn record(&self, id: u32, end: End) {
        self.entries.lock().entry(id).or_default().ends.push(end);
    }

    /// A connection gives the item back.
    pub fn take_back(&self, id: u32) {
        let last = self.entries.lock().entry(id).or_default().ends.pop();
        if last != Some(End::Sent) {
            self.calls.contradict(&format!("item {id} came back from where it was not: it was {last:?}"));
        }
    }

    /// The items that came to this end and to no other.
    pub fn ended(&self, end: End) -> Vec<u32> {
        let entries = self.entries.lock();
        entries.iter().filter(|(_, entry)| entry.ends == [end]).map(|(id, _)| *id).collect()
    }

    /// Items that `on_undelivered` got, in the order of their numbers.
    pub fn undelivered(&self) -> Vec<u32> {
        self.ended(End::Undelivered)
    }

    /// From now on the item is unwanted.
    pub fn disown(&self, id: u32) {
        self.unwanted.lock().insert(id);
    }

    /// From now on the handler of undelivered items panics.
    pub fn spoil(&self) {
        self.panics.store(true, Ordering::Relaxed);
    }

    /// Why items were undelivered, in the order in which they were.
    pub fn reasons(&self) -> Vec<UndeliveredReason> {
        self.reasons.lock().clone()
    }

    /// Items that came to more than one end or were dropped more than once.
    pub fn doubled(&self) -> Vec<u32> {
        let entries = self.entries.lock();
        let doubled = entries.iter().filter(|(_, entry)| entry.ends.len() > 1 || entry.drops > 1);
        doubled.map(|(id, _)| *id).collect()
    }

    /// Checks that every item came to exactly one end and was dropped once.
    ///
    /// # Errors
    ///
    /// A sentence on the first item that did not.
    pub fn audit(&self) -> Result<(), String> {
        let entries = self.entries.lock();
        let wrong = entries.iter().find(|(_, entry)| entry.ends.len() != 1 || entry.drops != 1);
        wrong.map_or(Ok(()), |(id, Entry { ends, drops })| {
            Err(format!("item {id} ended as {ends:?} and was dropped {drops} times"))
        })
    }
}

impl ItemPolicy<Item> for Ledger {
    fn on_undelivered(&mut self, item: Item, reason: UndeliveredReason) {
        self.record(item.id, End::Undelivered);
        self.reasons.lock().push(reason);
        let _entered = self.calls.enter();
        if self.panics.load(Ordering::Relaxed) {
            self.calls.panic("of the handler");
        }
    }

    fn is_wanted(&self, item: &Item) -> bool {
        let _entered = self.calls.enter();
        if self.panics.load(Ordering::Relaxed) {
            self.calls.panic("of the handler");
        }
        !self.unwanted.lock().contains(&item.id)
    }
}
