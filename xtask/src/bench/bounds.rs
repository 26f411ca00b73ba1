//! What must hold. Instructions and bytes hardly depend on the machine, so they are bounded as they are; rates and
//! times are bounded as ratios to others that were measured in the same run.

use super::{connections, failover, redis};
use crate::callgrind;
use crate::report::bound::Bound;
use crate::report::figure::Metric;

/// Which bounds are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    AllBounds,
    /// Those that have nothing to do with how fast the machine is, or how busy.
    AnyMachine,
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

/// The bounds of a benchmark. Where nothing counts instructions, those on them are left out.
pub(super) fn of(bench: &str, scope: Scope) -> Vec<&'static Bound> {
    let can_count = callgrind::is_installed();
    let bounds = [CORE, DISPATCH, connections::BOUNDS, failover::BOUNDS, redis::BOUNDS].into_iter().flatten();
    let bounds = bounds.filter(|bound| bound.section() == bench);
    let bounds = bounds.filter(|bound| scope == Scope::AllBounds || bound.is_on_any_machine());
    bounds.filter(|bound| can_count || bound.metric() != Metric::INSTRUCTIONS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_benchmark_has_its_own_bounds_and_only_those_on_what_can_be_measured() {
        let counted = if callgrind::is_installed() { CORE.len() } else { 5 };
        assert_eq!(of("core", Scope::AllBounds).len(), counted);
        assert!(of("core", Scope::AnyMachine).is_empty());
    }
}
