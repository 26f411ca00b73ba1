//! What passing an item on costs: producers -> X -> 8 connections in memory.
//!
//! The floor is one bounded channel and one loop, without a pool.

use anyhow::Result;

use super::Program;
use super::report::{Figure, Floor, Metric, Report, time_of_pairs};
use crate::callgrind::{self, instructions_per_unit};

const SUBJECT: &str = "pool-tokio";

pub(super) fn measure(program: &Program, report: &mut Report) -> Result<()> {
    for producers in [1, 4, 64] {
        // On more than one thread the number of instructions depends on who wakes whom.
        measure_instructions(program, report, producers)?;
        for threads in ["ct", "mt"] {
            measure_time(program, report, producers, threads)?;
        }
    }
    Ok(())
}

fn measure_instructions(program: &Program, report: &mut Report, producers: u32) -> Result<()> {
    if !callgrind::is_installed() {
        return Ok(());
    }
    let lengths = [program.effort(100_000, 20_000), program.effort(300_000, 60_000)];
    let count = |subject| {
        instructions_per_unit(&program.path, lengths, None, |items| {
            format!("once {subject} {producers} ct {items}")
        })
    };
    let (value, floor) = (count(SUBJECT)?, count("floor")?);
    report.add(Figure {
        case: format!("oneway-{producers}-ct"),
        subject: SUBJECT,
        metric: Metric::Instructions,
        value,
        floor: Some(Floor::of(value, floor)),
    });
    Ok(())
}

fn measure_time(program: &Program, report: &mut Report, producers: u32, threads: &str) -> Result<()> {
    let items = program.effort(1_000_000, 200_000);
    let pairs = program.effort(9, 5);
    let times = program.rows(&format!("pairs {SUBJECT} {producers} {threads} {items} {pairs}"))?;
    report.add(time_of_pairs(format!("oneway-{producers}-{threads}"), SUBJECT, &times, items));
    Ok(())
}
