//! Runs a scenario on an adapter, and reports how it went.

mod exemptions;
mod panics;
mod report;
mod trace_hash;
mod watchdog;

use std::cell::RefCell;
use std::env;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use crate::adapter::Adapter;
use crate::fixture::Fixture;
use crate::play::{ClockSync, Failure, Player, TimerProbe};
use crate::scenarios::Scenario;
use crate::script::Script;

use exemptions::exemption;
use panics::{keep_scripted_panics_quiet, panic_message};
use trace_hash::trace_hash;
use watchdog::Watchdog;

pub use report::{REPORT_VARIABLE, Report, SEED, SEED_VARIABLE, Verdict, note};

/// Runs a scenario by its name, as a test: what [`conformance!`](crate::conformance) makes.
///
/// # Panics
///
/// When the scenario fails, with the report.
pub fn check<A: Adapter + 'static>(name: &str) {
    let scenario = Scenario::named(name).expect("only scenarios that exist are listed");
    let seed = env::var(SEED_VARIABLE).map_or(SEED, |seed| {
        seed.parse().unwrap_or_else(|_| panic!("{SEED_VARIABLE} is not a number: {seed}"))
    });
    let report = run::<A>(&scenario, seed);
    note(&report);
    match report.verdict {
        Verdict::Passed => {}
        Verdict::Skipped(_) => println!("{report}"),
        Verdict::Failed(_) => panic!("{report}"),
    }
}

/// Runs a scenario on an adapter: one of the suite's, or one of your own.
///
/// ```
/// use pool_conformance::simulated::Simulated;
/// use pool_conformance::{Observation::*, SEED, Scenario, Script, Verdict, run};
///
/// let scenario = Scenario::new("an address is dialled", || {
///     Script::new().set_addresses([1]).expect(Connected(1), 1)
/// });
/// let report = run::<Simulated>(&scenario, SEED);
/// assert_eq!(report.verdict, Verdict::Passed, "{report}");
/// ```
#[must_use]
pub fn run<A: Adapter + 'static>(scenario: &Scenario, seed: u64) -> Report {
    let mut report = Report {
        adapter: A::NAME.into(),
        scenario: scenario.name.into(),
        seed,
        verdict: Verdict::Passed,
        trace_hash: None,
    };
    let exemption = || if A::SPAWNS_CONNECTIONS { exemption(scenario.name) } else { None };
    if let Some(reason) = A::skip(scenario.name).or_else(exemption) {
        report.verdict = Verdict::Skipped(reason.into());
        return report;
    }
    let script = (scenario.script)();
    match play_on::<A>(&script, &report) {
        Ok(trace_hash) => report.trace_hash = trace_hash,
        Err(failure) => report.verdict = Verdict::Failed(format!("{script}{failure}")),
    }
    report
}

/// Returns the hash of the trace, if the adapter can repeat a run.
fn play_on<A: Adapter + 'static>(script: &Script, report: &Report) -> Result<Option<u64>, Failure> {
    keep_scripted_panics_quiet();
    let fixture = Fixture::new();
    let watchdog = Watchdog::watch(&fixture, report.clone());
    let outcome = Rc::new(RefCell::new(None));
    let ran = catch_unwind(AssertUnwindSafe(|| {
        let adapter = Rc::new(A::start(report.seed));
        adapter.run(play(&adapter, &fixture, script.clone(), report.seed, Rc::clone(&outcome)));
        adapter.history()
    }));
    drop(watchdog);
    match (ran, outcome.take()) {
        (_, Some(Err(failure))) => Err(failure),
        (Ok(history), Some(Ok(()))) => Ok(history.map(|history| trace_hash(&fixture, history))),
        (Ok(_), None) => Err("the adapter's `run` returned before its future did".into()),
        (Err(payload), _) => {
            let (step, message) = (fixture.progress.lock(), panic_message(&*payload));
            Err(format!("in step {step}: {message}\n{}", fixture.table()).into())
        }
    }
}

/// The future that an adapter runs: the script, and the clock and timer that it uses.
fn play<A: Adapter + 'static>(
    adapter: &Rc<A>,
    fixture: &Arc<Fixture>,
    script: Script,
    seed: u64,
    outcome: Rc<RefCell<Option<Result<(), Failure>>>>,
) -> impl Future<Output = ()> + use<A> {
    let (adapter, fixture) = (Rc::clone(adapter), Arc::clone(fixture));
    async move {
        let timer = Rc::new(TimerProbe::new(&*adapter, &fixture));
        let mut clock = ClockSync::new(&*adapter, &fixture);
        clock.set_clock();
        let mut play = Box::pin(Player::new(&adapter, &fixture, &timer).play(script, seed));
        drop(adapter);
        let played = poll_fn(|cx| {
            fixture.script.register(cx.waker());
            clock.set_clock();
            let played = play.as_mut().poll(cx);
            // After the script, which may just have set it.
            timer.poll(cx);
            clock.arm(cx);
            played
        })
        .await;
        *outcome.borrow_mut() = Some(played);
    }
}
