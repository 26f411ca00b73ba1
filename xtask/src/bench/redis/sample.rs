//! What was measured of one client in one case.

use anyhow::{Context, Result};

use super::Case;
use crate::bench::report::median;

/// One run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    /// Requests a second.
    pub(super) rate: f64,
    /// Nanoseconds of the client's cores for each.
    pub(super) cpu: f64,
    /// How long half, 99 % and 99.9 % of the requests took at most, in nanoseconds.
    latencies: [f64; 3],
}

/// What is looked at in a run.
pub(super) type Metric = fn(&Sample) -> f64;

/// All runs.
pub(super) struct Row {
    pub(super) client: &'static str,
    pub(super) case: Case,
    pub(super) samples: Vec<Sample>,
}

pub(super) const HEADER: &str =
    "client       requests/s  slowest   of redis-rs'   CPU, µs   of redis-rs'   p50, µs   p99, µs  p99.9, µs";

impl Sample {
    pub(super) const METRICS: [(&str, Metric); 5] = [
        ("rate", |sample| sample.rate),
        ("cpu", |sample| sample.cpu),
        ("p50", |sample| sample.latencies[0]),
        ("p99", |sample| sample.latencies[1]),
        ("p99.9", |sample| sample.latencies[2]),
    ];

    /// From a line of five numbers.
    pub(super) fn parse(printed: &str) -> Result<Self> {
        let numbers: Result<Vec<f64>, _> = printed.split_whitespace().map(str::parse).collect();
        let numbers: [f64; 5] = numbers?.try_into().ok().context("not five numbers")?;
        let [rate, cpu, latencies @ ..] = numbers;
        Ok(Self { rate, cpu, latencies })
    }
}

impl Row {
    pub(super) fn rate(&self) -> f64 {
        median(self.samples.iter().map(|sample| sample.rate))
    }

    pub(super) fn cpu(&self) -> f64 {
        median(self.samples.iter().map(|sample| sample.cpu))
    }

    /// The lowest rate of all runs, to their median.
    pub(super) fn slowest(&self) -> f64 {
        self.samples.iter().map(|sample| sample.rate).fold(f64::INFINITY, f64::min) / self.rate()
    }

    /// The median of what each run is to that of another client in the same round.
    pub(super) fn to(&self, other: &Self, value: Metric) -> f64 {
        median(self.samples.iter().zip(&other.samples).map(|(own, other)| value(own) / value(other)))
    }

    pub(super) fn shown(&self, peer: &Self) -> String {
        let [p50, p99, p999] =
            [0, 1, 2].map(|which| median(self.samples.iter().map(|sample| sample.latencies[which])) / 1e3);
        format!(
            "{:11} {:11.0} {:8.2} {:14.2} {:9.2} {:14.2} {p50:9.0} {p99:9.0} {p999:10.0}",
            self.client,
            self.rate(),
            self.slowest(),
            self.to(peer, |sample| sample.rate),
            self.cpu() / 1e3,
            self.to(peer, |sample| sample.cpu),
        )
    }
}
