//! A simulation, and what one run of it gives.

use crate::report::Chart;
use crate::report::bound::Bound;
use crate::report::figure::{Metric, Unit};

pub(super) struct Simulation {
    pub(super) name: &'static str,
    /// What happens, in one sentence, and what the metrics mean.
    pub(super) title: &'static str,
    pub(super) run: fn(u64) -> Run,
    pub(super) bounds: &'static [Bound],
}

/// The figures of one seed. All seeds have the same, in the same order.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Run {
    pub(super) readings: Vec<Reading>,
    pub(super) chart: Chart,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) struct Reading {
    pub(super) case: &'static str,
    pub(super) subject: &'static str,
    pub(super) metric: Metric,
    pub(super) value: f64,
}

/// Items that were lost, or are not answered at the end.
pub(super) const UNANSWERED: Metric = Metric::new("unanswered", Unit::Count);
/// How often an address was put into backoff.
pub(super) const BACKED_OFF: Metric = Metric::new("backed off", Unit::Count);
/// The longest time from an item's coming to its answer.
pub(super) const SLOWEST: Metric = Metric::new("slowest item", Unit::Nanoseconds);

/// A count as a number.
#[expect(clippy::cast_precision_loss, reason = "a count that is too large is still shown with three digits")]
pub(super) fn number(count: usize) -> f64 {
    count as f64
}
