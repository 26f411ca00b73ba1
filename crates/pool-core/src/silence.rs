//! What is made of peers that owe and say nothing: the settings.

use core::time::Duration;

use crate::config_error::{ConfigError, check_optional_duration};

/// What is made of connections that owe outcomes and whose peers say nothing. Only for connections that report an
/// outcome for each item; any other would be suspected, and dropped, so long after its first item.
///
/// Silence runs while items are in flight, from the last thing that the peer has said: a part of a reply
/// ([`SlotEvent::Progress`](crate::SlotEvent::Progress)), a reply, a failure. That nobody waits for an item any more is
/// nothing that a peer says. Time in which nobody listened doesn't count either: see
/// [`handle_timeout`](crate::Uniform::handle_timeout).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Silence {
    /// A connection that is silent for so long is a suspect: it takes no new items, and another is made beside it.
    /// When it says something, it is as good as before, and what was made beside it goes later: once the address has
    /// had no suspects for [`stable_after`](crate::Config::stable_after), as far as it is idle. A suspect that owes
    /// nothing any more, and has said nothing, drains. Off by default.
    ///
    /// At most [`connections_per_address`](crate::Config::connections_per_address) of an address are suspects. And
    /// while there is one, the address has no more items in flight than that many connections
    /// [may have](crate::Uniform::handle_in_flight_max): a peer that hangs gets no more to do, however impatient callers
    /// are. When it has as many, one item more may try it; if that one is answered, the suspects are given up
    /// ([`SlotEnd::Silent`](crate::SlotEnd::Silent)).
    ///
    /// A connection that takes one item at a time is a suspect only when nobody waits for that item: nothing waits
    /// behind it.
    pub suspect_after: Option<Duration>,
    /// A connection that is silent for so long, and has owed something for as long, is dropped: its peer doesn't answer.
    /// Of items that are cancelled the oldest are taken to be the first. It is a failure of the address, unless nobody
    /// waits for what is in flight ([`handle_abandoned`](crate::Uniform::handle_abandoned)). Off by default.
    pub outcome_timeout: Option<Duration>,
}

impl Silence {
    /// Whether anything is made of it.
    pub(crate) const fn is_watched(&self) -> bool {
        self.suspect_after.is_some() || self.outcome_timeout.is_some()
    }

    /// The shortest silence that something is made of.
    pub(crate) fn shortest(&self) -> Option<Duration> {
        [self.suspect_after, self.outcome_timeout].into_iter().flatten().min()
    }

    /// Says which field makes no sense, if one does.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`] for the first field that is out of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        check_optional_duration("suspect_after", self.suspect_after)?;
        check_optional_duration("outcome_timeout", self.outcome_timeout)
    }
}
