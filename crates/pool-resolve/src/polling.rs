//! A name service that is asked again and again, as a stream.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use pin_project::pin_project;
use pool_core::{ConfigError, Instant};
use pool_driver::{AddressStream, AddressUpdate, Runtime};

use crate::alarm::Alarm;
use crate::lookup::{Lookup, LookupAnswer, LookupError};
use crate::schedule::{PollConfig, Schedule};

/// Asks a [`Lookup`] again and again, as [`PollConfig`] says, and tells what it answers.
///
/// It asks when it is polled first. The same answer again is told again, so that the pool's
/// [snapshot](pool_driver::SourceSnapshot::answer_age) shows when it was confirmed last. One question is
/// in flight at a time. The stream never ends.
///
/// ```
/// # use pool_conformance::simulated::Clock as MyRuntime;
/// use pool_driver::{AddressSet, BoxError};
/// use pool_resolve::{LookupAnswer, Polling};
///
/// let inventory = || async {
///     // Ask whom you like; `?` makes an error of any type a failure.
///     let addresses: AddressSet<u16> = ["7001".parse()?, "7002".parse()?].into();
///     Ok(LookupAnswer::new(addresses))
/// };
/// let addresses = Polling::new(inventory, MyRuntime::default());
/// ```
#[pin_project]
pub struct Polling<L: Lookup, R: Runtime> {
    lookup: L,
    schedule: Schedule,
    timeout: Duration,
    #[pin]
    question: Option<L::Future>,
    #[pin]
    alarm: Alarm<R>,
}

impl<L: Lookup, R: Runtime> Polling<L, R> {
    /// Asks as often as the default says.
    #[must_use]
    pub fn new(lookup: L, runtime: R) -> Self {
        Self::with_valid_config(lookup, runtime, PollConfig::default())
    }

    /// Asks as often as `config` says.
    ///
    /// # Errors
    ///
    /// Names the setting that makes no sense.
    pub fn with_config(lookup: L, runtime: R, config: PollConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self::with_valid_config(lookup, runtime, config))
    }

    pub(crate) fn with_valid_config(lookup: L, runtime: R, config: PollConfig) -> Self {
        let timeout = config.timeout;
        let schedule = Schedule::new(config);
        Self { lookup, schedule, timeout, question: None, alarm: Alarm::new(runtime) }
    }

    #[cfg(feature = "file")]
    pub(crate) fn is_asking(&self) -> bool {
        self.question.is_some()
    }

    /// Polls the question that is in flight until it is answered or has taken too long.
    fn poll_answer(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<AddressUpdate<L::Address>> {
        let mut this = self.project();
        let Some(question) = this.question.as_mut().as_pin_mut() else { return Poll::Pending };
        if let Poll::Ready(result) = question.poll(cx) {
            this.question.set(None);
            let now = this.alarm.now();
            return Poll::Ready(update(this.schedule, result, now));
        }
        ready!(this.alarm.as_mut().poll_at(this.schedule.deadline(), cx));
        this.question.set(None);
        this.schedule.failed(this.alarm.now());
        Poll::Ready(AddressUpdate::failed(LookupTimedOut { timeout: *this.timeout }))
    }
}

fn update<A>(
    schedule: &mut Schedule,
    result: Result<LookupAnswer<A>, LookupError>,
    now: Instant,
) -> AddressUpdate<A> {
    match result {
        Ok(answer) => {
            schedule.answered(answer.valid_for, now);
            AddressUpdate::Addresses(answer.addresses)
        }
        Err(LookupError::NoSuchName { valid_for }) => {
            schedule.no_such_name(valid_for, now);
            AddressUpdate::NoSuchName
        }
        Err(LookupError::Failed(error)) => {
            schedule.failed(now);
            AddressUpdate::failed(error)
        }
    }
}

impl<L: Lookup, R: Runtime> Stream for Polling<L, R> {
    type Item = AddressUpdate<L::Address>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.as_mut().project();
        if this.question.is_none() {
            ready!(this.alarm.as_mut().poll_at(this.schedule.deadline(), cx));
            this.question.set(Some(this.lookup.lookup()));
            this.schedule.asked(this.alarm.now());
        }
        self.poll_answer(cx).map(Some)
    }
}

impl<L: Lookup, R: Runtime> AddressStream for Polling<L, R> {
    type Address = L::Address;

    /// Asks at once, but no sooner after the last question than [`PollConfig::interval_min`]. A
    /// question that is in flight already is not repeated.
    fn refresh(self: Pin<&mut Self>) {
        let this = self.project();
        this.schedule.refresh(this.alarm.now());
    }
}

impl<L: Lookup, R: Runtime> fmt::Debug for Polling<L, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Polling")
            .field("schedule", &self.schedule)
            .field("is_asking", &self.question.is_some())
            .finish_non_exhaustive()
    }
}

/// The name service took too long.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LookupTimedOut {
    /// How long it was given.
    pub timeout: Duration,
}

impl fmt::Display for LookupTimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the name service did not answer within {:?}", self.timeout)
    }
}

impl Error for LookupTimedOut {}
