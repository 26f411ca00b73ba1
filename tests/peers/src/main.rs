//! This pool beside others, with real Redis servers, and others alone in memory. `cargo xtask bench` runs this program,
//! a case at a time, and holds what it prints against bounds.

mod choose;
mod clients;
mod dispatch;
mod executor;
mod failover;
mod redis;

use std::env;
use std::process::ExitCode;

use pool_tokio::BoxError;

const USAGE: &str = "\
pool-peers failover CLIENT FAULT BEFORE DOWN AFTER
pool-peers redis CLIENT COMMAND CALLERS RUNTIME MILLISECONDS
CLIENT: pool-tokio, redis-rs, fred, bb8, deadpool; for failover pool-tokio-retry, too; for redis pool-smol, loop
  (one written by hand) and raw (sockets)
COMMAND: ping, get, set; beside-cancels and beside-huge, which get beside callers that cancel or have huge values
RUNTIME: one-thread, two-workers; smol for pool-smol and redis-rs
FAULT: kill, hang
BEFORE, DOWN, AFTER: milliseconds before a server is killed or stopped, until it comes back, and after that
pool-peers dispatch SUBJECT PRODUCERS IN_FLIGHT THREADS ITEMS
SUBJECT: tower, tower-buffer; bb8, deadpool (one in flight); tk-pool (ct)
IN_FLIGHT: requests that each producer has under way at a time; 0, for tk-pool: items that nobody answers
THREADS: ct (current_thread), mt (two worker threads)
pool-peers choose SUBJECT ADDRESSES CHOICES
SUBJECT: tower; pingora, if the program is built with that feature";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), BoxError> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (bench, arguments) = arguments.split_first().ok_or_else(usage)?;
    match bench.as_str() {
        "choose" => choose::run(arguments),
        "dispatch" => dispatch::run(arguments),
        "failover" => failover::run(arguments),
        "redis" => redis::run(arguments),
        _ => Err(usage()),
    }
}

fn usage() -> BoxError {
    USAGE.into()
}
