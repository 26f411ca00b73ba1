//! The vocabulary of scenarios: what can be done to a pool, and what can be expected of it.
//!
//! [`Script`] is the builder, with a method for each step. The words that its methods take are the other
//! files of this folder.

mod conduct;
mod endpoint;
mod observation;
mod setting;
mod step;
mod value;

use std::fmt;
use std::time::Duration;

use pool_driver::Outcome;

pub use conduct::Conduct;
pub use endpoint::IntoEndpoint;
pub use observation::Observation;
pub use setting::Setting;
pub use value::Value;

pub(crate) use crate::world::{Call, Dial};
pub(crate) use step::{CheckStep, HarnessStep, ServerStep, Step, StreamStep, UserStep, WaitStep};

/// A scenario's settings and steps, in order. Addresses are numbers, and so are items.
///
/// What is expected is waited for: a step that expects something is done as soon as it is so, and
/// fails when it can no longer come to be. A step that finds nothing to act on fails, too.
///
/// An exact value is expected only of what stays as it is, until a later step changes it. What
/// moves on by itself (dials, failures, a drain with a deadline) is expected as a minimum, as a
/// sum of all that ever was, or behind a delay that no scenario waits out.
///
/// ```
/// use pool_conformance::{Dial, Observation::*, Script};
///
/// let script = Script::new()
///     .serve(1, Dial::AcceptThenDie)
///     .set_addresses([1, 2])
///     .send(0..10)
///     .expect(Received(2), 10)
///     .expect_at_least(BackOffs(1), 3);
/// println!("{script}");
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "a script does nothing unless it is played"]
pub struct Script {
    pub(crate) settings: Vec<Setting>,
    pub(crate) steps: Vec<Step>,
}

impl Script {
    /// A pool with the default settings, but for timeouts: a dial, a drain and a shutdown may take
    /// an hour, and a connection is stable after an hour. There are no addresses yet; servers
    /// accept at all of them.
    pub fn new() -> Self {
        Self::default()
    }

    /// A setting of the pool.
    pub fn with(mut self, setting: Setting) -> Self {
        self.settings.push(setting);
        self
    }

    fn step(mut self, step: impl Into<Step>) -> Self {
        self.steps.push(step.into());
        self
    }

    /// From now on the server answers dials like this, also those that hang.
    pub fn serve(self, address: u16, dial: Dial) -> Self {
        self.step(ServerStep::Serve(address, dial))
    }

    /// From now on the server's connections behave like this, too.
    pub fn behave(self, address: u16, conduct: Conduct) -> Self {
        self.step(ServerStep::Behave(address, conduct))
    }

    /// The server's connections take nothing, and nothing that they took goes out.
    pub fn stall(self, address: u16) -> Self {
        self.behave(address, Conduct::Stalled)
    }

    /// The server's connections behave well again.
    pub fn resume(self, address: u16) -> Self {
        self.behave(address, Conduct::Well)
    }

    /// The name service's answer: all addresses there are.
    pub fn set_addresses<E: IntoEndpoint>(self, addresses: impl IntoIterator<Item = E>) -> Self {
        self.step(StreamStep::SetAddresses(addresses.into_iter().map(E::into_endpoint).collect()))
    }

    /// The name service's answer: there are no addresses.
    pub fn set_no_addresses(self) -> Self {
        self.step(StreamStep::SetAddresses(Vec::new()))
    }

    /// The name service has no answer, and says why.
    pub fn fail_names(self, error: &'static str) -> Self {
        self.step(StreamStep::FailNames(error))
    }

    /// The name service has no answer yet.
    pub fn delay_names(self) -> Self {
        self.step(StreamStep::DelayNames)
    }

    /// The name service says that there is no such name.
    pub fn lose_name(self) -> Self {
        self.step(StreamStep::LoseName)
    }

    /// The address stream ends.
    pub fn end_names(self) -> Self {
        self.step(StreamStep::EndNames)
    }

    /// The address stream panics.
    pub fn panic_names(self) -> Self {
        self.step(StreamStep::PanicNames)
    }

    /// From now on the name service keeps its answers back.
    pub fn hold_names(self) -> Self {
        self.step(StreamStep::HoldNames)
    }

    /// The answers that the name service kept back come, all at once.
    pub fn release_names(self) -> Self {
        self.step(StreamStep::ReleaseNames)
    }

    /// The pool is sent other settings: these, in place of all that it has. What can't be changed is
    /// not.
    pub fn change_settings(self, settings: impl IntoIterator<Item = Setting>) -> Self {
        self.step(StreamStep::ChangeSettings(settings.into_iter().collect()))
    }

    /// The stream of settings ends.
    pub fn end_settings(self) -> Self {
        self.step(StreamStep::EndSettings)
    }

    /// The stream of settings panics.
    pub fn panic_settings(self) -> Self {
        self.step(StreamStep::PanicSettings)
    }

    /// From now on changes of the settings are kept back.
    pub fn hold_settings(self) -> Self {
        self.step(StreamStep::HoldSettings)
    }

    /// The changes that were kept back come, all at once.
    pub fn release_settings(self) -> Self {
        self.step(StreamStep::ReleaseSettings)
    }

    /// The server dies: all its connections break, and it refuses dials. It must have some.
    pub fn kill(self, address: u16) -> Self {
        self.step(ServerStep::Kill(address))
    }

    /// All connections to the server break; new ones can be made.
    pub fn break_connections(self, address: u16) -> Self {
        self.step(ServerStep::BreakConnections(address))
    }

    /// The server closes its connections in good order.
    pub fn hang_up(self, address: u16) -> Self {
        self.step(ServerStep::HangUp(address))
    }

    /// The server asks for no more items on its connections.
    pub fn go_away(self, address: u16) -> Self {
        self.step(ServerStep::GoAway(address))
    }

    /// The oldest so many items of each connection are done.
    pub fn finish(self, address: u16, items: usize, outcome: Outcome) -> Self {
        self.step(ServerStep::Finish(address, items, outcome))
    }

    /// The server's connections give back all that they took and have not finished.
    pub fn give_back(self, address: u16) -> Self {
        self.step(ServerStep::GiveBack(address))
    }

    /// All dials and connections to the address that are over are woken, as late as that.
    pub fn wake_stale_wakers(self, address: u16) -> Self {
        self.step(ServerStep::WakeStaleWakers(address))
    }

    /// Sends items, one after the other; waits for places.
    pub fn send(self, items: impl IntoIterator<Item = u32>) -> Self {
        self.step(WaitStep::Send(items.into_iter().collect()))
    }

    /// Sends so many items whose numbers don't matter; waits for places.
    pub fn send_some(self, items: usize) -> Self {
        self.step(WaitStep::SendSome(items))
    }

    /// Sends an item if there is a place.
    pub fn try_send(self, item: u32) -> Self {
        self.step(UserStep::TrySend(item))
    }

    /// Starts a sender, who waits for a place on a task of its own.
    pub fn start_send(self, item: u32) -> Self {
        self.step(UserStep::StartSend(item))
    }

    /// The sender of this item gives up.
    pub fn cancel(self, item: u32) -> Self {
        self.step(UserStep::Cancel(item))
    }

    /// The sender of this item gives up, if it hasn't been told yet.
    pub fn try_to_cancel(self, item: u32) -> Self {
        self.step(UserStep::TryToCancel(item))
    }

    /// Nobody wants this item any more, and the pool is told.
    pub fn disown(self, item: u32) -> Self {
        self.step(UserStep::Disown(item))
    }

    /// Reserves a place with another handle, as a sink.
    pub fn reserve(self) -> Self {
        self.step(WaitStep::Reserve)
    }

    /// Sends an item into the reserved place.
    pub fn send_reserved(self, item: u32) -> Self {
        self.step(UserStep::SendReserved(item))
    }

    /// Drops the handle that has reserved a place.
    pub fn release_reserved(self) -> Self {
        self.step(UserStep::ReleaseReserved)
    }

    /// Somebody asks the pool whether it is ready, and waits for the answer.
    pub fn ask_ready(self) -> Self {
        self.step(UserStep::AskReady)
    }

    /// Somebody waits for the end of the pool.
    pub fn wait_for_end(self) -> Self {
        self.step(UserStep::WaitForEnd)
    }

    /// Somebody knows that the address is up.
    pub fn retry_now(self, address: u16) -> Self {
        self.step(UserStep::RetryNow(address))
    }

    /// The pool is told to end.
    pub fn shutdown(self, deadline: Duration) -> Self {
        self.step(UserStep::Shutdown(deadline))
    }

    /// The script drops its handle. It can't send any more.
    pub fn drop_handles(self) -> Self {
        self.step(UserStep::DropHandles)
    }

    /// The driver is dropped, wherever it is.
    pub fn drop_driver(self) -> Self {
        self.step(HarnessStep::DropDriver)
    }

    /// From now on the observer panics.
    pub fn panic_observer(self) -> Self {
        self.step(HarnessStep::PanicObserver)
    }

    /// From now on the balancer panics.
    pub fn panic_balancer(self) -> Self {
        self.step(HarnessStep::PanicBalancer)
    }

    /// From now on the handler of undelivered items panics.
    pub fn panic_undelivered(self) -> Self {
        self.step(HarnessStep::PanicUndelivered)
    }

    /// Lets time pass; at least so much.
    pub fn advance(self, duration: Duration) -> Self {
        self.step(WaitStep::Advance(duration))
    }

    /// [`PollsSinceMark`](Observation::PollsSinceMark) is zero now.
    pub fn mark_polls(self) -> Self {
        self.step(HarnessStep::MarkPolls)
    }

    /// [`CallsSinceMark`](Observation::CallsSinceMark) is zero now.
    pub fn mark_calls(self) -> Self {
        self.step(HarnessStep::MarkCalls)
    }

    /// [`SinceMarkMillis`](Observation::SinceMarkMillis) counts from now.
    pub fn mark_time(self) -> Self {
        self.step(HarnessStep::MarkTime)
    }

    /// Sets a timer of the runtime itself, the same one each time, to so much time from now.
    pub fn set_timer(self, duration: Duration) -> Self {
        self.step(HarnessStep::SetTimer(duration))
    }

    /// Goes through these steps so many times.
    pub fn repeat(self, times: usize, steps: impl FnOnce(Self) -> Self) -> Self {
        self.step(Step::Repeat(times, steps(Self::new()).steps))
    }

    /// Takes these steps for each of the addresses.
    pub fn for_each(
        self,
        addresses: impl IntoIterator<Item = u16>,
        steps: impl FnMut(Self, u16) -> Self,
    ) -> Self {
        addresses.into_iter().fold(self, steps)
    }

    /// This comes to be seen. It must be something that stays, once it is so: where time is real
    /// a value that moves on may have done so before anybody looks.
    pub fn expect(self, observation: Observation, value: impl Into<Value>) -> Self {
        self.step(CheckStep::Expect(observation, value.into()))
    }

    /// So much or more comes to be seen.
    pub fn expect_at_least(self, observation: Observation, min: u64) -> Self {
        self.step(CheckStep::ExpectAtLeast(observation, min))
    }

    /// A number from `min` to `max` comes to be seen. Where time is real and the number is a
    /// time, it may be more.
    pub fn expect_between(self, observation: Observation, min: u64, max: u64) -> Self {
        self.step(CheckStep::ExpectBetween(observation, min, max))
    }

    /// This comes to be seen in so much time. Where time is real it may take longer.
    pub fn expect_within(self, limit: Duration, observation: Observation, value: impl Into<Value>) -> Self {
        self.step(CheckStep::ExpectWithin(limit, observation, value.into()))
    }

    /// This comes to be seen, and is seen after every poll of the driver for so much time.
    pub fn expect_to_stay(self, time: Duration, observation: Observation, value: impl Into<Value>) -> Self {
        self.step(CheckStep::ExpectToStay(time, observation, value.into()))
    }

    /// From now on no more than this number is seen after any poll of the driver.
    pub fn never_above(self, observation: Observation, max: u64) -> Self {
        self.step(CheckStep::NeverAbove(observation, max))
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.iter().try_for_each(|setting| writeln!(f, "      with {setting:?}"))?;
        let mut steps = self.steps.iter().enumerate();
        steps.try_for_each(|(index, step)| writeln!(f, "  {:>3} {step:?}", index + 1))
    }
}
