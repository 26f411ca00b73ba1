//! A name service that is asked again and again, as a stream.

mod config;
mod schedule;

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use pin_project::pin_project;
use pool_core::{ConfigError, Instant};
use pool_driver::{AddressStream, AddressUpdate, Runtime};

use crate::deadline_timer::DeadlineTimer;
use crate::lookup::{Lookup, LookupAnswer, LookupError};
use schedule::Schedule;

pub use config::PollConfig;

/// Asks a [`Lookup`] again and again, as [`PollConfig`] says, and passes its answers on.
///
/// It asks when it is polled first. An answer that is the same as before is passed on too, so that the
/// pool's [snapshot](pool_driver::SourceSnapshot::answer_age) shows when it was confirmed last. One question
/// is in flight at a time. The stream never ends.
///
/// ```
/// # use pool_conformance::simulated::Clock as MyRuntime;
/// use pool_driver::{AddressSet, BoxError};
/// use pool_resolve::{LookupAnswer, Polling};
///
/// let inventory = || async {
///     // Any name service will do; `?` turns an error of any type into a failure.
///     let addresses: AddressSet<u16> = ["7001".parse()?, "7002".parse()?].into();
///     Ok(LookupAnswer::new(addresses))
/// };
/// let addresses = Polling::new(inventory, MyRuntime::default());
/// ```
#[pin_project]
pub struct Polling<L: Lookup, R: Runtime> {
    lookup: L,
    schedule: Schedule,
    #[pin]
    question: Option<L::Future>,
    #[pin]
    timer: DeadlineTimer<R>,
}

impl<L: Lookup, R: Runtime> Polling<L, R> {
    /// Asks as often as the default of [`PollConfig`] says.
    #[must_use]
    pub fn new(lookup: L, runtime: R) -> Self {
        Self::with_valid_config(lookup, runtime, PollConfig::default())
    }

    /// Asks as often as `config` says.
    ///
    /// # Errors
    ///
    /// If the config is not [valid](PollConfig::validate).
    pub fn with_config(lookup: L, runtime: R, config: PollConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self::with_valid_config(lookup, runtime, config))
    }

    pub(crate) fn with_valid_config(lookup: L, runtime: R, config: PollConfig) -> Self {
        Self { lookup, schedule: Schedule::new(config), question: None, timer: DeadlineTimer::new(runtime) }
    }

    #[cfg(feature = "file")]
    pub(crate) fn is_asking(&self) -> bool {
        self.question.is_some()
    }

    /// Polls the question in flight until it has an answer or its timeout is over.
    fn poll_answer(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<AddressUpdate<L::Address>> {
        let mut this = self.project();
        let Some(question) = this.question.as_mut().as_pin_mut() else { return Poll::Pending };
        if let Poll::Ready(result) = question.poll(cx) {
            this.question.set(None);
            let now = this.timer.now();
            return Poll::Ready(update(this.schedule, result, now));
        }
        ready!(this.timer.as_mut().poll_at(this.schedule.deadline(), cx));
        this.question.set(None);
        this.schedule.on_failure(this.timer.now());
        Poll::Ready(AddressUpdate::failed(LookupTimedOut { timeout: this.schedule.timeout() }))
    }
}

fn update<A>(
    schedule: &mut Schedule,
    result: Result<LookupAnswer<A>, LookupError>,
    now: Instant,
) -> AddressUpdate<A> {
    match result {
        Ok(answer) => {
            schedule.on_answer(answer.valid_for, now);
            AddressUpdate::Addresses(answer.addresses)
        }
        Err(LookupError::NoSuchName { valid_for }) => {
            schedule.on_no_such_name(valid_for, now);
            AddressUpdate::NoSuchName
        }
        Err(LookupError::Failed(error)) => {
            schedule.on_failure(now);
            AddressUpdate::failed(error)
        }
    }
}

impl<L: Lookup, R: Runtime> Stream for Polling<L, R> {
    type Item = AddressUpdate<L::Address>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.as_mut().project();
        if this.question.is_none() {
            ready!(this.timer.as_mut().poll_at(this.schedule.deadline(), cx));
            this.question.set(Some(this.lookup.lookup()));
            this.schedule.on_question(this.timer.now());
        }
        self.poll_answer(cx).map(Some)
    }
}

impl<L: Lookup, R: Runtime> AddressStream for Polling<L, R> {
    type Address = L::Address;

    /// Asks at once, but not within [`PollConfig::interval_min`] of the last question. A question that is
    /// in flight is not repeated.
    fn refresh(self: Pin<&mut Self>) {
        let this = self.project();
        this.schedule.refresh(this.timer.now());
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

/// The name service had no answer within [`PollConfig::timeout`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LookupTimedOut {
    /// How long it had.
    pub timeout: Duration,
}

impl fmt::Display for LookupTimedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the name service did not answer within {:?}", self.timeout)
    }
}

impl Error for LookupTimedOut {}
