//! Which policies are taken over which connections.

mod support;

use pool_driver::{
    Balance, BoxError, BuildError, ConsistentHash, LeastLoaded, PeakEwma, PoolBuilder, RoundRobin,
    WeightedRoundRobin,
};
use support::{A, Outside};

/// Plain sinks tell of nothing.
fn over_plain_sinks(policy: impl Balance) -> Result<(), BuildError> {
    let outside = Outside::new();
    let connect = |_: u16| std::future::ready(Ok::<_, BoxError>(futures_util::sink::drain::<u32>()));
    let builder = PoolBuilder::plain(connect, outside.clock.clone()).connect_to_fixed([A]).balancer(policy);
    builder.build::<u32>().map(drop)
}

#[test]
fn b2_a_policy_that_needs_outcomes_is_refused_over_connections_that_report_none() {
    for refused in [over_plain_sinks(LeastLoaded::new()), over_plain_sinks(PeakEwma::new())] {
        let Err(BuildError::Config(error)) = refused else { panic!("it is refused by name") };
        assert_eq!(error.field(), "balancer");
        let words = "balancer works only with connections that report an outcome for each item";
        assert_eq!(error.to_string(), words);
    }
}

#[test]
fn b2_the_others_are_taken_over_all_connections() {
    over_plain_sinks(RoundRobin::new()).expect("it goes by turns");
    over_plain_sinks(WeightedRoundRobin::new()).expect("it goes by turns");
    over_plain_sinks(ConsistentHash::new()).expect("it learns whether there are outcomes");
}
