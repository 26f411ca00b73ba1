//! What a pool promises, as scenarios that any runtime adapter can run.
//!
//! The author of an adapter implements [`Adapter`] for an executor, and writes one line in a test:
//!
//! ```
//! # use pool_conformance::simulated::Simulated as MyAdapter;
//! pool_conformance::conformance!(MyAdapter);
//! ```
//!
//! That makes a `#[test]` of every [scenario](scenarios()). Its name says which promise it is about:
//! addresses (A1 to A8), connections (C1 to C6), items (I1 to I6), calls (Q1 to Q6), the end (D1 to D3),
//! faults (F1 to F5), and the runtime seam itself (R1 to R6).
//!
//! A scenario is a [`Script`]: steps as data, in one vocabulary. It is played on servers in memory
//! ([`world`]), which can be slow, stall, refuse, hang, close, die and panic. Where time is
//! [virtual](Time::Virtual), scenarios check times to the nanosecond. Where it is
//! [real](Time::Real), they run twenty times as fast, wait for what they expect, and don't check
//! lateness. A failure prints the script, the step that failed, what was expected and seen, and the
//! seed.
//!
//! The [simulated runtime](simulated) is an adapter too. It repeats a run exactly for a seed.
//!
//! The modules are layers, and each imports only from those before it: `clock` and
//! `observed_runtime`; `world`; `script`, the vocabulary, and `scenarios`, which use nothing else;
//! `fixture`, `observe` and `invariants`; `task` and `adapter`; `play`; `run`.

mod adapter;
mod clock;
mod fixture;
mod invariants;
mod nursery;
mod observe;
mod observed_runtime;
mod play;
mod run;
mod scenarios;
mod script;
pub mod simulated;
mod task;
pub mod world;

pub use adapter::{Adapter, Time};
pub use observed_runtime::{ClockWatch, ObservedRuntime, ObservedTimer};
pub use run::{REPORT_VARIABLE, Report, SEED, SEED_VARIABLE, Verdict, check, note, run};
pub use scenarios::{PROMISES, Promise, Scenario, scenarios};
pub use script::{Conduct, IntoEndpoint, Observation, Script, Setting, Value};
pub use task::Task;
pub use world::Dial;
