//! What more addresses and more connections cost: connections in memory, one driver.
//!
//! `cargo xtask bench scale` runs this program; see [`CASES`].

mod connections;
mod crowd;
mod failing;

use pool_tests::bench::{arguments, number};
use tokio::runtime::{Builder, Runtime};

use crowd::{Phase, Size};

const CASES: &str = "\
failing ADDRESSES ITEMS                            sends ITEMS while every hundredth of ADDRESSES refuses all dials;
                                                   prints the nanoseconds
crowd PHASE KIND CONNECTIONS EACH TIMES PAIRS      a message for each connection of TIMES pools of CONNECTIONS, and
                                                   for each of one pool of as many together; prints the nanoseconds
                                                   of both for each of PAIRS
once KIND CONNECTIONS EACH TIMES                   a message for each of CONNECTIONS, TIMES times; prints the
                                                   nanoseconds
PHASE: whole: from the start of the pools; messages: all pools are there before; again: the first are the same
pool, TIMES times
KIND: send; call: each message is answered
EACH: connections to each address";

fn main() {
    let arguments = arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["failing", addresses, items] => failing::case(number(addresses), number(items)),
        ["crowd", phase, kind, connections, each, times, pairs] => {
            let (phase, size) = (Phase::parse(phase), size(connections, each));
            crowd::case(phase, kind, size, number(times), number(pairs));
        }
        ["once", kind, connections, each, times] => {
            crowd::once_case(kind, size(connections, each), number(times));
        }
        [] => try_all(),
        _ => panic!("one of these, please:\n{CASES}"),
    }
}

/// Without arguments: every case once, so small that nothing is measured.
fn try_all() {
    failing::case(100, 1000);
    let size = Size { connections: 10, per_address: 2 };
    for kind in ["send", "call"] {
        for phase in [Phase::Whole, Phase::Messages, Phase::Again] {
            crowd::case(phase, kind, size, 3, 1);
        }
        crowd::once_case(kind, size, 3);
    }
}

fn size(connections: &str, per_address: &str) -> Size {
    Size { connections: number(connections), per_address: number(per_address) }
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("the system has a thread to give")
}
