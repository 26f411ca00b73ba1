//! What must hold. Instructions and bytes hardly depend on the machine, so they are bounded as they are; rates and
//! times are bounded as ratios to others that were measured in the same run.

use super::figure::{Figure, Metric};
use super::report::Section;
use super::{connections, failover, redis};
use crate::callgrind;

/// Which bounds are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    AllBounds,
    /// Those that have nothing to do with how fast the machine is, or how busy.
    AnyMachine,
}

pub(super) struct Bound {
    bench: &'static str,
    case: &'static str,
    subject: &'static str,
    metric: Metric,
    of: Of,
    limit: Limit,
    any_machine: bool,
}

/// What is bounded of a figure.
#[derive(Clone, Copy, Debug)]
enum Of {
    Value,
    /// To this reference.
    Ratio(&'static str),
    /// The slowest run, of the median.
    Slowest,
}

#[derive(Clone, Copy)]
enum Limit {
    AtLeast(f64),
    AtMost(f64),
}

impl Bound {
    /// On a figure's value, which can be anything until [`at_most`](Self::at_most) or [`at_least`](Self::at_least).
    pub(super) const fn on(
        bench: &'static str,
        case: &'static str,
        subject: &'static str,
        metric: Metric,
    ) -> Self {
        let limit = Limit::AtMost(f64::INFINITY);
        Self { bench, case, subject, metric, of: Of::Value, limit, any_machine: false }
    }

    /// Not the value, but what it is to this reference.
    pub(super) const fn to(mut self, reference: &'static str) -> Self {
        self.of = Of::Ratio(reference);
        self
    }

    /// Not the value, but what the slowest run has of it.
    pub(super) const fn slowest(mut self) -> Self {
        self.of = Of::Slowest;
        self
    }

    pub(super) const fn at_most(mut self, limit: f64) -> Self {
        self.limit = Limit::AtMost(limit);
        self
    }

    pub(super) const fn at_least(mut self, limit: f64) -> Self {
        self.limit = Limit::AtLeast(limit);
        self
    }

    /// It has nothing to do with how fast the machine is, or how busy.
    pub(super) const fn on_any_machine(mut self) -> Self {
        self.any_machine = true;
        self
    }

    fn found(&self, figure: &Figure) -> Option<f64> {
        match self.of {
            Of::Value => Some(figure.value),
            Of::Ratio(subject) => figure.ratio_to(subject),
            Of::Slowest => figure.slowest(),
        }
    }

    /// What is wrong, if anything is. What was not measured is.
    fn missed(&self, figures: &[&Figure]) -> Option<String> {
        let Self { bench, case, subject, metric, of, limit, .. } = self;
        let mut figures = figures.iter();
        let figure = figures.find(|figure| {
            figure.case.name == *case && figure.subject == *subject && figure.metric == *metric
        });
        let found = figure.and_then(|figure| self.found(figure)).unwrap_or(f64::NAN);
        let (is_kept, allowed) = match limit {
            Limit::AtLeast(least) => (found >= *least, format!("at least {least}")),
            Limit::AtMost(most) => (found <= *most, format!("at most {most}")),
        };
        let what = match of {
            Of::Value => String::new(),
            Of::Ratio(reference) => format!(", to {reference}"),
            Of::Slowest => ", slowest run".to_owned(),
        };
        let found = if found.is_nan() { "not measured".to_owned() } else { format!("{found:.3}") };
        (!is_kept)
            .then(|| format!("{bench}: {case}: {subject}: {}{what}: {found}, {allowed} allowed", metric.name))
    }
}

const CORE: &[Bound] = &[
    choose("choose-10", Metric::INSTRUCTIONS, 90.0),
    choose("choose-1000", Metric::INSTRUCTIONS, 90.0),
    choose("choose-100000", Metric::INSTRUCTIONS, 90.0),
    choose("choose-10", Metric::ALLOCATIONS, 0.0),
    choose("choose-1000", Metric::ALLOCATIONS, 0.0),
    choose("choose-100000", Metric::ALLOCATIONS, 0.0),
    Bound::on("core", "churn-100000", "pool-core", Metric::INSTRUCTIONS).to("merge").at_most(2.3),
    Bound::on("core", "churn-100000", "pool-core", Metric::TIME).to("merge").at_most(4.0),
    // 8 of them are the stable hash, in the set. Addresses that have one keep it once more, for balancers: none does
    // here.
    choose("keep-100000", Metric::BYTES, 272.0),
];

const DISPATCH: &[Bound] = &[
    to_floor("oneway-4-ct", "pool-tokio", Metric::INSTRUCTIONS, 0.35),
    to_floor("oneway-4-ct", "pool-tokio", Metric::TIME, 0.5),
    to_floor("w1-64-ct", "pool-call", Metric::INSTRUCTIONS, 0.60),
    to_floor("w32-4-ct", "pool-call", Metric::INSTRUCTIONS, 0.45),
    Bound::on("dispatch", "w1-64-ct", "pool-call", Metric::INSTRUCTIONS).to("tower").at_most(0.25),
    Bound::on("dispatch", "w32-4-ct", "pool-call", Metric::INSTRUCTIONS).to("tower").at_most(1.0 / 6.0),
];

const fn choose(case: &'static str, metric: Metric, most: f64) -> Bound {
    Bound::on("core", case, "pool-core", metric).at_most(most)
}

const fn to_floor(case: &'static str, subject: &'static str, metric: Metric, most: f64) -> Bound {
    Bound::on("dispatch", case, subject, metric).to("floor").at_most(most)
}

/// What was missed, of the benchmarks that were run.
pub(super) fn missed(sections: &[Section], scope: Scope) -> Vec<String> {
    let can_count = callgrind::is_installed();
    if !can_count {
        eprintln!("skipped: instructions (install valgrind)");
    }
    let mut missed = Vec::new();
    for section in sections {
        let figures: Vec<&Figure> = section.tables.iter().flat_map(|table| &table.figures).collect();
        let bounds =
            [CORE, DISPATCH, connections::BOUNDS, failover::BOUNDS, redis::BOUNDS].into_iter().flatten();
        let bounds = bounds.filter(|bound| bound.bench == section.bench);
        let bounds = bounds.filter(|bound| scope == Scope::AllBounds || bound.any_machine);
        let bounds = bounds.filter(|bound| can_count || bound.metric != Metric::INSTRUCTIONS);
        missed.extend(bounds.filter_map(|bound| bound.missed(&figures)));
    }
    missed
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: Bound = Bound::on("bench", "case", "pool", Metric::TIME).at_least(2.0);

    fn missed_by(bound: &Bound, runs: &[f64]) -> Option<String> {
        let figure = Figure::of_runs("case", "pool", Metric::TIME, runs).against("floor", 4.0);
        bound.missed(&[&figure])
    }

    #[test]
    fn a_value_a_ratio_and_the_slowest_run_can_be_bounded() {
        let most = || Bound::on("bench", "case", "pool", Metric::TIME).at_most(2.0);
        assert_eq!(missed_by(&LEAST, &[2.0]), None);
        assert_eq!(
            missed_by(&LEAST, &[1.9]).as_deref(),
            Some("bench: case: pool: time: 1.900, at least 2 allowed")
        );
        assert_eq!(missed_by(&most(), &[2.0]), None);
        assert!(missed_by(&most(), &[2.1]).is_some());
        assert_eq!(missed_by(&most().to("floor"), &[8.0]), None);
        assert!(missed_by(&most().to("floor"), &[8.1]).is_some());
        assert!(missed_by(&most().to("another"), &[1.0]).is_some());
        let slowest = || Bound::on("bench", "case", "pool", Metric::TIME).slowest().at_least(0.7);
        assert_eq!(missed_by(&slowest(), &[7.0, 10.0, 11.0]), None);
        assert!(missed_by(&slowest(), &[6.9, 10.0, 11.0]).is_some());
    }

    #[test]
    fn what_was_not_measured_is_missed() {
        assert!(LEAST.missed(&[]).is_some_and(|missed| missed.contains("not measured")));
        let section = Section { bench: "core", tables: Vec::new() };
        let counted = if callgrind::is_installed() { CORE.len() } else { 5 };
        assert_eq!(missed(&[section], Scope::AllBounds).len(), counted);
    }
}
