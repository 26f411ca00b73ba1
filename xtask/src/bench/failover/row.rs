//! What was measured of one client.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result};

use crate::bench::report::{Floor, json};

/// Figures by their names, which are the program's.
pub(super) struct Row {
    pub(super) client: &'static str,
    figures: BTreeMap<String, f64>,
}

pub(super) const HEADER: &str = concat!(
    "                           failed calls      in      calls a second       of before       longest, ms\n",
    "client              not sent  maybe errors  flight  before   down  after   down  after   call  stall   back hung"
);

impl Row {
    /// From lines of a name and a number each.
    pub(super) fn parse(client: &'static str, printed: &str) -> Result<Self> {
        let parse = |line: &str| {
            let (name, value) = line.split_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        let figures: Option<BTreeMap<_, _>> = printed.lines().map(parse).collect();
        let figures = figures.filter(|figures| !figures.is_empty()).context("not names and numbers")?;
        Ok(Self { client, figures })
    }

    /// What is missing is no number, and keeps no bound.
    pub(super) fn figure(&self, name: &str) -> f64 {
        self.figures.get(name).copied().unwrap_or(f64::NAN)
    }

    pub(super) fn failed(&self) -> f64 {
        self.figure("not-sent") + self.figure("maybe-sent") + self.figure("errors")
    }

    /// Failed calls that can't have been on the dead server's connections.
    pub(super) fn failed_elsewhere(&self) -> f64 {
        let excess = (self.figure("maybe-sent") - self.figure("in-flight")).max(0.0);
        self.figure("not-sent") + self.figure("errors") + excess
    }

    pub(super) fn to_before(&self, rate: &str) -> Floor {
        Floor::of(self.figure(rate), self.figure("rate-before"))
    }

    pub(super) fn print_json(&self) {
        for (name, value) in &self.figures {
            let is_compared = matches!(name.as_str(), "rate-down" | "rate-after");
            let floor = is_compared.then(|| self.to_before(name));
            println!("{}", json("failover", "one-of-3", self.client, name, *value, floor.as_ref()));
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<19}", self.client)?;
        let columns = [
            ("not-sent", 9),
            ("maybe-sent", 7),
            ("errors", 7),
            ("in-flight", 8),
            ("rate-before", 8),
            ("rate-down", 7),
            ("rate-after", 7),
        ];
        for (name, width) in columns {
            write!(f, "{:>width$.0}", self.figure(name))?;
        }
        for rate in ["rate-down", "rate-after"] {
            write!(f, "{:>7.3}", self.to_before(rate).ratio)?;
        }
        for (name, width) in [("slowest", 7), ("stall", 7), ("back", 7), ("hung", 5)] {
            write!(f, "{:>width$.0}", self.figure(name))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(printed: &str) -> Row {
        Row::parse("anybody", printed).expect("names and numbers")
    }

    #[test]
    fn calls_may_fail_only_where_they_can_be_lost() {
        let within = row("not-sent 0\nmaybe-sent 3\nerrors 0\nin-flight 3");
        assert_eq!((within.failed(), within.failed_elsewhere()), (3.0, 0.0));
        let beyond = row("not-sent 1\nmaybe-sent 3\nerrors 1\nin-flight 2");
        assert_eq!((beyond.failed(), beyond.failed_elsewhere()), (5.0, 3.0));
    }

    #[test]
    fn what_is_no_figure_is_refused_and_what_is_missing_is_no_number() {
        for printed in ["", "calls", "calls many", "calls 1\nerror"] {
            assert!(Row::parse("anybody", printed).is_err(), "{printed}");
        }
        assert!(row("calls 1").failed().is_nan());
    }
}
