//! What deciding costs: a choice, an update of the address set, and keeping an address.

use anyhow::Result;

use super::Program;
use super::report::{Figure, Floor, Metric, Report, time_of_pairs};
use crate::callgrind::{self, instructions_per_unit};

const SUBJECT: &str = "pool-core";
/// Of the cases that are about many addresses.
const ADDRESSES: u32 = 100_000;

pub(super) fn measure(program: &Program, report: &mut Report) -> Result<()> {
    for addresses in [10, 1_000, ADDRESSES] {
        measure_choose(program, report, addresses)?;
    }
    measure_churn(program, report)?;
    measure_keep(program, report)
}

/// `select` and `Sent`, with one ready slot at every address.
fn measure_choose(program: &Program, report: &mut Report, addresses: u32) -> Result<()> {
    let case = format!("choose-{addresses}");
    let choices = program.effort(200_000, 50_000);
    let allocations = program.number(&format!("choose {addresses} {choices}"))? / f64::from(choices);
    if callgrind::is_installed() {
        let value = instructions_per_unit(&program.path, [choices, 2 * choices], None, |choices| {
            format!("choose {addresses} {choices}")
        })?;
        report.add(figure(case.clone(), Metric::Instructions, value, None));
    }
    report.add(figure(case, Metric::Allocations, allocations, None));
    Ok(())
}

/// `handle_addresses` alone, where 1 % of the addresses leave and as many come; connections are
/// closed and made between the measured parts. The floor is the bare merge of the two lists.
fn measure_churn(program: &Program, report: &mut Report) -> Result<()> {
    let case = format!("churn-{ADDRESSES}");
    if callgrind::is_installed() {
        let count = |function| {
            instructions_per_unit(&program.path, [4, 8], Some(function), |steps| {
                format!("churn {ADDRESSES} {steps}")
            })
        };
        let (value, floor) = (count("measured_update")?, count("measured_merge")?);
        report.add(figure(case.clone(), Metric::Instructions, value, Some(Floor::of(value, floor))));
    }
    let steps = program.effort(41, 11);
    let pairs = program.rows(&format!("churn {ADDRESSES} {steps}"))?;
    report.add(time_of_pairs(case, SUBJECT, &pairs, 1));
    Ok(())
}

/// The memory of one address with its connection, its place in the set included.
fn measure_keep(program: &Program, report: &mut Report) -> Result<()> {
    let value = program.number(&format!("keep {ADDRESSES}"))? / f64::from(ADDRESSES);
    report.add(figure(format!("keep-{ADDRESSES}"), Metric::Bytes, value, None));
    Ok(())
}

fn figure(case: String, metric: Metric, value: f64, floor: Option<Floor>) -> Figure {
    Figure { case, subject: SUBJECT, metric, value, floor }
}
