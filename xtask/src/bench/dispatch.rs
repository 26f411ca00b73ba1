//! What passing an item on costs: producers -> X -> 8 connections in memory.
//!
//! The floor is one bounded channel and one loop, without a pool; where requests are answered, a
//! one-shot channel brings each reply.

use anyhow::Result;

use super::peers;
use super::program::Program;
use crate::callgrind;
use crate::report::Report;
use crate::report::figure::{Figure, Metric, time_of_pairs};

const FLOOR: &str = "floor";

struct Case {
    name: &'static str,
    /// `pool-tokio`: items that nobody answers; `pool-call`: requests, to connections that answer at
    /// once, as those of the floor do; `pipelined`: requests, to connections that write them to a
    /// transport and read the replies from it.
    subject: &'static str,
    producers: u32,
    /// Requests that each producer has under way at a time; 0 if items are not answered.
    in_flight: u32,
}

const CASES: [Case; 7] = [
    Case { name: "oneway-1", subject: "pool-tokio", producers: 1, in_flight: 0 },
    Case { name: "oneway-4", subject: "pool-tokio", producers: 4, in_flight: 0 },
    Case { name: "oneway-64", subject: "pool-tokio", producers: 64, in_flight: 0 },
    Case { name: "w1-64", subject: "pool-call", producers: 64, in_flight: 1 },
    Case { name: "w32-4", subject: "pool-call", producers: 4, in_flight: 32 },
    Case { name: "w1-64-pipelined", subject: "pipelined", producers: 64, in_flight: 1 },
    Case { name: "w32-4-pipelined", subject: "pipelined", producers: 4, in_flight: 32 },
];

/// Other ways to pass an item on, and the cases that each can do: on one thread.
const PEERS: [(&str, &[&str]); 5] = [
    (TOWER, &["w1-64", "w32-4"]),
    ("tower-buffer", &["w1-64", "w32-4"]),
    ("tk-pool", &["oneway-4", "w1-64", "w32-4"]),
    ("bb8", &["w1-64"]),
    ("deadpool", &["w1-64"]),
];
/// Buffer and Balance, the usual answer: what it takes is compared with what this pool takes.
const TOWER: &str = "tower";

pub(super) fn measure(report: &mut Report) -> Result<()> {
    let (program, peers) = (Program::build("dispatch")?, peers::build()?);
    report.expect_steps(CASES.len());
    report.table(
        "Producers give items to 8 connections in memory, on one thread (ct) and on two workers (mt); an item or a \
         request.",
        None,
    );
    for case in &CASES {
        report.step(case.name);
        // On more than one thread the number of instructions depends on who wakes whom.
        measure_instructions(&program, &peers, report, case)?;
        for threads in ["ct", "mt"] {
            measure_time(&program, report, case, threads)?;
        }
    }
    Ok(())
}

fn measure_instructions(program: &Program, peers: &Program, report: &mut Report, case: &Case) -> Result<()> {
    if !callgrind::is_installed() {
        return Ok(());
    }
    let &Case { name, subject, producers, in_flight } = case;
    let lengths = [report.effort(100_000, 20_000), report.effort(300_000, 60_000)];
    let count = |program: &Program, verb, subject| {
        program.instructions(lengths, |items| format!("{verb} {subject} {producers} {in_flight} ct {items}"))
    };
    let case = format!("{name}-ct");
    let floor = count(program, "once", FLOOR)?;
    let figure = |subject, value| {
        Figure::new(case.clone(), subject, Metric::INSTRUCTIONS, value).against(FLOOR, floor)
    };
    let mut figures = vec![figure(subject, count(program, "once", subject)?)];
    // A peer answers at once, as the connections of `pool-call` do.
    for (peer, cases) in PEERS.iter().filter(|_| subject != "pipelined") {
        if cases.contains(&name) {
            figures.push(figure(peer, count(peers, "dispatch", peer)?));
        }
    }
    if let Some(tower) = figures.iter().find(|figure| figure.subject == TOWER).map(|figure| figure.value) {
        figures[0] = figures[0].clone().against(TOWER, tower);
    }
    for figure in figures {
        report.add(figure);
    }
    Ok(())
}

fn measure_time(program: &Program, report: &mut Report, case: &Case, threads: &str) -> Result<()> {
    let &Case { name, subject, producers, in_flight } = case;
    let items = report.effort(1_000_000, 200_000);
    let pairs = report.effort(9, 5);
    let times =
        program.rows(&format!("pairs {subject} {producers} {in_flight} {threads} {items} {pairs}"))?;
    report.add(time_of_pairs(format!("{name}-{threads}"), [FLOOR, subject], &times, items));
    Ok(())
}
