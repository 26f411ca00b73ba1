//! Adapters with one fault each. The suite catches every one, by a scenario of the promise that it
//! breaks.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker, ready};
use std::time::Duration;

use pool_conformance::simulated::{Clock, ManualTimer, Simulated};
use pool_conformance::{Adapter, SEED, Task, Time, Verdict, note, run, scenarios};
use pool_driver::{Instant, Runtime, Timer};

/// What is wrong with an adapter.
trait Fault: 'static {
    const NAME: &'static str;

    /// What the clock shows. `looks` is how often it was read.
    fn now(now: Instant, looks: u64) -> Instant {
        let _ = looks;
        now
    }

    /// What a timer is set to. `resets` is how often it was set before.
    fn deadline(deadline: Instant, resets: u64) -> Option<Instant> {
        let _ = resets;
        Some(deadline)
    }

    /// Whether a timer keeps the waker that it is polled with.
    const KEEPS_WAKERS: bool = true;
    /// Whether a task that is woken while it is polled is polled again.
    const KEEPS_WAKES: bool = true;
    /// Whether a task that is over is polled again.
    const POLLS_AFTER_END: bool = false;
    /// Whether tasks run only when the script does.
    const WAITS_FOR_OTHERS: bool = false;
}

/// The simulated runtime with a fault.
struct Wrong<F> {
    simulated: Simulated,
    /// The wakers of all tasks.
    waiting: Rc<RefCell<Vec<Arc<RelayWaker>>>>,
    fault: std::marker::PhantomData<F>,
}

impl<F: Fault> Adapter for Wrong<F> {
    type Runtime = WrongRuntime<F>;
    const NAME: &'static str = F::NAME;
    const TIME: Time = Time::Virtual;

    fn start(seed: u64) -> Self {
        Self { simulated: Simulated::start(seed), waiting: Rc::default(), fault: std::marker::PhantomData }
    }

    fn runtime(&self) -> WrongRuntime<F> {
        WrongRuntime {
            clock: self.simulated.runtime(),
            looks: Arc::default(),
            fault: std::marker::PhantomData,
        }
    }

    fn spawn(&self, task: Task<WrongRuntime<F>>) {
        let mut task = Box::pin(task);
        let relay = Arc::new(RelayWaker { is_woken: AtomicBool::new(true), ..RelayWaker::default() });
        self.waiting.borrow_mut().push(Arc::clone(&relay));
        self.simulated.spawn_any(poll_fn(move |cx| {
            if !relay.is_woken.swap(false, Ordering::Relaxed) {
                return Poll::Pending;
            }
            let waker = relay.start_poll(cx.waker(), !F::WAITS_FOR_OTHERS);
            let polled = task.as_mut().poll(&mut Context::from_waker(&waker));
            relay.end_poll(F::KEEPS_WAKES);
            ready!(polled);
            if F::POLLS_AFTER_END {
                let _ = task.as_mut().poll(cx);
            }
            Poll::Ready(())
        }));
    }

    fn run(&self, script: impl Future<Output = ()> + 'static) {
        let waiting = Rc::clone(&self.waiting);
        let mut script = Box::pin(script);
        self.simulated.run(poll_fn(move |cx| {
            waiting.borrow().iter().for_each(|relay| relay.pass_on());
            script.as_mut().poll(cx)
        }));
    }
}

/// A waker that passes wake-ups on late or never.
#[derive(Default)]
struct RelayWaker {
    is_woken: AtomicBool,
    is_prompt: AtomicBool,
    is_polled: AtomicBool,
    task: Mutex<Option<Waker>>,
}

impl RelayWaker {
    fn start_poll(self: &Arc<Self>, task: &Waker, is_prompt: bool) -> Waker {
        self.is_polled.store(true, Ordering::Relaxed);
        self.is_prompt.store(is_prompt, Ordering::Relaxed);
        *self.task.lock().expect("nothing panics under this lock") = Some(task.clone());
        Waker::from(Arc::clone(self))
    }

    fn end_poll(&self, keeps_wakes: bool) {
        self.is_polled.store(false, Ordering::Relaxed);
        if !keeps_wakes {
            self.is_woken.store(false, Ordering::Relaxed);
        } else if self.is_prompt.load(Ordering::Relaxed) {
            self.pass_on();
        }
    }

    fn pass_on(&self) {
        if self.is_woken.load(Ordering::Relaxed) {
            let task = self.task.lock().expect("nothing panics under this lock").clone();
            task.into_iter().for_each(Waker::wake);
        }
    }
}

impl Wake for RelayWaker {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, Ordering::Relaxed);
        if self.is_prompt.load(Ordering::Relaxed) && !self.is_polled.load(Ordering::Relaxed) {
            self.pass_on();
        }
    }
}

struct WrongRuntime<F> {
    clock: Clock,
    looks: Arc<AtomicU64>,
    fault: std::marker::PhantomData<fn() -> F>,
}

impl<F> Clone for WrongRuntime<F> {
    fn clone(&self) -> Self {
        let (clock, looks) = (self.clock.clone(), Arc::clone(&self.looks));
        Self { clock, looks, fault: std::marker::PhantomData }
    }
}

impl<F: Fault> Runtime for WrongRuntime<F> {
    type Timer = WrongTimer<F>;

    fn now(&self) -> Instant {
        let look = self.looks.fetch_add(1, Ordering::Relaxed) + 1;
        F::now(self.clock.now(), look)
    }

    fn timer(&self) -> WrongTimer<F> {
        WrongTimer { timer: self.clock.timer(), resets: 0, fault: std::marker::PhantomData }
    }
}

struct WrongTimer<F> {
    timer: ManualTimer,
    resets: u64,
    fault: std::marker::PhantomData<F>,
}

impl<F: Fault> Timer for WrongTimer<F> {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        let resets = self.resets;
        self.resets += 1;
        if let Some(deadline) = F::deadline(deadline, resets) {
            Pin::new(&mut self.timer).reset(deadline);
        }
    }

    fn poll_expired(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut dropped = Context::from_waker(Waker::noop());
        let cx = if F::KEEPS_WAKERS { cx } else { &mut dropped };
        Pin::new(&mut self.timer).poll_expired(cx)
    }
}

impl<F> Unpin for WrongTimer<F> {}

/// Without it, the tests below would also pass if every scenario failed on a wrapped runtime.
#[test]
fn an_adapter_without_a_fault_passes_every_scenario() {
    struct None;
    impl Fault for None {
        const NAME: &'static str = "no fault";
    }
    for scenario in scenarios() {
        let report = run::<Wrong<None>>(&scenario, SEED);
        assert_eq!(report.verdict, Verdict::Passed, "{report}");
    }
}

/// Runs all scenarios. At least one of these promises must be broken.
fn must_be_caught<F: Fault>(promises: &[&str]) {
    let mut caught_by = Vec::new();
    for scenario in scenarios() {
        let report = run::<Wrong<F>>(&scenario, SEED);
        note(&report);
        if let Verdict::Failed(_) = report.verdict {
            caught_by.push(scenario);
        }
    }
    let names = caught_by.iter().any(|scenario| promises.contains(&scenario.promise().as_str()));
    assert!(names, "{}: none of {promises:?} failed, only {caught_by:#?}", F::NAME);
}

#[test]
fn a_timer_that_fires_late_is_caught() {
    struct Late;
    impl Fault for Late {
        const NAME: &'static str = "timer fires late";

        fn deadline(deadline: Instant, _: u64) -> Option<Instant> {
            Some(deadline + Duration::from_millis(50))
        }
    }
    must_be_caught::<Late>(&["R2"]);
}

#[test]
fn a_timer_that_never_fires_is_caught() {
    struct Never;
    impl Fault for Never {
        const NAME: &'static str = "timer never fires";

        fn deadline(_: Instant, _: u64) -> Option<Instant> {
            None
        }
    }
    must_be_caught::<Never>(&["R2"]);
}

#[test]
fn a_timer_that_ignores_resets_is_caught() {
    struct Stubborn;
    impl Fault for Stubborn {
        const NAME: &'static str = "timer ignores resets";

        fn deadline(deadline: Instant, resets: u64) -> Option<Instant> {
            (resets == 0).then_some(deadline)
        }
    }
    must_be_caught::<Stubborn>(&["R3"]);
}

#[test]
fn a_timer_that_drops_its_waker_is_caught() {
    struct Deaf;
    impl Fault for Deaf {
        const NAME: &'static str = "timer drops its waker";
        const KEEPS_WAKERS: bool = false;
    }
    must_be_caught::<Deaf>(&["R2"]);
}

#[test]
fn a_clock_that_goes_back_is_caught() {
    struct Wobbling;
    impl Fault for Wobbling {
        const NAME: &'static str = "now() goes back";

        fn now(now: Instant, looks: u64) -> Instant {
            let back = if looks.is_multiple_of(3) { 20_000_000 } else { 0 };
            Instant::from_nanos(now.as_nanos().saturating_sub(back))
        }
    }
    must_be_caught::<Wobbling>(&["R1"]);
}

#[test]
fn a_task_whose_wake_ups_are_lost_while_it_is_polled_is_caught() {
    struct Forgetful;
    impl Fault for Forgetful {
        const NAME: &'static str = "wake-up during a poll is lost";
        const KEEPS_WAKES: bool = false;
    }
    must_be_caught::<Forgetful>(&["R4", "F2"]);
}

#[test]
fn a_task_that_is_polled_after_its_end_is_caught() {
    struct Pushy;
    impl Fault for Pushy {
        const NAME: &'static str = "polled after completion";
        const POLLS_AFTER_END: bool = true;
    }
    must_be_caught::<Pushy>(&["R5"]);
}

#[test]
fn a_task_that_runs_only_when_others_do_is_caught() {
    struct Idle;
    impl Fault for Idle {
        const NAME: &'static str = "driver runs only when something else happens";
        const WAITS_FOR_OTHERS: bool = true;
    }
    must_be_caught::<Idle>(&["R4", "A7"]);
}
