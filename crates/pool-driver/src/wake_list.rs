//! Who was woken: one list for all that a driver waits for.
//!
//! Every slot has a waker of its own, and so have the address stream, the timer and the queue.
//! A wake-up puts the source on the list, once, and wakes the driver, which then polls exactly
//! what is on the list. No waker of the driver's caller ever reaches a connection, so the driver
//! may move between tasks.

use std::sync::Arc;
use std::task::{Wake, Waker};

use pool_core::SlotId;

use crate::sync::{AtomicBool, Mutex, MutexGuard, Ordering};

/// What can wake a driver.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum WakeUp {
    Slot(SlotId),
    /// The name service has something to say.
    Source,
    /// There are other settings.
    Config,
    Timer,
    /// Items came back from a connection.
    Held,
    /// The handles: new items, a shutdown, an address to retry.
    Handles,
}

#[derive(Debug)]
pub(crate) struct WakeList<W = WakeUp> {
    state: Mutex<WakeListState<W>>,
}

#[derive(Debug)]
struct WakeListState<W> {
    woken: Vec<W>,
    /// The driver's own waker; gone once it has been woken, until it polls again.
    driver: Option<Waker>,
}

impl<W> Default for WakeList<W> {
    fn default() -> Self {
        Self { state: Mutex::new(WakeListState { woken: Vec::new(), driver: None }) }
    }
}

impl<W> WakeList<W> {
    /// Starts a poll of the driver: moves the list into `woken`, which should be empty, and keeps
    /// the waker in the same step, so that whatever is woken from now on wakes the driver.
    pub(crate) fn start_poll(&self, waker: &Waker, woken: &mut Vec<W>) {
        let waker = Some(waker.clone());
        let previous = {
            let mut state = self.lock();
            std::mem::swap(&mut state.woken, woken);
            std::mem::replace(&mut state.driver, waker)
        };
        // Dropped here: wakers are user code, which never runs under a lock.
        drop(previous);
    }

    /// The driver is over: its waker isn't needed any more.
    pub(crate) fn stop(&self) {
        let driver = self.lock().driver.take();
        drop(driver);
    }

    fn push(&self, wake_up: W) {
        let driver = {
            let mut state = self.lock();
            state.woken.push(wake_up);
            state.driver.take()
        };
        if let Some(driver) = driver {
            driver.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, WakeListState<W>> {
        self.state.lock()
    }
}

/// The waker of one source.
#[derive(Debug)]
pub(crate) struct Signal<W = WakeUp> {
    list: Arc<WakeList<W>>,
    wake_up: W,
    /// Whether the source is on the list.
    listed: AtomicBool,
}

impl<W: Copy> Signal<W> {
    pub(crate) fn new(list: &Arc<WakeList<W>>, wake_up: W) -> Arc<Self> {
        Arc::new(Self { list: Arc::clone(list), wake_up, listed: AtomicBool::new(false) })
    }

    /// To be called *before* the source is looked at: a wake-up that comes while it is looked at
    /// must list it again.
    pub(crate) fn clear(&self) {
        self.listed.swap(false, Ordering::AcqRel);
    }

    pub(crate) fn raise(&self) {
        if !self.listed.swap(true, Ordering::AcqRel) {
            self.list.push(self.wake_up);
        }
    }
}

impl<W: Copy + Send + Sync + 'static> Wake for Signal<W> {
    fn wake(self: Arc<Self>) {
        self.raise();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.raise();
    }
}

#[cfg(all(test, loom))]
mod loom_tests {
    use loom::sync::Notify;
    use loom::sync::atomic::AtomicUsize;
    use loom::thread;

    use super::*;

    /// Stands for a driver's task: a lost wake-up leaves it waiting, which loom calls a deadlock.
    struct Task(Notify);

    impl Wake for Task {
        fn wake(self: Arc<Self>) {
            self.0.notify();
        }
    }

    /// Something that a source has to tell, and the signal that goes with it.
    struct Told {
        events: AtomicUsize,
        signal: Arc<Signal>,
    }

    impl Told {
        fn new(list: &Arc<WakeList>, source: WakeUp) -> Arc<Self> {
            Arc::new(Self { events: AtomicUsize::new(0), signal: Signal::new(list, source) })
        }

        fn tell(&self) {
            self.events.fetch_add(1, Ordering::Relaxed);
            self.signal.raise();
        }
    }

    /// Polls like a driver until all sources together have told `expected` events. Returns how
    /// often a source was found on the list.
    fn drive(list: &WakeList, sources: &[Arc<Told>], expected: usize) -> usize {
        let task = Arc::new(Task(Notify::new()));
        let waker = Waker::from(Arc::clone(&task));
        let (mut woken, mut listed, mut seen) = (Vec::new(), 0, 0);
        loop {
            list.start_poll(&waker, &mut woken);
            for source in woken.drain(..) {
                listed += 1;
                let told = sources.iter().find(|told| told.signal.wake_up == source);
                let told = told.expect("only known sources are listed");
                told.signal.clear();
                seen += told.events.swap(0, Ordering::Relaxed);
            }
            if seen == expected {
                list.stop();
                return listed;
            }
            task.0.wait();
        }
    }

    #[test]
    fn loom_no_event_is_lost_when_two_sources_wake_a_driver_that_is_just_polling() {
        loom::model(|| {
            let list = Arc::new(WakeList::default());
            let sources = [Told::new(&list, WakeUp::Source), Told::new(&list, WakeUp::Handles)];
            for told in &sources {
                let told = Arc::clone(told);
                thread::spawn(move || told.tell());
            }
            let listed = drive(&list, &sources, 2);
            assert_eq!(listed, 2, "each source is listed once for its one event");
        });
    }

    #[test]
    fn loom_a_source_that_is_woken_while_it_is_polled_is_listed_again_and_never_twice_at_once() {
        loom::model(|| {
            let list = Arc::new(WakeList::default());
            let sources = [Told::new(&list, WakeUp::Timer)];
            let told = Arc::clone(&sources[0]);
            thread::spawn(move || {
                told.tell();
                told.tell();
            });
            let listed = drive(&list, &sources, 2);
            assert!((1..=2).contains(&listed), "listed {listed} times for two events");
        });
    }

    #[test]
    fn loom_a_driver_that_moves_to_another_task_is_woken_there() {
        loom::model(|| {
            let list = Arc::new(WakeList::default());
            let told = Told::new(&list, WakeUp::Handles);
            list.start_poll(&Waker::from(Arc::new(Task(Notify::new()))), &mut Vec::new());
            let other = Arc::clone(&told);
            thread::spawn(move || other.tell());
            drive(&list, &[told], 1);
        });
    }
}
