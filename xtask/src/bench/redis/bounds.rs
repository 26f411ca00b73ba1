//! What must hold for this pool.

use super::sample::Row;
use super::{Case, PEER, POOL};

/// Of a case: at least so many times the peer's requests a second, at most so many times its time.
struct Bound {
    runtime: &'static str,
    callers: u32,
    rate: f64,
    cpu: f64,
}

const BOUNDS: [Bound; 10] = [
    Bound { runtime: "one-thread", callers: 1, rate: 1.0, cpu: 1.0 },
    Bound { runtime: "one-thread", callers: 8, rate: 1.05, cpu: 0.9 },
    Bound { runtime: "one-thread", callers: 64, rate: 1.5, cpu: 0.70 },
    Bound { runtime: "one-thread", callers: 256, rate: 1.8, cpu: 0.60 },
    Bound { runtime: "one-thread", callers: 1_000, rate: 2.5, cpu: 0.42 },
    Bound { runtime: "two-workers", callers: 1, rate: 1.0, cpu: 1.0 },
    Bound { runtime: "two-workers", callers: 8, rate: 1.05, cpu: 0.9 },
    Bound { runtime: "two-workers", callers: 64, rate: 1.8, cpu: 0.55 },
    Bound { runtime: "two-workers", callers: 256, rate: 2.4, cpu: 0.42 },
    Bound { runtime: "two-workers", callers: 1_000, rate: 2.5, cpu: 0.40 },
];

/// The slowest run of two workers, to the median of all.
const SLOWEST_MIN: f64 = 0.7;
const SLOWEST_OF: [u32; 2] = [64, 256];

/// The rate of so many callers, to that of a tenth of them.
const CROWD: u32 = 10_000;
const CROWD_MIN: f64 = 0.8;

/// What was missed, or not measured.
pub(super) fn missed(rows: &[Row]) -> Vec<String> {
    let mut missed = Vec::new();
    for Bound { runtime, callers, rate, cpu } in BOUNDS {
        let name = format!("{runtime}, {callers} callers");
        let (Some(pool), Some(peer)) =
            (find(rows, POOL, runtime, callers), find(rows, PEER, runtime, callers))
        else {
            missed.push(format!("{name}: not measured"));
            continue;
        };
        let found = pool.to(peer, |sample| sample.rate);
        if found < rate {
            missed.push(format!("{name}: {found:.2} times the rate of {PEER}, at least {rate} asked for"));
        }
        let found = pool.to(peer, |sample| sample.cpu);
        if found > cpu {
            missed.push(format!("{name}: {found:.2} times the CPU of {PEER}, at most {cpu} allowed"));
        }
        let slowest = pool.slowest();
        if runtime == "two-workers" && SLOWEST_OF.contains(&callers) && slowest < SLOWEST_MIN {
            missed.push(format!("{name}: the slowest run has {slowest:.2} of the median, not {SLOWEST_MIN}"));
        }
    }
    for runtime in super::RUNTIMES {
        let rate = |callers| find(rows, POOL, runtime, callers).map_or(f64::NAN, Row::rate);
        let found = rate(CROWD) / rate(CROWD / 10);
        if found.is_nan() || found < CROWD_MIN {
            missed.push(format!(
                "{runtime}: {CROWD} callers have {found:.2} of the rate of a tenth, not {CROWD_MIN}"
            ));
        }
    }
    missed
}

fn find<'a>(rows: &'a [Row], client: &str, runtime: &str, callers: u32) -> Option<&'a Row> {
    rows.iter().find(|row| {
        let Case { runtime: of, callers: count } = row.case;
        row.client == client && of == runtime && count == callers
    })
}
