//! What connections cost by their number: to open them, to keep them idle, and to have something for each.

use anyhow::Result;

use super::program::Program;
use crate::callgrind;
use crate::report::bound::Bound;
use crate::report::figure::{Case, Figure, Metric, Unit, time_of_pairs};
use crate::report::{Plot, Report};

const POOL: &str = "pool-tokio";
/// As many dials at a time, without a pool.
const LOOP: &str = "loop";
/// The same number of connections in pools of 1,000.
const PARTS: &str = "40 times 1,000";

const POLLS: Metric = Metric::new("driver's polls", Unit::Count);
const HANDLE: Metric = Metric::new("bytes a handle", Unit::Bytes);
const CONNECTION: Metric = Metric::new("bytes a connection", Unit::Bytes);

pub(super) const BOUNDS: &[Bound] = &[
    Bound::on("connect", "1000×4", POOL, Metric::TIME).to(LOOP).at_most(1.4),
    Bound::on("idle", "memory", POOL, POLLS).at_most(0.0).on_any_machine(),
    Bound::on("idle", "tcp", POOL, POLLS).at_most(0.0).on_any_machine(),
    Bound::on("scale", "send-40000", POOL, Metric::TIME).to(PARTS).at_most(1.5),
    Bound::on("scale", "call-40000", POOL, Metric::TIME).to(PARTS).at_most(1.5),
];

/// 1,000 addresses, four connections to each.
pub(super) fn measure_connect(report: &mut Report) -> Result<()> {
    let program = Program::build("connect")?;
    report.expect_steps(1);
    report.table("1,000 addresses on loopback get four connections each, beside a loop with as many dials at a time; one.", None);
    report.step("fill");
    let pairs = program.rows(&format!("fill 1000 4 {}", report.effort(9, 5)))?;
    report.add(time_of_pairs("1000×4", [LOOP, POOL], &pairs, 4_000));
    Ok(())
}

/// 1,000 connections and 10,000 handles, and nobody sends.
pub(super) fn measure_idle(report: &mut Report) -> Result<()> {
    let program = Program::build("idle")?;
    report.expect_steps(2);
    let seconds = report.effort(10, 2);
    report.table(format!("1,000 connections and 10,000 handles while nobody sends, for {seconds} s."), None);
    for kind in ["memory", "tcp"] {
        report.step(kind);
        let polls = program.number(&format!("wake-ups {kind} 1000 10000 1 {seconds}"))?;
        report.add(Figure::new(kind, POOL, POLLS, polls));
        let [connection, handle] = program.row(&format!("bytes {kind} 1000 10000"))?;
        report.add(Figure::new(kind, POOL, CONNECTION, connection));
        report.add(Figure::new(kind, POOL, HANDLE, handle));
    }
    Ok(())
}

const FAILING: [u32; 4] = [1, 100, 1_000, 2_000];
const CROWDS: [u32; 4] = [100, 1_000, 10_000, 40_000];

pub(super) fn measure_scale(report: &mut Report) -> Result<()> {
    let program = Program::build("scale")?;
    report.expect_steps(FAILING.len() + 2 * CROWDS.len() + 2);
    let plot = |axis| Some(Plot { axis, metric: Metric::TIME });
    report.table("An item, while every hundredth address refuses all dials.", plot("addresses"));
    for addresses in FAILING {
        measure_failing(&program, report, addresses)?;
    }
    for kind in ["send", "call"] {
        let what = if kind == "send" { "An item" } else { "A call" };
        report.table(format!("{what} for each connection, of one pool."), plot("connections"));
        for connections in CROWDS {
            let case = Case::at(format!("{kind}-{connections}"), connections);
            report.step(&case.name);
            let times = report.effort(400_000, 80_000).max(connections) / connections;
            let nanoseconds = program.number(&format!("once {kind} {connections} 1 {times}"))?;
            report.add(Figure::new(case, POOL, Metric::TIME, nanoseconds / f64::from(connections * times)));
        }
    }
    report.table("40,000 connections with a message each, of one pool and of 40; a message.", None);
    for kind in ["send", "call"] {
        report.step(&format!("{kind}, 40,000 of one and of 40 pools"));
        let pairs = program.rows(&format!("crowd messages {kind} 1000 1 40 {}", report.effort(9, 3)))?;
        report.add(time_of_pairs(Case::from(format!("{kind}-40000")), [PARTS, POOL], &pairs, 40_000));
    }
    Ok(())
}

fn measure_failing(program: &Program, report: &mut Report, addresses: u32) -> Result<()> {
    let case = Case::at(format!("failing-{addresses}"), addresses);
    report.step(&case.name);
    let items = report.effort(1_000_000, 200_000);
    let nanoseconds = program.number(&format!("failing {addresses} {items}"))?;
    report.add(Figure::new(case.clone(), POOL, Metric::TIME, nanoseconds / f64::from(items)));
    if callgrind::is_installed() {
        let value = program.instructions([20_000, 60_000], |items| format!("failing {addresses} {items}"))?;
        report.add(Figure::new(case, POOL, Metric::INSTRUCTIONS, value));
    }
    Ok(())
}
