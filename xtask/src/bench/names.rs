//! What a map of pools costs by the number of its names.

use anyhow::Result;

use super::program::Program;
use crate::report::figure::{Case, Figure, Metric, Unit};
use crate::report::{Plot, Report};

const POOL: &str = "pool-tokio";
const GET: Metric = Metric::new("get", Unit::Nanoseconds);
const NAMES: [u32; 4] = [1, 100, 10_000, 100_000];

pub(super) fn measure(report: &mut Report) -> Result<()> {
    let program = Program::build("names")?;
    report.expect_steps(NAMES.len());
    let title = "A map of pools, one in memory for each name: to open one, to get one of a random name, to send an \
                 item to one, and what each keeps.";
    report.table(title, Some(Plot { axis: "names", metric: GET }));
    let open = Metric::new("open", Unit::Nanoseconds);
    let send = Metric::new("send", Unit::Nanoseconds);
    for names in NAMES {
        let case = Case::at(names.to_string(), names);
        report.step(&format!("{names} names"));
        let mut add = |metric, arguments: &str, units: u32| {
            let value = program.number(arguments)? / f64::from(units);
            report.add(Figure::new(case.clone(), POOL, metric, value));
            anyhow::Ok(())
        };
        add(open, &format!("open {names}"), names)?;
        add(GET, &format!("get {names} 100000"), 100_000)?;
        add(send, &format!("send {names} 100000"), 100_000)?;
        add(Metric::BYTES, &format!("bytes {names}"), 1)?;
    }
    Ok(())
}
