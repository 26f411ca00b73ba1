//! One measured number, and what it is measured against.

/// A measured number: of one subject, in one case, in one respect.
#[derive(Clone, Debug)]
pub(crate) struct Figure {
    pub(crate) case: Case,
    /// Who was measured: this pool, another client, the least possible work.
    pub(crate) subject: &'static str,
    pub(crate) metric: Metric,
    /// The median of all runs, where there are several.
    pub(crate) value: f64,
    /// The least and the most of all runs.
    pub(crate) spread: Option<[f64; 2]>,
    /// What it is compared with.
    pub(crate) references: Vec<Reference>,
}

/// What was done.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    /// Where it stands on a plot's axis: how many callers, addresses, connections.
    pub(crate) at: Option<f64>,
}

/// Another figure, measured in the same run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reference {
    pub(crate) subject: &'static str,
    pub(crate) value: f64,
    /// How many times that the figure is. Where runs alternate, it is the median of all pairs of runs.
    pub(crate) ratio: f64,
}

/// In which respect something is measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    pub(crate) unit: Unit,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unit {
    Count,
    PerSecond,
    Nanoseconds,
    Bytes,
    Percent,
}

impl Metric {
    pub(crate) const INSTRUCTIONS: Self = Self::new("instructions", Unit::Count);
    pub(crate) const TIME: Self = Self::new("time", Unit::Nanoseconds);
    pub(crate) const BYTES: Self = Self::new("bytes", Unit::Bytes);
    pub(crate) const ALLOCATIONS: Self = Self::new("allocations", Unit::Count);

    pub(crate) const fn new(name: &'static str, unit: Unit) -> Self {
        Self { name, unit }
    }
}

impl Case {
    pub(crate) fn at(name: impl Into<String>, at: impl Into<f64>) -> Self {
        Self { name: name.into(), at: Some(at.into()) }
    }
}

impl<T: Into<String>> From<T> for Case {
    fn from(name: T) -> Self {
        Self { name: name.into(), at: None }
    }
}

impl Figure {
    /// A number that one run gives.
    pub(crate) fn new(case: impl Into<Case>, subject: &'static str, metric: Metric, value: f64) -> Self {
        Self { case: case.into(), subject, metric, value, spread: None, references: Vec::new() }
    }

    /// The median of several runs.
    pub(crate) fn of_runs(
        case: impl Into<Case>,
        subject: &'static str,
        metric: Metric,
        runs: &[f64],
    ) -> Self {
        let spread = [f64::INFINITY, f64::NEG_INFINITY];
        let spread = runs.iter().fold(spread, |[least, most], run| [least.min(*run), most.max(*run)]);
        Self { spread: Some(spread), ..Self::new(case, subject, metric, median(runs.iter().copied())) }
    }

    /// Compared with one number.
    pub(crate) fn against(mut self, subject: &'static str, value: f64) -> Self {
        self.references.push(Reference { subject, value, ratio: self.value / value });
        self
    }

    /// Compared run by run, so that what slows both down for a while cancels out. `pairs` are runs of this and of the
    /// other.
    pub(crate) fn against_runs(
        mut self,
        subject: &'static str,
        pairs: impl Iterator<Item = (f64, f64)> + Clone,
    ) -> Self {
        let value = median(pairs.clone().map(|(_, other)| other));
        let ratio = median(pairs.map(|(own, other)| own / other));
        self.references.push(Reference { subject, value, ratio });
        self
    }

    /// How many times this reference it is.
    pub(crate) fn ratio_to(&self, subject: &str) -> Option<f64> {
        self.references.iter().find(|reference| reference.subject == subject).map(|reference| reference.ratio)
    }

    /// The least of all runs, of their median.
    pub(crate) fn slowest(&self) -> Option<f64> {
        self.spread.map(|[least, _]| least / self.value)
    }
}

/// The time of a unit of work, from pairs (reference, subject) of nanoseconds for `units` of them.
pub(crate) fn time_of_pairs(
    case: impl Into<Case>,
    [reference, subject]: [&'static str; 2],
    pairs: &[[f64; 2]],
    units: u32,
) -> Figure {
    let units = f64::from(units);
    let runs: Vec<f64> = pairs.iter().map(|[_, own]| own / units).collect();
    let figure = Figure::of_runs(case, subject, Metric::TIME, &runs);
    figure.against_runs(reference, pairs.iter().map(|[other, own]| (own / units, other / units)))
}

/// The middle one; the mean of the two middle ones of an even number; no number if there is none.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => values[half],
        _ => f64::midpoint(values[half - 1], values[half]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_of_runs_is_their_median_with_the_least_and_the_most() {
        let figure = Figure::of_runs("case", "subject", Metric::TIME, &[3.0, 1.0, 2.0, 10.0]);
        assert_eq!((figure.value, figure.spread), (2.5, Some([1.0, 10.0])));
        assert_eq!(figure.slowest(), Some(0.4));
        assert!(median([]).is_nan());
    }

    #[test]
    fn a_ratio_is_taken_pair_by_pair() {
        // Both are ten times slower in the third pair.
        let figure =
            time_of_pairs("case", ["floor", "pool"], &[[10.0, 20.0], [10.0, 20.0], [100.0, 200.0]], 10);
        let [floor] = figure.references[..] else { panic!("one floor, not {:?}", figure.references) };
        assert_eq!((figure.value, floor.value, floor.ratio), (2.0, 1.0, 2.0));
    }
}
