//! What passing an item on costs: producers -> X -> 8 connections in memory.
//!
//! The floor is one bounded channel and one loop, without a pool; where requests are answered, a
//! one-shot channel brings each reply.

use anyhow::Result;

use super::Program;
use super::report::{Figure, Floor, Metric, Report, time_of_pairs};
use crate::callgrind::{self, instructions_per_unit};

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

pub(super) fn measure(program: &Program, report: &mut Report) -> Result<()> {
    for case in &CASES {
        // On more than one thread the number of instructions depends on who wakes whom.
        measure_instructions(program, report, case)?;
        for threads in ["ct", "mt"] {
            measure_time(program, report, case, threads)?;
        }
    }
    Ok(())
}

fn measure_instructions(program: &Program, report: &mut Report, case: &Case) -> Result<()> {
    if !callgrind::is_installed() {
        return Ok(());
    }
    let &Case { name, subject, producers, in_flight } = case;
    let lengths = [program.effort(100_000, 20_000), program.effort(300_000, 60_000)];
    let count = |subject| {
        instructions_per_unit(&program.path, lengths, None, |items| {
            format!("once {subject} {producers} {in_flight} ct {items}")
        })
    };
    let (value, floor) = (count(subject)?, count("floor")?);
    report.add(Figure {
        case: format!("{name}-ct"),
        subject,
        metric: Metric::Instructions,
        value,
        floor: Some(Floor::of(value, floor)),
    });
    Ok(())
}

fn measure_time(program: &Program, report: &mut Report, case: &Case, threads: &str) -> Result<()> {
    let &Case { name, subject, producers, in_flight } = case;
    let items = program.effort(1_000_000, 200_000);
    let pairs = program.effort(9, 5);
    let times =
        program.rows(&format!("pairs {subject} {producers} {in_flight} {threads} {items} {pairs}"))?;
    report.add(time_of_pairs(format!("{name}-{threads}"), subject, &times, items));
    Ok(())
}
