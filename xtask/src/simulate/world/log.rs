//! What has happened.

use std::time::Duration;

use pool_core::{Availability, Instant};

use super::item::Ended;

/// Everything that a simulation may want to count, in the order of time.
#[derive(Clone, PartialEq, Debug, Default)]
pub(in crate::simulate) struct Log {
    pub(in crate::simulate) arrived: usize,
    /// Items that came to their end.
    pub(in crate::simulate) ended: Vec<Ended>,
    pub(in crate::simulate) sent: Vec<Contact>,
    pub(in crate::simulate) dials: Vec<Contact>,
    /// Dials that succeeded.
    pub(in crate::simulate) connected: Vec<Contact>,
    /// Connections that broke, were closed or have drained, and dials that failed.
    pub(in crate::simulate) gone: Vec<Contact>,
    /// Addresses that were put into backoff.
    pub(in crate::simulate) backed_off: usize,
    pub(in crate::simulate) availability: Vec<(Instant, Availability)>,
}

/// Something between a client and a server.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(in crate::simulate) struct Contact {
    pub(in crate::simulate) at: Instant,
    pub(in crate::simulate) client: usize,
    pub(in crate::simulate) server: u32,
}

/// When it is, so long after the begin.
pub(in crate::simulate) fn at(after: Duration) -> Instant {
    Instant::ZERO + after
}

/// How many of these times lie in each step of time, from the begin to the end.
pub(in crate::simulate) fn per_step(
    times: impl IntoIterator<Item = Instant>,
    step: Duration,
    end: Duration,
) -> Vec<u32> {
    let steps = end.as_nanos().div_ceil(step.as_nanos());
    let mut counts = vec![0; usize::try_from(steps).unwrap_or(0)];
    for time in times {
        let step = u128::from(time.as_nanos()) / step.as_nanos();
        if let Some(count) = usize::try_from(step).ok().and_then(|step| counts.get_mut(step)) {
            *count += 1;
        }
    }
    counts
}

impl Log {
    /// The longest time from an item's coming to its end.
    pub(in crate::simulate) fn slowest_nanos(&self) -> f64 {
        let slowest = self.ended.iter().map(Ended::took).max();
        slowest.map_or(f64::NAN, |slowest| slowest.as_secs_f64() * 1e9)
    }

    /// Of all time from one to the other, in which share items could be taken, in percent. Of one client.
    pub(in crate::simulate) fn usable_percent(&self, from: Duration, to: Duration) -> f64 {
        let (from, to) = (at(from), at(to));
        let mut usable = Duration::ZERO;
        let mut since = None;
        let end = (to, Availability::Waiting);
        for &(time, availability) in self.availability.iter().filter(|(time, _)| *time <= to).chain([&end]) {
            if let Some(since) = since.take() {
                usable += time.max(from).saturating_duration_since(since);
            }
            if availability == Availability::Usable {
                since = Some(time.max(from));
            }
        }
        100.0 * usable.as_secs_f64() / to.saturating_duration_since(from).as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn a_step_counts_what_lies_in_it_and_what_lies_beyond_the_end_counts_nowhere() {
        let times = [0, 1_999, 2_000, 9_999, 10_000].map(|millis| at(Duration::from_millis(millis)));
        assert_eq!(per_step(times, secs(2), secs(10)), [2, 1, 0, 0, 1]);
    }

    #[test]
    fn the_share_of_usable_time_begins_and_ends_where_it_is_looked_at() {
        use Availability::{Usable, Waiting};
        let availability = [(2, Usable), (4, Waiting), (7, Usable)];
        let availability = availability.map(|(time, availability)| (at(secs(time)), availability)).to_vec();
        let log = Log { availability, ..Log::default() };
        let usable = |from, to| log.usable_percent(secs(from), secs(to));
        assert_eq!((usable(0, 10), usable(3, 8), usable(4, 7)), (50.0, 40.0, 0.0));
    }
}
