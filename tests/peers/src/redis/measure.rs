//! What is measured while there is load: rate, cost and latency.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use pool_tokio::BoxError;

use super::cores;
use crate::executor::{Executor, Task};

/// Callers and client get going.
const WARM_UP: Duration = Duration::from_millis(300);

const WARMING: u8 = 0;
const MEASURED: u8 = 1;
const OVER: u8 = 2;

/// Whether what happens now counts.
#[derive(Clone)]
pub(super) struct Phase(Arc<AtomicU8>);

/// What one task of the load has seen.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) requests: u64,
    pub(super) latencies: Latencies,
}

/// How long requests took, in nanoseconds.
#[derive(Default)]
pub(super) struct Latencies(Vec<u32>);

/// What was measured, for one client.
pub(super) struct Figures {
    /// Requests a second.
    rate: f64,
    /// Nanoseconds of the client's cores for each.
    cpu: f64,
    /// How long half, 99 % and 99.9 % of the requests took at most, in nanoseconds.
    latencies: [u32; 3],
}

/// Measures the load that these tasks make, for so long.
pub(super) async fn measure(
    executor: Executor,
    phase: Phase,
    load: Vec<Task<Result<Seen, BoxError>>>,
    duration: Duration,
) -> Result<Figures, BoxError> {
    executor.sleep(WARM_UP).await;
    let (begun, used_before) = (Instant::now(), cores::used());
    phase.enter(MEASURED);
    executor.sleep(duration).await;
    phase.enter(OVER);
    let (took, used) = (begun.elapsed(), cores::used().saturating_sub(used_before));
    let mut all = Seen::default();
    for task in load {
        let seen = task.join().await??;
        all.requests += seen.requests;
        all.latencies.0.extend(seen.latencies.0);
    }
    #[expect(clippy::cast_precision_loss, reason = "there are not so many")]
    let requests = all.requests as f64;
    Ok(Figures {
        rate: requests / took.as_secs_f64(),
        cpu: used.as_secs_f64() * 1e9 / requests,
        latencies: all.latencies.quantiles([0.5, 0.99, 0.999]),
    })
}

impl Phase {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicU8::new(WARMING)))
    }

    fn enter(&self, phase: u8) {
        self.0.store(phase, Ordering::Relaxed);
    }

    pub(super) fn is_measured(&self) -> bool {
        self.0.load(Ordering::Relaxed) == MEASURED
    }

    pub(super) fn is_over(&self) -> bool {
        self.0.load(Ordering::Relaxed) == OVER
    }
}

impl Latencies {
    pub(super) fn add(&mut self, latency: Duration) {
        self.0.push(latency.as_nanos().try_into().unwrap_or(u32::MAX));
    }

    /// What these parts of them don't exceed; nothing took no time.
    fn quantiles<const N: usize>(mut self, parts: [f64; N]) -> [u32; N] {
        self.0.sort_unstable();
        parts.map(|part| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "a place among them"
            )]
            let place = (self.0.len() as f64 * part) as usize;
            self.0.get(place).copied().unwrap_or_default()
        })
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rate, cpu, latencies: [p50, p99, p999] } = self;
        write!(f, "{rate:.0} {cpu:.0} {p50} {p99} {p999}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_places_in_what_was_seen() {
        let mut latencies = Latencies::default();
        for nanos in (0..1000).rev() {
            latencies.add(Duration::from_nanos(nanos));
        }
        assert_eq!(latencies.quantiles([0.0, 0.5, 0.99, 0.999]), [0, 500, 990, 999]);
        assert_eq!(Latencies::default().quantiles([0.5]), [0]);
    }

    #[test]
    fn only_what_happens_while_load_is_measured_counts() {
        let phase = Phase::new();
        assert!(!phase.is_measured() && !phase.is_over());
        for (entered, is_measured, is_over) in [(MEASURED, true, false), (OVER, false, true)] {
            phase.enter(entered);
            assert_eq!((phase.is_measured(), phase.is_over()), (is_measured, is_over));
        }
    }
}
