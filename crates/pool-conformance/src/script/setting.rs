//! The settings of a scenario's pool.

use std::time::Duration;

use pool_driver::{Backoff, Balance, OnAddressesEnd, PoolBuilder, PoolConfig};

/// A setting of the scenario's pool, with the name that the builder has for it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Setting {
    /// `connections_per_address`
    ConnectionsPerAddress(u32),
    /// `lazy`
    Lazy,
    /// `queue_size`
    QueueSize(usize),
    /// `dials_max`
    DialsMax(u32),
    /// `dial_timeout`
    DialTimeout(Duration),
    /// `backoff`, with this base and cap and the default growth and jitter.
    Backoff(Duration, Duration),
    /// `backoff`, whole.
    BackoffOf(Backoff),
    /// `stable_after`
    StableAfter(Duration),
    /// `drain_timeout`
    DrainTimeout(Duration),
    /// `shutdown_timeout`
    ShutdownTimeout(Duration),
    /// `fail_fast_after`
    FailFastAfter(Duration),
    /// `lifetime_max`
    LifetimeMax(Duration),
    /// `idle_timeout`
    IdleTimeout(Duration),
    /// `suspect_after`
    SuspectAfter(Duration),
    /// `outcome_timeout`
    OutcomeTimeout(Duration),
    /// `refresh_interval_min`
    RefreshIntervalMin(Duration),
    /// `addresses_max`
    AddressesMax(usize),
    /// `items_per_turn`
    ItemsPerTurn(u32),
    /// `on_addresses_end(Keep)`
    KeepAddresses,
    /// `CallPool::with_retry`, with a budget of this share in percent and so many a second.
    RetryBudget(u32, u32),
}

/// Longer than any scenario lasts.
const AN_HOUR: Duration = Duration::from_secs(3600);

impl Setting {
    /// Timeouts that no scenario runs into unless it sets them, and turns.
    fn usual() -> [Self; 5] {
        [
            Self::DialTimeout(AN_HOUR),
            Self::StableAfter(AN_HOUR),
            Self::DrainTimeout(AN_HOUR),
            Self::ShutdownTimeout(AN_HOUR),
            // Most scenarios count who gets how much.
            Self::ItemsPerTurn(1),
        ]
    }

    pub(crate) fn apply_all<C, R, S, U, O, B: Balance>(
        builder: PoolBuilder<C, R, S, U, O, B>,
        settings: &[Self],
    ) -> PoolBuilder<C, R, S, U, O, B> {
        Self::usual().iter().chain(settings).fold(builder, Self::apply)
    }

    /// The share and the number per second of a retry budget.
    pub(crate) fn retry_budget(&self) -> Option<(u32, u32)> {
        if let Self::RetryBudget(percent, per_second) = *self { Some((percent, per_second)) } else { None }
    }

    /// The configuration that a builder makes of them.
    pub(crate) fn config(settings: &[Self]) -> PoolConfig {
        Self::apply_all(PoolBuilder::new((), ()), settings).pool_config()
    }

    fn apply<C, R, S, U, O, B: Balance>(
        builder: PoolBuilder<C, R, S, U, O, B>,
        setting: &Self,
    ) -> PoolBuilder<C, R, S, U, O, B> {
        match *setting {
            Self::ConnectionsPerAddress(connections) => builder.connections_per_address(connections),
            Self::Lazy => builder.lazy(),
            Self::QueueSize(items) => builder.queue_size(items),
            Self::DialsMax(dials) => builder.dials_max(dials),
            Self::DialTimeout(timeout) => builder.dial_timeout(timeout),
            Self::Backoff(base, cap) => {
                let mut backoff = Backoff::default();
                (backoff.base, backoff.cap) = (base, cap);
                builder.backoff(backoff)
            }
            Self::BackoffOf(backoff) => builder.backoff(backoff),
            Self::StableAfter(duration) => builder.stable_after(duration),
            Self::DrainTimeout(timeout) => builder.drain_timeout(timeout),
            Self::ShutdownTimeout(timeout) => builder.shutdown_timeout(timeout),
            Self::FailFastAfter(duration) => builder.fail_fast_after(duration),
            Self::LifetimeMax(lifetime) => builder.lifetime_max(lifetime),
            Self::IdleTimeout(timeout) => builder.idle_timeout(timeout),
            Self::SuspectAfter(silence) => builder.suspect_after(silence),
            Self::OutcomeTimeout(timeout) => builder.outcome_timeout(timeout),
            Self::RefreshIntervalMin(interval) => builder.refresh_interval_min(interval),
            Self::AddressesMax(addresses) => builder.addresses_max(addresses),
            Self::ItemsPerTurn(items) => builder.items_per_turn(items),
            Self::KeepAddresses => builder.on_addresses_end(OnAddressesEnd::Keep),
            // It is the handle's.
            Self::RetryBudget(..) => builder,
        }
    }
}
