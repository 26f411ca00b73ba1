//! What a pool promises, as scenarios that any runtime adapter can run.
//!
//! An adapter's author implements [`Adapter`] for the executor that the adapter is for, and writes
//! one line in a test:
//!
//! ```
//! # use pool_conformance::simulated::Simulated as MyAdapter;
//! pool_conformance::conformance!(MyAdapter);
//! ```
//!
//! Every [scenario](scenarios()) is a `#[test]` then. Its name says which promise it is about:
//! addresses (A1 to A8), connections (C1 to C6), items (I1 to I6), the end (D1 to D3), faults (F1 to
//! F5), and the runtime seam itself (R1 to R5).
//!
//! A scenario is a [`Script`]: data in one vocabulary. It is played on servers in memory
//! ([`world`]) that can be slow, stall, refuse, hang, close, die and panic. Where time is
//! [virtual](Time::Virtual) it is played to the nanosecond; where it is [real](Time::Real) it
//! runs twenty times as fast, waits for what shall happen, and says nothing about lateness. A
//! failure prints the script, the step that failed, what was expected and seen, and the seed.
//!
//! The [simulated runtime](simulated) is an adapter too: it repeats a run exactly for a seed.

mod adapter;
mod clock;
mod fixture;
mod invariants;
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
