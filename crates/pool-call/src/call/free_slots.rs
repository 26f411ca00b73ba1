//! Unused slots, kept on each thread for calls that go through no pool. A pool keeps those of its own calls.

use std::any::Any;
use std::cell::RefCell;
use std::sync::Arc;

use super::call_slot::CallSlot;
use crate::policy::{FREE_SLOT_BYTES_MAX, FREE_SLOTS_MAX};

thread_local! {
    /// One `Vec<Arc<CallSlot<Request, Reply>>>` for each type of calls, the last used first.
    static FREE: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

/// A slot that this thread has kept.
pub(super) fn take<Request: 'static, Reply: 'static>() -> Option<Arc<CallSlot<Request, Reply>>> {
    with_free(Vec::pop).flatten()
}

/// Keeps an empty slot for later, unless there are enough.
pub(super) fn keep<Request: 'static, Reply: 'static>(slot: Arc<CallSlot<Request, Reply>>) {
    with_free(|free| {
        if free.len() < free_max::<Request, Reply>() {
            free.push(slot);
        }
    });
}

/// How many slots of this type are kept.
const fn free_max<Request, Reply>() -> usize {
    let in_bytes_max = FREE_SLOT_BYTES_MAX / size_of::<CallSlot<Request, Reply>>();
    match in_bytes_max {
        0 => 1,
        1..FREE_SLOTS_MAX => in_bytes_max,
        FREE_SLOTS_MAX.. => FREE_SLOTS_MAX,
    }
}

/// `None` while the thread ends.
#[inline]
fn with_free<Request: 'static, Reply: 'static, T>(
    change: impl FnOnce(&mut Vec<Arc<CallSlot<Request, Reply>>>) -> T,
) -> Option<T> {
    let with_lists = |lists: &RefCell<Vec<Box<dyn Any>>>| {
        let mut lists = lists.borrow_mut();
        match lists.first_mut().and_then(|list| list.downcast_mut()) {
            Some(free) => change(free),
            None => change(bring_to_front(&mut lists)),
        }
    };
    FREE.try_with(with_lists).ok()
}

#[cold]
fn bring_to_front<Request: 'static, Reply: 'static>(
    lists: &mut Vec<Box<dyn Any>>,
) -> &mut Vec<Arc<CallSlot<Request, Reply>>> {
    type List<Request, Reply> = Vec<Arc<CallSlot<Request, Reply>>>;
    let index = lists.iter().position(|list| list.is::<List<Request, Reply>>()).unwrap_or_else(|| {
        lists.push(Box::<List<Request, Reply>>::default());
        lists.len() - 1
    });
    lists.swap(0, index);
    lists[0].downcast_mut().expect("the list at the front has this type")
}
