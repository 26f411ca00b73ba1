//! Items that leave a trace: where each went, and that it was dropped, once.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use pool_driver::{OnUndelivered, UndeliveredReason};

/// Counts the calls into user code, and makes one of them panic.
#[derive(Clone, Default)]
pub(crate) struct Calls {
    count: Rc<Cell<usize>>,
    panic_at: Rc<Cell<Option<usize>>>,
}

impl Calls {
    pub(crate) fn count(&self) -> usize {
        self.count.get()
    }

    pub(crate) fn panic_at(&self, call: usize) {
        self.panic_at.set(Some(call));
    }

    pub(crate) fn enter(&self) {
        self.count.set(self.count.get() + 1);
        let is_due = self.panic_at.get() == Some(self.count.get());
        assert!(!is_due || std::thread::panicking(), "a scripted panic in call {}", self.count.get());
    }
}

/// How an item ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum End {
    Handed,
    Refused,
    Undelivered,
    /// Its sender gave up.
    Withdrawn,
}

#[derive(Clone, Default)]
pub(crate) struct Ledger {
    entries: Rc<RefCell<BTreeMap<u32, Entry>>>,
    reasons: Rc<RefCell<Vec<UndeliveredReason>>>,
    panics: Rc<Cell<bool>>,
    calls: Calls,
}

#[derive(Default)]
struct Entry {
    ends: Vec<End>,
    drops: usize,
}

/// An item; its drop is recorded.
pub(crate) struct Item {
    pub(crate) id: u32,
    ledger: Ledger,
}

impl Drop for Item {
    fn drop(&mut self) {
        self.ledger.entries.borrow_mut().entry(self.id).or_default().drops += 1;
    }
}

impl Ledger {
    pub(crate) fn new(calls: &Calls) -> Self {
        Self { calls: calls.clone(), ..Self::default() }
    }

    /// A new item, of which there is no other.
    pub(crate) fn item(&self, id: u32) -> Item {
        let previous = self.entries.borrow_mut().insert(id, Entry::default());
        assert!(previous.is_none(), "item {id} is there already");
        Item { id, ledger: self.clone() }
    }

    pub(crate) fn record(&self, id: u32, end: End) {
        self.entries.borrow_mut().entry(id).or_default().ends.push(end);
    }

    /// A connection gives it back.
    pub(crate) fn take_back(&self, id: u32) {
        let last = self.entries.borrow_mut().entry(id).or_default().ends.pop();
        assert_eq!(last, Some(End::Handed), "item {id} comes back from where it was not");
    }

    pub(crate) fn ended(&self, end: End) -> Vec<u32> {
        let entries = self.entries.borrow();
        entries.iter().filter(|(_, entry)| entry.ends == [end]).map(|(id, _)| *id).collect()
    }

    pub(crate) fn undelivered(&self) -> Vec<u32> {
        self.ended(End::Undelivered)
    }

    /// From now on the handler of undelivered items panics.
    pub(crate) fn spoil(&self) {
        self.panics.set(true);
    }

    pub(crate) fn reasons(&self) -> Vec<UndeliveredReason> {
        self.reasons.borrow().clone()
    }

    /// Every item has come to exactly one end, and is gone.
    pub(crate) fn check(&self, context: &str) {
        for (id, entry) in self.entries.borrow().iter() {
            assert_eq!(entry.ends.len(), 1, "item {id} ended as {:?}; {context}", entry.ends);
            assert_eq!(entry.drops, 1, "item {id}, {:?}, was dropped so often; {context}", entry.ends);
        }
    }
}

impl OnUndelivered<Item> for Ledger {
    fn on_undelivered(&mut self, item: Item, reason: UndeliveredReason) {
        self.record(item.id, End::Undelivered);
        self.reasons.borrow_mut().push(reason);
        self.calls.enter();
        assert!(!self.panics.get(), "a scripted panic of the handler");
    }
}
