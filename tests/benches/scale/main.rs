//! What more addresses and more connections cost: connections in memory, one driver.
//!
//! `cargo xtask bench scale` runs this program; see [`CASES`].

mod connections;
mod crowd;
mod failing;

use pool_tests::bench::{arguments, number};
use tokio::runtime::{Builder, Runtime};

use crowd::Phase;

const CASES: &str = "\
failing ADDRESSES ITEMS                        sends ITEMS while every hundredth of ADDRESSES refuses all dials; prints
                                               the nanoseconds
crowd PHASE KIND CONNECTIONS TIMES PAIRS       a message for each connection of TIMES pools of CONNECTIONS, and for
                                               each of one pool of as many together; prints the nanoseconds of both
                                               for each of PAIRS
once KIND CONNECTIONS TIMES                    a message for each of CONNECTIONS, TIMES times; prints the nanoseconds
PHASE: whole: from the start of the pools; messages: all pools are there before; again: the first are the same
pool, TIMES times
KIND: send; call: each message is answered";

/// Items that may wait.
const QUEUE: usize = 128;

fn main() {
    let arguments = arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["failing", addresses, items] => failing::case(number(addresses), number(items)),
        ["crowd", phase, kind, connections, times, pairs] => {
            let phase = Phase::parse(phase);
            crowd::case(phase, kind, number(connections), number(times), number(pairs));
        }
        ["once", kind, connections, times] => crowd::once_case(kind, number(connections), number(times)),
        [] => try_all(),
        _ => panic!("one of these, please:\n{CASES}"),
    }
}

/// Without arguments: every case once, so small that nothing is measured.
fn try_all() {
    failing::case(100, 1000);
    for kind in ["send", "call"] {
        for phase in [Phase::Whole, Phase::Messages, Phase::Again] {
            crowd::case(phase, kind, 10, 3, 1);
        }
        crowd::once_case(kind, 10, 3);
    }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("the system has a thread to give")
}
