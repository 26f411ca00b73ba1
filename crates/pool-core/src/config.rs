//! The numbers of a pool, their defaults, and which of them make no sense.

use core::time::Duration;

use crate::backoff::Backoff;
use crate::config_error::{ConfigError, Problem, check_count, check_optional_duration};
use crate::pace::Pace;
use crate::sharing::Sharing;
use crate::silence::Silence;

/// When connections are opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[expect(clippy::exhaustive_enums, reason = "there is no third way; a match should be complete")]
pub enum Opening {
    /// All of them at once, without waiting for items.
    #[default]
    Eager,
    /// One when an item waits and nothing open can take it; the least-connected address first.
    Lazy,
}

/// The settings of [`Uniform`](crate::Uniform).
///
/// Start from the defaults and change what you need; [`Uniform::new`](crate::Uniform::new)
/// refuses values that make no sense and names the field.
///
/// ```
/// use core::time::Duration;
/// use pool_core::{Config, Opening, RoundRobin, Uniform};
///
/// let mut config = Config::default();
/// config.connections_per_address = 2;
/// config.opening = Opening::Lazy;
/// config.idle_timeout = Some(Duration::from_secs(60));
/// assert!(Uniform::<u16>::new(config.clone(), RoundRobin::new(), 1).is_ok());
///
/// config.connections_per_address = 0;
/// let error = Uniform::<u16>::new(config, RoundRobin::new(), 1).unwrap_err();
/// assert_eq!(error.field(), "connections_per_address");
/// assert_eq!(error.to_string(), "connections_per_address must be from 1 to 4096, but is 0");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// Connections to each address, from 1 (the default) to 4,096. Draining ones don't count.
    pub connections_per_address: u32,
    /// Whether connections are opened at once (the default) or on demand.
    pub opening: Opening,
    /// Dials in flight in the whole pool, at least 1; 64 by default. Addresses with an unreset
    /// failure hold at most half of them (at least one).
    pub dials_max: u32,
    /// A dial that takes longer has failed; 5 s by default.
    pub dial_timeout: Duration,
    /// How long an address that fails is left alone.
    pub backoff: Backoff,
    /// How fast an address is dialled, whatever ends its connections.
    pub pace: Pace,
    /// A connection that has been up for this long (or has reported a success) resets the
    /// backoff of its address. 10 s by default.
    pub stable_after: Duration,
    /// How long a draining connection may take to flush and close; 30 s by default. When as many as
    /// [`connections_per_address`](Self::connections_per_address) drain at an address and another is to, the
    /// oldest is dropped ([`SlotEnd::DrainDisplaced`](crate::SlotEnd::DrainDisplaced)), and what it still
    /// owed is lost. That happens where connections are told to drain faster than their peer closes: the
    /// address comes and goes, their lifetimes are short, the peer keeps asking them to leave. A pool that
    /// becomes smaller displaces none, until more drain at an address than it was allowed to have open since
    /// the first of them began to: one whose size goes up and down displaces the oldest, too.
    pub drain_timeout: Duration,
    /// Fail fast once nothing has been usable for this long; off by default.
    pub fail_fast_after: Option<Duration>,
    /// Replace a connection that has been up for this long, less up to a tenth, drawn for each;
    /// off by default. The replacement is connected before the old connection drains, which
    /// therefore lives on while dials to its address time out. If the replacement is refused, the peer may let no
    /// more connections in: the old one drains first, the next dial follows when it is gone, and the refusal is
    /// no failure. A lazy pool drains it at once, and opens another when it needs one.
    pub lifetime_max: Option<Duration>,
    /// Drain a connection that has taken no item for this long, less up to a tenth, drawn for
    /// each; off by default, and only together with [`Opening::Lazy`]. One that pushes back, or
    /// that owes outcomes, isn't idle.
    pub idle_timeout: Option<Duration>,
    /// What is made of connections that owe outcomes and whose peers say nothing; nothing by default.
    pub silence: Silence,
    /// Ask the name service to look again, when connections keep failing, at most once in this time;
    /// 30 s by default, which is gRPC's bound too.
    pub refresh_interval_min: Duration,
    /// A larger address set is refused whole; 65,536 by default.
    pub addresses_max: usize,
    /// Who gets how many items.
    pub sharing: Sharing,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            connections_per_address: 1,
            opening: Opening::Eager,
            dials_max: 64,
            dial_timeout: Duration::from_secs(5),
            backoff: Backoff::default(),
            pace: Pace::default(),
            stable_after: Duration::from_secs(10),
            drain_timeout: Duration::from_secs(30),
            fail_fast_after: None,
            lifetime_max: None,
            idle_timeout: None,
            silence: Silence::default(),
            refresh_interval_min: Duration::from_secs(30),
            addresses_max: 65_536,
            sharing: Sharing::default(),
        }
    }
}

impl Config {
    /// Says which field makes no sense, if one does.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`] for the first field that is out of its range or contradicts another.
    pub fn validate(&self) -> Result<(), ConfigError> {
        check_count("connections_per_address", self.connections_per_address, CONNECTIONS_MAX)?;
        check_count("dials_max", self.dials_max, u32::MAX)?;
        self.sharing.validate()?;
        ConfigError::check_duration("dial_timeout", self.dial_timeout)?;
        self.backoff.validate()?;
        self.pace.validate()?;
        ConfigError::check_duration("stable_after", self.stable_after)?;
        ConfigError::check_duration("drain_timeout", self.drain_timeout)?;
        ConfigError::check_duration("refresh_interval_min", self.refresh_interval_min)?;
        check_optional_duration("fail_fast_after", self.fail_fast_after)?;
        check_optional_duration("lifetime_max", self.lifetime_max)?;
        check_optional_duration("idle_timeout", self.idle_timeout)?;
        self.silence.validate()?;
        if self.idle_timeout.is_some() && self.opening == Opening::Eager {
            return Err(ConfigError::new("idle_timeout", Problem::NeedsLazy));
        }
        if self.sharing.priorities.is_spilling() && self.opening == Opening::Lazy {
            return Err(ConfigError::new("priorities", Problem::NeedsEager));
        }
        if self.lifetime_max.is_some_and(|lifetime| lifetime <= self.stable_after) {
            return Err(ConfigError::new("lifetime_max", Problem::NotLongerThan("stable_after")));
        }
        if self.addresses_max == 0 || self.addresses_max > ADDRESSES_MAX {
            let found = self.addresses_max as u64;
            return Err(ConfigError::new(
                "addresses_max",
                Problem::Count { found, max: ADDRESSES_MAX as u64 },
            ));
        }
        Ok(())
    }

    /// The connections to each address, as the core counts them.
    pub(crate) fn slots_per_address(&self) -> u16 {
        u16::try_from(self.connections_per_address).unwrap_or(u16::MAX)
    }

    /// How many dials may be in flight to addresses that have an unreset failure.
    pub(crate) fn probes_max(&self) -> usize {
        (self.dials_max as usize / 2).max(1)
    }
}

/// A drain looks through the other connections of its address.
const CONNECTIONS_MAX: u32 = 4096;
/// Addresses and slots are numbered with 32 bits; draining slots come on top of the open ones.
const ADDRESSES_MAX: usize = 1 << 24;
