//! Who gets how many items: the settings.

use core::time::Duration;

use crate::config_error::{ConfigError, check_count, check_optional_duration};

/// Who gets how many items, apart from what the policy says ([`Balance`](crate::Balance)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sharing {
    /// How many items an address takes at most before the turn passes on; 64 by default. Longer turns fill larger writes,
    /// which are cheaper; with 1 each item goes to another address.
    ///
    /// A turn is no longer than a third of what is [under way](crate::Uniform::set_load), nor than the square root of
    /// twice as much: 1 for up to five items, 2 for 8, 11 for 64, 44 for 1,000. So a caller that is alone has exact turns.
    /// Turns of one length give each of `k` addresses as many items, counted over whole turns: any `k * m` turns in a
    /// row are `m` for each.
    pub items_per_turn: u32,
    /// When items go to worse priorities, and when they come back.
    pub priorities: Priorities,
}

impl Default for Sharing {
    fn default() -> Self {
        Self { items_per_turn: 64, priorities: Priorities::strict() }
    }
}

impl Sharing {
    /// Says which field makes no sense, if one does.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`] for the first field that is out of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        check_count("items_per_turn", self.items_per_turn, u32::MAX)?;
        check_optional_duration("failback_after", self.priorities.failback_after)
    }
}

/// When items go to addresses of worse priorities, and when they come back.
///
/// ```
/// use core::time::Duration;
/// use pool_core::{Config, Priorities};
///
/// let mut config = Config::default();
/// config.sharing.priorities = Priorities::spilling().with_failback_after(Duration::from_secs(30));
/// assert!(config.validate().is_ok());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priorities {
    spills: bool,
    failback_after: Option<Duration>,
}

impl Default for Priorities {
    fn default() -> Self {
        Self::strict()
    }
}

impl Priorities {
    /// All items go to the best priority that has a connection. The default.
    #[must_use]
    pub const fn strict() -> Self {
        Self { spills: false, failback_after: None }
    }

    /// What a priority has lost goes to worse ones, by the arithmetic of Envoy
    /// (`load_balancer_impl.cc`, `recalculatePerPriorityState`).
    ///
    /// The health of a priority is the share of its addresses that are connected and not unfit, times 1.4, and 100 %
    /// at most: a priority that has lost less than 29 % of its addresses keeps all items. Each priority has as much as
    /// it is healthy, and the next has what is left. With 72 % of the best priority it is 100 and 0 %, with 71 % 99
    /// and 1, with 50 % 70 and 30, with 25 % 35 and 65. Where all of them together have less than 100 %, what they have
    /// is scaled up. Where no address of a priority that has a share can take an item now, another priority with a share
    /// takes it. An address of weight 0 counts as lost.
    ///
    /// Not for lazy pools, where an address without a connection is not lost.
    #[must_use]
    pub const fn spilling() -> Self {
        Self { spills: true, failback_after: None }
    }

    /// What comes back to a priority that has lost addresses gets items again when it has been back for so long: else
    /// items would go to and fro with addresses that come and go, and the first connection that is back would have
    /// all of them. Of what comes back bit by bit, each bit has items again after twice as long at the latest. Where no other priority has a connection it gets them at once. Off by default; gRPC keeps to worse
    /// priorities for 15 minutes (gRFC A56).
    #[must_use]
    pub const fn with_failback_after(self, duration: Duration) -> Self {
        Self { failback_after: Some(duration), ..self }
    }

    pub(crate) const fn is_spilling(self) -> bool {
        self.spills
    }

    pub(crate) const fn failback_after(self) -> Option<Duration> {
        self.failback_after
    }

    /// Whether nothing is to be known of priorities but which have connections.
    pub(crate) const fn is_plain(self) -> bool {
        !self.spills && self.failback_after.is_none()
    }
}
