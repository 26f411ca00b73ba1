//! What passing an item on costs: producers -> X -> 8 connections in memory.
//!
//! The floor is one bounded channel and one loop, without a pool; where requests are answered, a
//! one-shot channel brings each reply.

use anyhow::Result;

use super::figure::{Figure, Metric, time_of_pairs};
use super::program::Program;
use super::report::Report;
use crate::callgrind;

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

pub(super) fn measure(report: &mut Report) -> Result<()> {
    let program = Program::build("dispatch")?;
    report.expect_steps(CASES.len());
    report.table(
        "Producers give items to 8 connections in memory, on one thread (ct) and on two workers (mt); an item or a \
         request.",
        None,
    );
    for case in &CASES {
        report.step(case.name);
        // On more than one thread the number of instructions depends on who wakes whom.
        measure_instructions(&program, report, case)?;
        for threads in ["ct", "mt"] {
            measure_time(&program, report, case, threads)?;
        }
    }
    Ok(())
}

fn measure_instructions(program: &Program, report: &mut Report, case: &Case) -> Result<()> {
    if !callgrind::is_installed() {
        return Ok(());
    }
    let &Case { name, subject, producers, in_flight } = case;
    let lengths = [report.effort(100_000, 20_000), report.effort(300_000, 60_000)];
    let count = |subject| {
        program.instructions(lengths, |items| format!("once {subject} {producers} {in_flight} ct {items}"))
    };
    let figure = Figure::new(format!("{name}-ct"), subject, Metric::INSTRUCTIONS, count(subject)?);
    report.add(figure.against(FLOOR, count(FLOOR)?));
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
