//! What deciding costs: a choice, an update of the address set, and keeping an address.

use anyhow::Result;

use super::figure::{Case, Figure, Metric, time_of_pairs};
use super::peers;
use super::program::Program;
use super::report::Report;
use crate::callgrind::{self, instructions_per_unit};

const SUBJECT: &str = "pool-core";
/// Of the cases that are about many addresses.
const ADDRESSES: u32 = 100_000;

pub(super) fn measure(report: &mut Report) -> Result<()> {
    let program = Program::build("core")?;
    report.expect_steps(13);
    report.table("A choice, with one ready connection to each address.", None);
    for addresses in [10, 1_000, ADDRESSES] {
        measure_choose(&program, report, "round-robin", addresses)?;
    }
    for policy in ["weighted", "least-loaded", "peak-ewma", "hash"] {
        for addresses in [10, ADDRESSES] {
            measure_choose(&program, report, policy, addresses)?;
        }
    }
    measure_peer(report)?;
    report.table(
        "An update in which 1 % of the addresses leave and as many come, beside the bare merge of the two lists.",
        None,
    );
    measure_churn(&program, report)?;
    report.table("An address with its connection, its place in the set included.", None);
    measure_keep(&program, report)
}

/// `select` and `Sent`, with one ready slot at every address.
fn measure_choose(program: &Program, report: &mut Report, policy: &str, addresses: u32) -> Result<()> {
    let name = match policy {
        "round-robin" => format!("choose-{addresses}"),
        policy => format!("choose-{policy}-{addresses}"),
    };
    let case = Case::at(name, addresses);
    report.step(&case.name);
    let choices = report.effort(200_000, 50_000);
    let allocations = program.number(&format!("choose {policy} {addresses} {choices}"))? / f64::from(choices);
    if callgrind::is_installed() {
        let value = program.instructions([choices, 2 * choices], |choices| {
            format!("choose {policy} {addresses} {choices}")
        })?;
        report.add(Figure::new(case.clone(), SUBJECT, Metric::INSTRUCTIONS, value));
    }
    report.add(Figure::new(case, SUBJECT, Metric::ALLOCATIONS, allocations));
    Ok(())
}

/// The ready cache and power of two choices of tower, which go by load.
fn measure_peer(report: &mut Report) -> Result<()> {
    if !callgrind::is_installed() {
        return Ok(());
    }
    let peers = peers::build()?;
    let case = Case::at("choose-1000", 1_000);
    let value = peers.instructions([20_000, 40_000], |choices| format!("choose tower 1000 {choices}"))?;
    report.add(Figure::new(case, "tower", Metric::INSTRUCTIONS, value));
    Ok(())
}

/// `handle_addresses` alone; connections are closed and made between the measured parts.
fn measure_churn(program: &Program, report: &mut Report) -> Result<()> {
    let case = Case::at(format!("churn-{ADDRESSES}"), ADDRESSES);
    report.step(&case.name);
    if callgrind::is_installed() {
        let count = |function| {
            instructions_per_unit(&program.path, [4, 8], Some(function), |steps| {
                format!("churn {ADDRESSES} {steps}")
            })
        };
        let (value, merge) = (count("measured_update")?, count("measured_merge")?);
        report.add(Figure::new(case.clone(), SUBJECT, Metric::INSTRUCTIONS, value).against("merge", merge));
    }
    let pairs = program.rows(&format!("churn {ADDRESSES} {}", report.effort(41, 11)))?;
    report.add(time_of_pairs(case, ["merge", SUBJECT], &pairs, 1));
    Ok(())
}

fn measure_keep(program: &Program, report: &mut Report) -> Result<()> {
    let case = Case::at(format!("keep-{ADDRESSES}"), ADDRESSES);
    report.step(&case.name);
    let value = program.number(&format!("keep round-robin {ADDRESSES}"))? / f64::from(ADDRESSES);
    report.add(Figure::new(case, SUBJECT, Metric::BYTES, value));
    Ok(())
}
