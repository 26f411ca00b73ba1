//! Figures: how they are printed, and which bounds they have.

use anyhow::{Result, bail};

use crate::callgrind;

/// What must hold. Instructions and bytes hardly depend on the machine, so they are bounded as
/// they are; time is bounded as a ratio to a floor measured in the same run.
const BOUNDS: &[Bound] = &[
    Bound::value("core", "choose-10", Metric::Instructions, 90.0),
    Bound::value("core", "choose-1000", Metric::Instructions, 90.0),
    Bound::value("core", "choose-100000", Metric::Instructions, 90.0),
    Bound::value("core", "choose-10", Metric::Allocations, 0.0),
    Bound::value("core", "choose-1000", Metric::Allocations, 0.0),
    Bound::value("core", "choose-100000", Metric::Allocations, 0.0),
    Bound::ratio("core", "churn-100000", Metric::Instructions, 4.0),
    Bound::ratio("core", "churn-100000", Metric::Time, 4.0),
    // 8 of them are the stable hash, in the set. Addresses that have one keep it once more, for balancers: none does
    // here.
    Bound::value("core", "keep-100000", Metric::Bytes, 272.0),
    Bound::ratio("dispatch", "oneway-4-ct", Metric::Instructions, 0.35),
    Bound::ratio("dispatch", "oneway-4-ct", Metric::Time, 0.5),
    Bound::ratio("dispatch", "w1-64-ct", Metric::Instructions, 0.60),
    Bound::ratio("dispatch", "w32-4-ct", Metric::Instructions, 0.45),
];

struct Bound {
    bench: &'static str,
    case: &'static str,
    metric: Metric,
    of_ratio: bool,
    at_most: f64,
}

impl Bound {
    const fn value(bench: &'static str, case: &'static str, metric: Metric, at_most: f64) -> Self {
        Self { bench, case, metric, of_ratio: false, at_most }
    }

    const fn ratio(bench: &'static str, case: &'static str, metric: Metric, at_most: f64) -> Self {
        Self { bench, case, metric, of_ratio: true, at_most }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Metric {
    Instructions,
    /// In nanoseconds.
    Time,
    Bytes,
    Allocations,
}

impl Metric {
    fn name(self) -> &'static str {
        match self {
            Self::Instructions => "instructions",
            Self::Time => "time",
            Self::Bytes => "bytes",
            Self::Allocations => "allocations",
        }
    }
}

/// One measured number, for one unit of work.
pub(super) struct Figure {
    pub(super) case: String,
    pub(super) subject: &'static str,
    pub(super) metric: Metric,
    pub(super) value: f64,
    /// What the least possible work costs, and how many times that the value is.
    pub(super) floor: Option<Floor>,
}

pub(super) struct Floor {
    pub(super) value: f64,
    pub(super) ratio: f64,
}

impl Figure {
    fn bounded(&self, bound: &Bound) -> Option<f64> {
        if bound.of_ratio { self.floor.as_ref().map(|floor| floor.ratio) } else { Some(self.value) }
    }
}

/// The figures of one benchmark, printed as they come.
pub(super) struct Report {
    bench: &'static str,
    json: bool,
    figures: Vec<Figure>,
}

impl Report {
    pub(super) fn new(bench: &'static str, json: bool) -> Self {
        if !json {
            println!(
                "{:16} {:12} {:12} {:>14} {:>14} {:>8}",
                "case", "subject", "metric", "value", "floor", "ratio"
            );
        }
        Self { bench, json, figures: Vec::new() }
    }

    pub(super) fn add(&mut self, figure: Figure) {
        let Figure { case, subject, metric, value, floor } = &figure;
        let metric = metric.name();
        if self.json {
            println!("{}", json(self.bench, case, subject, metric, *value, floor.as_ref()));
        } else {
            let number = |value: Option<f64>| value.map_or(String::new(), |value| format!("{value:.3}"));
            let ratio = number(floor.as_ref().map(|floor| floor.ratio));
            let floor = number(floor.as_ref().map(|floor| floor.value));
            println!("{case:16} {subject:12} {metric:12} {value:>14.3} {floor:>14} {ratio:>8}");
        }
        self.figures.push(figure);
    }

    /// Fails if a bound is missed, or was not measured though it could have been.
    pub(super) fn check_bounds(self) -> Result<()> {
        let can_count = callgrind::is_installed();
        if !can_count {
            eprintln!("skipped: instructions (install valgrind)");
        }
        let mut missed = Vec::new();
        for bound in BOUNDS.iter().filter(|bound| bound.bench == self.bench) {
            let Bound { case, metric, of_ratio, at_most, .. } = bound;
            let mut figures = self.figures.iter();
            let figure = figures.find(|figure| figure.case == *case && figure.metric == *metric);
            let what = if *of_ratio { "ratio to the floor" } else { "value" };
            let name = metric.name();
            match figure.and_then(|figure| figure.bounded(bound)) {
                Some(found) if found <= *at_most => {}
                Some(found) => missed
                    .push(format!("{case}: the {what} of {name} is {found:.3}, at most {at_most} allowed")),
                None if *metric == Metric::Instructions && !can_count => {}
                None => missed.push(format!("{case}: {name} were not measured")),
            }
        }
        verdict(&missed)
    }
}

/// Fails if there are any bounds that were missed.
pub(super) fn verdict(missed: &[String]) -> Result<()> {
    if !missed.is_empty() {
        bail!("bounds missed:\n  {}", missed.join("\n  "));
    }
    eprintln!("all bounds are kept");
    Ok(())
}

/// A figure as a line of JSON.
pub(super) fn json(
    bench: &str,
    case: &str,
    subject: &str,
    metric: &str,
    value: f64,
    floor: Option<&Floor>,
) -> String {
    let number = |value: Option<f64>| value.map_or("null".to_owned(), |value| format!("{value:.3}"));
    let ratio = number(floor.map(|floor| floor.ratio));
    let floor = number(floor.map(|floor| floor.value));
    format!(
        r#"{{"bench":"{bench}","case":"{case}","subject":"{subject}","metric":"{metric}","value":{value:.3},"floor":{floor},"ratio":{ratio}}}"#
    )
}

/// The middle one; the mean of the two middle ones of an even number.
pub(super) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    if values.len() % 2 == 1 { values[half] } else { f64::midpoint(values[half - 1], values[half]) }
}

impl Floor {
    pub(super) fn of(value: f64, floor: f64) -> Self {
        Self { value: floor, ratio: value / floor }
    }
}

/// A figure of time from pairs (floor, subject) of nanoseconds, for `units` units of work each.
/// The ratio is taken pair by pair, so that what slows both down for a while cancels out.
pub(super) fn time_of_pairs(case: String, subject: &'static str, pairs: &[[f64; 2]], units: u32) -> Figure {
    let units = f64::from(units);
    let floor = Floor {
        value: median(pairs.iter().map(|[floor, _]| floor / units)),
        ratio: median(pairs.iter().map(|[floor, subject]| subject / floor)),
    };
    let value = median(pairs.iter().map(|[_, subject]| subject / units));
    Figure { case, subject, metric: Metric::Time, value, floor: Some(floor) }
}
