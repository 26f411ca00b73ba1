//! How it stands with a pool's name service.

use std::fmt;
use std::time::{Duration, Instant};

use crate::error::SharedError;

/// What a pool's name service said last.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum SourceState {
    /// It has not answered yet.
    #[default]
    Pending,
    /// It answered with addresses, or with none.
    Answered,
    /// It had no answer; the last addresses are still in force.
    Failed(SharedError),
    /// It knows no such name; the last addresses are still in force.
    NoSuchName,
    /// Its stream is over, by a panic if there is an error.
    Ended(Option<SharedError>),
}

impl SourceState {
    /// Why there is no answer, if it said so.
    #[must_use]
    pub fn error(&self) -> Option<&SharedError> {
        match self {
            Self::Failed(error) | Self::Ended(Some(error)) => Some(error),
            Self::Pending | Self::Answered | Self::NoSuchName | Self::Ended(None) => None,
        }
    }
}

/// A name service said more addresses than a pool takes; the last ones are still in force.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TooManyAddresses {
    /// How many it said.
    pub len: usize,
    /// [`Config::addresses_max`](pool_core::Config::addresses_max).
    pub max: usize,
}

impl fmt::Display for TooManyAddresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} addresses are more than the {} that may be (addresses_max)", self.len, self.max)
    }
}

impl std::error::Error for TooManyAddresses {}

/// A look at a pool's name service.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct SourceSnapshot {
    /// What it said last.
    pub state: SourceState,
    /// How long ago it said which addresses there are, new ones or the same again; `None` if it never
    /// did. Told by the system's clock, so that it is true while the driver sleeps.
    pub answer_age: Option<Duration>,
}

impl fmt::Display for SourceSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            SourceState::Pending => f.write_str("no answer yet")?,
            SourceState::Answered => f.write_str("answered")?,
            SourceState::Failed(error) => write!(f, "failed: {error}")?,
            SourceState::NoSuchName => f.write_str("no such name")?,
            SourceState::Ended(None) => f.write_str("ended")?,
            SourceState::Ended(Some(error)) => write!(f, "ended: {error}")?,
        }
        match self.answer_age {
            Some(age) => write!(f, ", addresses of {:.1} s ago", age.as_secs_f64()),
            None => Ok(()),
        }
    }
}

/// What the pool status keeps of it.
#[derive(Debug, Default)]
pub(crate) struct SourceStatus {
    pub(crate) state: SourceState,
    pub(crate) answered_at: Option<Instant>,
}

impl SourceStatus {
    pub(crate) fn snapshot(&self) -> SourceSnapshot {
        let answer_age = self.answered_at.map(|at| at.elapsed());
        SourceSnapshot { state: self.state.clone(), answer_age }
    }
}
