//! How fast an address is dialled, whatever ends its connections: the settings.

use core::time::Duration;

use crate::backoff::Backoff;
use crate::config_error::{ConfigError, check_optional_duration};
use crate::random::Random;

/// How fast an address is dialled, whatever ends its connections. A peer that closes them in good order, again and
/// again, is no failing one, but nobody gains if it is dialled at once each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pace {
    /// The least time between dials to an address whose connections are short-lived, jitter apart; 4 s by default.
    /// `None`: none but what the backoff asks for.
    ///
    /// A life is short if it lasts less than this, from the start of its dial. After the k-th short life in a row the
    /// next dial starts no earlier after the last one than the [`Backoff`] says for k failures, or than this,
    /// jittered like the backoff; and while there are short lives in a row, dials go out one at a time. A life that is
    /// longer ends the row, and so does a success of an item that was sent after another had succeeded. Items that nobody else can take
    /// don't wait for the pace, unless the address is failing.
    pub max: Option<Duration>,
    /// A connection that ends and owes its address neither backoff nor pace is replaced after up to this long, as
    /// chance has it, or when an item waits that nobody can take; 50 ms by default. When a server restarts, its
    /// clients don't come back in the same moment. `None`: at once.
    pub redial_spread: Option<Duration>,
}

impl Default for Pace {
    fn default() -> Self {
        Self { max: Some(Duration::from_secs(4)), redial_spread: Some(Duration::from_millis(50)) }
    }
}

impl Pace {
    /// The least time from one dial to the next after so many short lives in a row.
    pub(crate) fn delay(&self, short_lives: u8, backoff: &Backoff, random: &mut Random) -> Duration {
        let cap = backoff.cap.min(self.max.unwrap_or(Duration::ZERO));
        Backoff { cap, ..*backoff }.jittered(short_lives.into(), random)
    }

    /// Says which field makes no sense, if one does.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`] for the first field that is out of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        check_optional_duration("pace.max", self.max)?;
        check_optional_duration("pace.redial_spread", self.redial_spread)
    }
}
