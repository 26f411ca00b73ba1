//! Runs a scenario on an adapter, and tells how it went.

use std::cell::RefCell;
use std::env;
use std::fmt;
use std::fs::OpenOptions;
use std::future::poll_fn;
use std::hash::Hasher;
use std::io::Write;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::{Arc, Once};

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

use crate::adapter::Adapter;
use crate::pacer::{Alarm, Pacer};
use crate::play::{Failure, Player};
use crate::scenarios::Scenario;
use crate::scene::Scene;
use crate::script::Script;
use crate::watchdog::Watchdog;

/// How a scenario went on an adapter.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Report {
    /// The adapter's name.
    pub adapter: String,
    /// The scenario's name.
    pub scenario: String,
    /// What everything that is left to chance depended on.
    pub seed: u64,
    /// How it went.
    pub verdict: Verdict,
    /// Stands for all that happened, in its order, where the adapter can repeat that.
    pub trace_hash: Option<u64>,
}

/// How it went.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Verdict {
    /// As promised.
    Passed,
    /// The adapter can't run it, and says why.
    Skipped(String),
    /// Otherwise than promised: the script, the step that failed, what was expected and seen.
    Failed(String),
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { adapter, scenario, seed, verdict, .. } = self;
        match verdict {
            Verdict::Passed => write!(f, "{scenario} on {adapter}, seed {seed}: passed"),
            Verdict::Skipped(reason) => write!(f, "skipped: {scenario} on {adapter}: {reason}"),
            Verdict::Failed(failure) => {
                write!(f, "{scenario} on {adapter}, seed {seed}: FAILED\n{failure}")
            }
        }
    }
}

/// The seed where none is given.
pub const SEED: u64 = 42;
/// The environment variable with another seed.
pub const SEED_VARIABLE: &str = "POOL_CONFORMANCE_SEED";
/// The environment variable with the path of a file to which reports are added, a line of JSON each.
pub const REPORT_VARIABLE: &str = "POOL_CONFORMANCE_REPORT";

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

/// Adds a report to the file that [`REPORT_VARIABLE`] names, if it does.
///
/// # Panics
///
/// When the file can't be written to.
pub fn note(report: &Report) {
    let Some(path) = env::var_os(REPORT_VARIABLE) else { return };
    let line = serde_json::to_string(report).expect("a report is text and numbers") + "\n";
    let file = OpenOptions::new().append(true).create(true).open(&path);
    let written = file.and_then(|mut file| file.write_all(line.as_bytes()));
    written.unwrap_or_else(|error| panic!("can't write to {}: {error}", path.display()));
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
    if let Some(reason) = A::skip(scenario.name) {
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

/// Returns the hash of the trace.
fn play_on<A: Adapter + 'static>(script: &Script, report: &Report) -> Result<Option<u64>, Failure> {
    keep_scripted_panics_quiet();
    let scene = Scene::new();
    let watchdog = Watchdog::watch(&scene, report.clone());
    let outcome = Rc::new(RefCell::new(None));
    let ran = catch_unwind(AssertUnwindSafe(|| {
        let adapter = Rc::new(A::start(report.seed));
        adapter.run(stage(&adapter, &scene, script.clone(), report.seed, Rc::clone(&outcome)));
        adapter.history()
    }));
    drop(watchdog);
    match (ran, outcome.take()) {
        (_, Some(Err(failure))) => Err(failure),
        (Ok(history), Some(Ok(()))) => Ok(history.map(|history| hash(&scene, history))),
        (Ok(_), None) => Err("the adapter's `run` returned before its future did".into()),
        (Err(payload), _) => {
            Err(format!("in step {}: {}\n{}", scene.progress.lock(), panic_message(&*payload), scene.table()))
        }
    }
}

/// The future that an adapter runs: the script, and the time that passes for it.
fn stage<A: Adapter + 'static>(
    adapter: &Rc<A>,
    scene: &Arc<Scene>,
    script: Script,
    seed: u64,
    outcome: Rc<RefCell<Option<Result<(), Failure>>>>,
) -> impl Future<Output = ()> + use<A> {
    let (adapter, scene) = (Rc::clone(adapter), Arc::clone(scene));
    async move {
        let alarm = Rc::new(Alarm::new(&*adapter, &scene));
        let mut pacer = Pacer::new(&*adapter, &scene);
        pacer.move_on();
        let mut play = Box::pin(Player::new(&adapter, &scene, &alarm).play(script, seed));
        drop(adapter);
        let played = poll_fn(|cx| {
            scene.bell.listen(cx.waker());
            pacer.move_on();
            let played = play.as_mut().poll(cx);
            // What the script has just set is polled, too.
            alarm.poll(cx);
            pacer.arm(cx);
            played
        })
        .await;
        *outcome.borrow_mut() = Some(played);
    }
}

/// A hash of all that happened: what the observer was told and when, each call into each connection
/// and what came of it, the end of every item, what users were told, and who ran in which order.
fn hash(scene: &Scene, history: u64) -> u64 {
    let mut hasher = SipHasher13::new();
    hasher.write(scene.log.transcript().as_bytes());
    for link in scene.world.all_links() {
        let (address, name) = (link.address(), link.name());
        let told = format!("{address} {name} {:?} {:?}", link.received(), link.take_log());
        hasher.write(told.as_bytes());
    }
    hasher.write(format!("{:?}", scene.ledger).as_bytes());
    let users = scene.users.lock();
    hasher.write(format!("{:?} {:?} {:?}", users.refusals, users.ready, users.seen_ends).as_bytes());
    hasher.write_u64(history);
    hasher.finish()
}

/// Panics that a script orders are no news.
fn keep_scripted_panics_quiet() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let tell = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !panic_message(info.payload()).starts_with("a scripted panic") {
                tell(info);
            }
        }));
    });
}

fn panic_message(payload: &(dyn std::any::Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a message")
}
