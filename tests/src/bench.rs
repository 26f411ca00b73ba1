//! What the benchmarks share: programs that measure one case at a run and print plain numbers.

use std::env;
use std::fmt::Debug;
use std::str::FromStr;
use std::time::Instant;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What the program was called with, but for what Cargo adds.
#[must_use]
pub fn arguments() -> Vec<String> {
    env::args().skip(1).filter(|argument| argument != "--bench").collect()
}

/// An argument that is a number.
///
/// # Panics
///
/// When it isn't.
#[must_use]
pub fn number<N: FromStr<Err: Debug>>(argument: &str) -> N {
    argument.parse().expect("a number")
}

/// How long the work took.
pub fn nanoseconds(work: impl FnOnce()) -> u128 {
    let start = Instant::now();
    work();
    start.elapsed().as_nanos()
}

/// Lets the process have so many files and sockets open, besides the few that it has anyway.
///
/// # Panics
///
/// When the system doesn't let it; the message says what would.
pub fn want_descriptors(wanted: u64) {
    let wanted = wanted + OTHER_DESCRIPTORS;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return;
    }
    let maximum = limit.maximum.map(|maximum| maximum.max(wanted));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum });
    assert!(
        raised.is_ok(),
        "this takes {wanted} open files, and the limit is {limit:?}: raise it by `ulimit -Hn {wanted}`"
    );
}

const OTHER_DESCRIPTORS: u64 = 64;
