//! Items that leave a trace: where each went, and that it was dropped, once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use parking_lot::Mutex;
use pool_driver::{ItemPolicy, UndeliveredReason};

/// Counts the calls into user code, and makes one of them panic.
///
/// A pool catches what panics in user code: what can't be, here, is written down instead.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    count: Arc<AtomicUsize>,
    panic_at: Arc<Mutex<Option<usize>>>,
    panics: Arc<AtomicUsize>,
    driver_polls: Arc<AtomicUsize>,
    contradiction: Arc<Mutex<Option<String>>>,
}

impl Calls {
    /// How many there were.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// The call with this number, counted from 1, panics.
    pub fn panic_at(&self, call: usize) {
        *self.panic_at.lock() = Some(call);
    }

    /// A call, as long as what this returns lives.
    ///
    /// # Panics
    ///
    /// When it is the one that shall.
    pub fn enter(&self) -> Entered<'_> {
        let entered = Entered { calls: self, panics: self.panics(), was_panicking: thread::panicking() };
        let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        let is_due = *self.panic_at.lock() == Some(count);
        if is_due && !thread::panicking() {
            self.panic(&format!("in call {count}"));
        }
        entered
    }

    /// Panics, because a script says so.
    ///
    /// # Panics
    ///
    /// Always.
    pub fn panic(&self, place: &str) -> ! {
        self.panics.fetch_add(1, Ordering::Relaxed);
        panic!("a scripted panic {place}")
    }

    /// Panics that a script has ordered, and that came.
    pub fn panics(&self) -> usize {
        self.panics.load(Ordering::Relaxed)
    }

    /// A poll of the driver starts.
    pub fn start_poll(&self) {
        self.driver_polls.fetch_add(1, Ordering::Relaxed);
    }

    /// Which poll of the driver this is.
    pub(super) fn driver_poll(&self) -> usize {
        self.driver_polls.load(Ordering::Relaxed)
    }

    /// Writes down what can't be. The first counts: the others may come of it.
    pub fn contradict(&self, sentence: &str) {
        self.contradiction.lock().get_or_insert_with(|| sentence.to_owned());
    }

    /// What can't be, and was seen all the same.
    pub fn contradiction(&self) -> Option<String> {
        self.contradiction.lock().clone()
    }
}

/// A call into user code that is under way.
#[derive(Debug)]
pub struct Entered<'a> {
    calls: &'a Calls,
    /// Scripted panics before.
    panics: usize,
    was_panicking: bool,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let panics = thread::panicking() && !self.was_panicking;
        if panics && self.calls.panics() == self.panics {
            self.calls.contradict("user code panicked, and no script had ordered that");
        }
    }
}

/// How an item ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a new end would be a new promise")]
pub enum End {
    /// A connection took it.
    SentCount,
    /// Its sender got it back.
    Refused,
    /// `on_undelivered` got it.
    Undelivered,
    /// Its sender gave up.
    Withdrawn,
}

/// Keeps a record of every item, for all who have a clone.
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
    /// An empty one, whose handler of undelivered items counts as user code.
    pub fn new(calls: &Calls) -> Self {
        Self { calls: calls.clone(), ..Self::default() }
    }

    /// A new item.
    ///
    /// # Panics
    ///
    /// When there is one with this number already.
    pub fn item(&self, id: u32) -> Item {
        let previous = self.entries.lock().insert(id, Entry::default());
        assert!(previous.is_none(), "item {id} is there already");
        Item { id, ledger: self.clone() }
    }

    /// The item has come to an end.
    pub fn record(&self, id: u32, end: End) {
        self.entries.lock().entry(id).or_default().ends.push(end);
    }

    /// A connection gives it back.
    pub fn take_back(&self, id: u32) {
        let last = self.entries.lock().entry(id).or_default().ends.pop();
        if last != Some(End::SentCount) {
            self.calls.contradict(&format!("item {id} came back from where it was not: it was {last:?}"));
        }
    }

    /// The items that came to this end, and to no other.
    pub fn ended(&self, end: End) -> Vec<u32> {
        let entries = self.entries.lock();
        entries.iter().filter(|(_, entry)| entry.ends == [end]).map(|(id, _)| *id).collect()
    }

    /// Items that `on_undelivered` was given.
    pub fn undelivered(&self) -> Vec<u32> {
        self.ended(End::Undelivered)
    }

    /// From now on nobody wants this item.
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

    /// Items that have come to more than one end, or were dropped more than once.
    pub fn doubled(&self) -> Vec<u32> {
        let entries = self.entries.lock();
        let doubled = entries.iter().filter(|(_, entry)| entry.ends.len() > 1 || entry.drops > 1);
        doubled.map(|(id, _)| *id).collect()
    }

    /// The first item that has not come to exactly one end or is not gone, and how it stands.
    ///
    /// # Errors
    ///
    /// A sentence on that item.
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
