//! What must hold of a figure.

use super::figure::{Figure, Metric};
use super::number::{digits, shown};

/// A limit on one figure: of its value, or of what that is to another.
pub(crate) struct Bound {
    section: &'static str,
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
    /// The value of the run that comes nearest to the limit, or farthest beyond it.
    EachRun,
}

#[derive(Clone, Copy)]
enum Limit {
    AtLeast(f64),
    AtMost(f64),
}

impl Bound {
    /// On a figure's value, which can be anything until [`at_most`](Self::at_most) or [`at_least`](Self::at_least).
    pub(crate) const fn on(
        section: &'static str,
        case: &'static str,
        subject: &'static str,
        metric: Metric,
    ) -> Self {
        let limit = Limit::AtMost(f64::INFINITY);
        Self { section, case, subject, metric, of: Of::Value, limit, any_machine: false }
    }

    /// Not the value, but what it is to this reference.
    pub(crate) const fn to(mut self, reference: &'static str) -> Self {
        self.of = Of::Ratio(reference);
        self
    }

    /// Not the value, but what the slowest run has of it.
    pub(crate) const fn slowest(mut self) -> Self {
        self.of = Of::Slowest;
        self
    }

    /// Not the median of all runs, but each of them.
    pub(crate) const fn each_run(mut self) -> Self {
        self.of = Of::EachRun;
        self
    }

    pub(crate) const fn at_most(mut self, limit: f64) -> Self {
        self.limit = Limit::AtMost(limit);
        self
    }

    pub(crate) const fn at_least(mut self, limit: f64) -> Self {
        self.limit = Limit::AtLeast(limit);
        self
    }

    /// It has nothing to do with how fast the machine is, or how busy.
    pub(crate) const fn on_any_machine(mut self) -> Self {
        self.any_machine = true;
        self
    }

    /// Which benchmark or simulation has the figure.
    pub(crate) const fn section(&self) -> &'static str {
        self.section
    }

    pub(crate) const fn metric(&self) -> Metric {
        self.metric
    }

    pub(crate) const fn is_on_any_machine(&self) -> bool {
        self.any_machine
    }

    pub(crate) fn is_on(&self, figure: &Figure) -> bool {
        figure.case.name == self.case && figure.subject == self.subject && figure.metric == self.metric
    }

    fn found(&self, figure: &Figure) -> Option<f64> {
        match self.of {
            Of::Value => Some(figure.value),
            Of::Ratio(subject) => figure.ratio_to(subject),
            Of::Slowest => figure.slowest(),
            Of::EachRun => Some(figure.spread.map_or(figure.value, |[least, most]| match self.limit {
                Limit::AtLeast(_) => least,
                Limit::AtMost(_) => most,
            })),
        }
    }

    /// What is no number is within no limit.
    fn allows(&self, found: f64) -> bool {
        match self.limit {
            Limit::AtLeast(least) => found >= least,
            Limit::AtMost(most) => found <= most,
        }
    }

    /// What is wrong, if anything is. What was not measured is.
    pub(crate) fn missed(&self, figures: &[&Figure]) -> Option<String> {
        let Self { section, case, subject, metric, of, limit, .. } = self;
        let figure = figures.iter().find(|figure| self.is_on(figure));
        let found = figure.and_then(|figure| self.found(figure)).unwrap_or(f64::NAN);
        let allowed = match limit {
            Limit::AtLeast(least) => format!("at least {least}"),
            Limit::AtMost(most) => format!("at most {most}"),
        };
        let what = match of {
            Of::Value => String::new(),
            Of::Ratio(reference) => format!(", to {reference}"),
            Of::Slowest => ", slowest run".to_owned(),
            Of::EachRun => ", worst run".to_owned(),
        };
        let is_kept = self.allows(found);
        let found = if found.is_nan() { "not measured".to_owned() } else { format!("{found:.3}") };
        (!is_kept).then(|| {
            format!("{section}: {case}: {subject}: {}{what}: {found}, {allowed} allowed", metric.name)
        })
    }

    /// For a table: the limit, what misses it, and what the worst of several runs has, for that is in no other column.
    pub(crate) fn cell(&self, figure: &Figure) -> String {
        let (sign, limit) = match self.limit {
            Limit::AtLeast(least) => ('≥', least),
            Limit::AtMost(most) => ('≤', most),
        };
        let show = |value: f64| match self.of {
            Of::Value | Of::EachRun => shown(value, self.metric.unit),
            Of::Ratio(_) => format!("{}×", digits(value)),
            Of::Slowest => digits(value),
        };
        let found = self.found(figure).unwrap_or(f64::NAN);
        let limit = format!("{sign} {}", show(limit));
        match self.of {
            _ if !self.allows(found) => format!("MISSED: {} not {limit}", show(found)),
            Of::EachRun => format!("{} {limit}", show(found)),
            _ => limit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: Bound = Bound::on("bench", "case", "pool", Metric::TIME).at_least(2.0);

    fn figure(runs: &[f64]) -> Figure {
        Figure::of_runs("case", "pool", Metric::TIME, runs).against("floor", 4.0)
    }

    fn missed_by(bound: &Bound, runs: &[f64]) -> Option<String> {
        bound.missed(&[&figure(runs)])
    }

    #[test]
    fn a_value_a_ratio_the_slowest_run_and_each_run_can_be_bounded() {
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
        assert_eq!(missed_by(&most().each_run(), &[1.0, 1.0, 2.0]), None);
        assert!(missed_by(&most().each_run(), &[1.0, 1.0, 2.1]).is_some());
        assert!(missed_by(&LEAST.each_run(), &[1.9, 3.0, 3.0]).is_some());
    }

    #[test]
    fn what_was_not_measured_is_missed() {
        assert!(LEAST.missed(&[]).is_some_and(|missed| missed.contains("not measured")));
    }

    #[test]
    fn a_table_shows_the_limit_and_what_misses_it() {
        assert_eq!(LEAST.cell(&figure(&[2.0])), "≥ 2 ns");
        assert_eq!(LEAST.to("floor").cell(&figure(&[4.0])), "MISSED: 1× not ≥ 2×");
        assert_eq!(LEAST.each_run().cell(&figure(&[4.0, 3.0, 5.0])), "3 ns ≥ 2 ns");
        assert_eq!(LEAST.each_run().cell(&figure(&[4.0, 1.0, 5.0])), "MISSED: 1 ns not ≥ 2 ns");
    }
}
