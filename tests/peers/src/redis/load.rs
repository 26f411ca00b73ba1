//! Callers that make one request after the other, each as fast as it is answered.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use pool_tokio::BoxError;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::cores;
use crate::clients::{Client, Failure};

/// Callers and client get going.
const WARM_UP: Duration = Duration::from_millis(300);
/// Of so many requests the time of one is taken: to look at the clock costs something, too.
const LATENCY_EACH: u64 = 8;

const WARMING: u8 = 0;
const MEASURED: u8 = 1;
const OVER: u8 = 2;

/// What was measured, for one client.
pub(super) struct Figures {
    /// Requests a second.
    rate: f64,
    /// Nanoseconds of the client's cores for each.
    cpu: f64,
    /// How long half, 99 % and 99.9 % of the requests took at most, in nanoseconds.
    latencies: [u32; 3],
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rate, cpu, latencies: [p50, p99, p999] } = self;
        write!(f, "{rate:.0} {cpu:.0} {p50} {p99} {p999}")
    }
}

/// What one caller has seen.
#[derive(Default)]
struct Seen {
    requests: u64,
    latencies: Vec<u32>,
}

pub(super) async fn run<C: Client>(
    client: C,
    callers: usize,
    duration: Duration,
) -> Result<Figures, BoxError> {
    let phase = Arc::new(AtomicU8::new(WARMING));
    let mut tasks = JoinSet::new();
    for _ in 0..callers {
        tasks.spawn(call(client.clone(), Arc::clone(&phase)));
    }
    sleep(WARM_UP).await;
    let (begun, used_before) = (Instant::now(), cores::used());
    phase.store(MEASURED, Ordering::Relaxed);
    sleep(duration).await;
    phase.store(OVER, Ordering::Relaxed);
    let (took, used) = (begun.elapsed(), cores::used().saturating_sub(used_before));
    let (mut requests, mut latencies) = (0, Vec::new());
    while let Some(seen) = tasks.join_next().await {
        let seen = seen?.map_err(|failure| format!("a request has failed: {failure:?}"))?;
        requests += seen.requests;
        latencies.extend(seen.latencies);
    }
    latencies.sort_unstable();
    let quantile = |part: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a place among them"
        )]
        let place = (latencies.len() as f64 * part) as usize;
        latencies.get(place).copied().unwrap_or_default()
    };
    #[expect(clippy::cast_precision_loss, reason = "there are not so many")]
    let requests = requests as f64;
    Ok(Figures {
        rate: requests / took.as_secs_f64(),
        cpu: used.as_secs_f64() * 1e9 / requests,
        latencies: [quantile(0.5), quantile(0.99), quantile(0.999)],
    })
}

async fn call(client: impl Client, phase: Arc<AtomicU8>) -> Result<Seen, Failure> {
    let mut seen = Seen::default();
    for turn in 0_u64.. {
        let begun = turn.is_multiple_of(LATENCY_EACH).then(Instant::now);
        if client.get().await?.is_none_or(|value| value.len() != 64) {
            return Err(Failure::Other);
        }
        match phase.load(Ordering::Relaxed) {
            WARMING => {}
            MEASURED => {
                seen.requests += 1;
                if let Some(begun) = begun {
                    seen.latencies.push(begun.elapsed().as_nanos().try_into().unwrap_or(u32::MAX));
                }
            }
            _ => break,
        }
    }
    Ok(seen)
}
