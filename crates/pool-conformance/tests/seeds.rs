//! The simulated runtime repeats a run for its seed, and tries other orders for other seeds.

use pool_conformance::simulated::Simulated;
use pool_conformance::{SEED, Verdict, run, scenarios};

#[test]
fn every_scenario_holds_whatever_the_order_of_tasks() {
    for seed in 0..30 {
        for scenario in scenarios() {
            let report = run::<Simulated>(&scenario, seed);
            assert_eq!(report.verdict, Verdict::Passed, "{report}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_seed_another() {
    let mut differing = 0;
    for scenario in scenarios() {
        let [first, again, other] = [SEED, SEED, SEED + 1].map(|seed| run::<Simulated>(&scenario, seed));
        assert_eq!(first.trace_hash, again.trace_hash, "{}", scenario.name);
        differing += usize::from(first.trace_hash != other.trace_hash);
    }
    // Some scenarios leave nothing to chance: a pool that isn't even built, say.
    assert!(differing > scenarios().len() / 2, "only {differing} scenarios depend on the seed");
}
