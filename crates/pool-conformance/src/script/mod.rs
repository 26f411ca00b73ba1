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

pub(crate) use crate::world::{Call, Dial, Parting};
pub(crate) use step::{
    CallWay, CheckStep, Goal, HarnessStep, ServerStep, Step, StreamStep, UserStep, WaitStep,
};

/// A scenario's settings and steps, in order. Addresses are numbers, and so are items.
///
/// A step that expects something waits for it. It ends as soon as that is seen, and fails when it can't
/// be seen any more. A step that finds nothing to act on fails too.
///
/// Expect an exact value only of something that stays until a later step changes it. Dials, failures and
/// drains with a deadline go on by themselves: expect a minimum of them, a count of all so far, or set
/// a delay that no scenario waits out.
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
    pub(crate) kind: PoolKind,
    pub(crate) settings: Vec<Setting>,
    pub(crate) steps: Vec<Step>,
}

/// What the pool of a script is made for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum PoolKind {
    /// Items, over connections that report outcomes.
    #[default]
    Items,
    /// Items, over sinks that are nothing else.
    PlainSinks,
    /// Calls.
    Calls,
}

impl Script {
    /// A pool with the default settings, except that a dial, a drain and a shutdown may take an hour, that a connection
    /// is stable after an hour, and that each item is a turn. There are no addresses yet. Servers accept dials at all
    /// of them.
    pub fn new() -> Self {
        Self::default()
    }

    /// A pool over sinks that tell nothing, as `sink_pool_for` makes it. Otherwise as [`new`](Self::new).
    pub fn of_plain_sinks() -> Self {
        Self { kind: PoolKind::PlainSinks, ..Self::default() }
    }

    /// A pool of calls, as `call_pool_for` makes it. A request is a number, and its reply is the same number. Servers
    /// reply to an item when it is [finished](Self::finish), and refuse it when it is [given
    /// back](Self::give_back). Otherwise as [`new`](Self::new).
    pub fn of_calls() -> Self {
        Self { kind: PoolKind::Calls, ..Self::default() }
    }

    /// Sets a setting of the pool.
    pub fn with(mut self, setting: Setting) -> Self {
        self.settings.push(setting);
        self
    }

    /// Whether a step expects that the pool can't be built.
    pub(crate) fn expects_build_error(&self) -> bool {
        let is_expected = |step: &Step| match step {
            Step::Check(CheckStep::Expect(Observation::BuildError, error)) => *error != Value::from(""),
            _ => false,
        };
        self.steps.iter().any(is_expected)
    }

    fn step(mut self, step: impl Into<Step>) -> Self {
        self.steps.push(step.into());
        self
    }

    /// From now on the server answers dials like this, including dials that hang.
    pub fn serve(self, address: u16, dial: Dial) -> Self {
        self.step(ServerStep::Serve(address, dial))
    }

    /// From now on the server's connections behave like this, including those that are open.
    pub fn behave(self, address: u16, conduct: Conduct) -> Self {
        self.step(ServerStep::Behave(address, conduct))
    }

    /// The server's connections take no item, and don't flush those that they took.
    pub fn stall(self, address: u16) -> Self {
        self.behave(address, Conduct::Stalled)
    }

    /// The server's connections behave well again.
    pub fn resume(self, address: u16) -> Self {
        self.behave(address, Conduct::Well)
    }

    /// The name service names all addresses.
    pub fn set_addresses<E: IntoEndpoint>(self, addresses: impl IntoIterator<Item = E>) -> Self {
        self.step(StreamStep::SetAddresses(addresses.into_iter().map(E::into_endpoint).collect()))
    }

    /// The name service says that there are no addresses.
    pub fn set_no_addresses(self) -> Self {
        self.step(StreamStep::SetAddresses(Vec::new()))
    }

    /// The name service fails with this error.
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

    /// The name service hands out, all at once, the answers that it kept back.
    pub fn release_names(self) -> Self {
        self.step(StreamStep::ReleaseNames)
    }

    /// The pool gets other settings: these and the defaults of a scenario, in place of all that it has.
    /// Settings that can't change while a pool runs stay as they are.
    pub fn change_settings(self, settings: impl IntoIterator<Item = Setting>) -> Self {
        self.step(StreamStep::ChangeConfig(settings.into_iter().collect()))
    }

    /// The stream of settings ends.
    pub fn end_settings(self) -> Self {
        self.step(StreamStep::EndConfig)
    }

    /// The stream of settings panics.
    pub fn panic_settings(self) -> Self {
        self.step(StreamStep::PanicConfig)
    }

    /// From now on the stream of settings keeps changes back.
    pub fn hold_settings(self) -> Self {
        self.step(StreamStep::HoldSettings)
    }

    /// The stream of settings hands out, all at once, the changes that it kept back.
    pub fn release_settings(self) -> Self {
        self.step(StreamStep::ReleaseSettings)
    }

    /// The server dies: it refuses dials, and its connections break. There must be one.
    pub fn kill(self, address: u16) -> Self {
        self.step(ServerStep::Kill(address))
    }

    /// The server's connections break. New ones can be made.
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

    /// The server's connections get a part of a reply.
    pub fn make_progress(self, address: u16) -> Self {
        self.step(ServerStep::MakeProgress(address))
    }

    /// So many items of each of the server's connections are waited for by nobody any more, and the connection doesn't
    /// know yet whether the server is rid of them.
    pub fn abandon(self, address: u16, items: usize) -> Self {
        self.step(ServerStep::Abandon(address, items))
    }

    /// The oldest items of each connection, this many, have this outcome.
    pub fn finish(self, address: u16, items: usize, outcome: Outcome) -> Self {
        self.step(ServerStep::Finish(address, items, outcome))
    }

    /// The replies to the oldest items of each connection begin to come, so many of those that were not answered yet.
    pub fn begin_replies(self, address: u16, items: usize) -> Self {
        self.step(ServerStep::BeginReplies(address, items))
    }

    /// The server's connections give back all items that they took and have not finished.
    pub fn give_back(self, address: u16) -> Self {
        self.step(ServerStep::GiveBack(address))
    }

    /// The wakers of all dials and connections to the address that are over wake once more.
    pub fn wake_stale_wakers(self, address: u16) -> Self {
        self.step(ServerStep::WakeStaleWakers(address))
    }

    /// Sends items, one after the other. Waits for permits.
    pub fn send(self, items: impl IntoIterator<Item = u32>) -> Self {
        self.step(WaitStep::Send(items.into_iter().collect()))
    }

    /// Sends this many items whose numbers don't matter. Waits for permits.
    pub fn send_some(self, items: usize) -> Self {
        self.step(WaitStep::SendSome(items))
    }

    /// Sends an item if there is a permit.
    pub fn try_send(self, item: u32) -> Self {
        self.step(UserStep::TrySend(item))
    }

    /// Starts a sender, which waits for a permit on a task of its own.
    pub fn start_send(self, item: u32) -> Self {
        self.step(UserStep::StartSend(item))
    }

    /// The sender of this item, or the caller with this number, is cancelled. It must be waiting.
    pub fn cancel(self, item: u32) -> Self {
        self.step(UserStep::Cancel(item))
    }

    /// The sender of this item is cancelled, if it is still sending.
    pub fn try_to_cancel(self, item: u32) -> Self {
        self.step(UserStep::TryToCancel(item))
    }

    /// This item is unwanted from now on, and the pool is told.
    pub fn disown(self, item: u32) -> Self {
        self.step(UserStep::Disown(item))
    }

    /// Reserves a permit with another handle, as a sink.
    pub fn reserve(self) -> Self {
        self.step(WaitStep::Reserve)
    }

    /// Sends an item with the reserved permit.
    pub fn send_reserved(self, item: u32) -> Self {
        self.step(UserStep::SendReserved(item))
    }

    /// Drops the handle that has the reserved permit.
    pub fn release_reserved(self) -> Self {
        self.step(UserStep::ReleaseReserved)
    }

    /// A user calls `ready()` on a task of its own.
    pub fn ask_ready(self) -> Self {
        self.step(UserStep::AskReady)
    }

    /// A user waits for so many connections, for this long, on a task of its own.
    pub fn wait_for_connections(self, connections: usize, timeout: Duration) -> Self {
        self.step(UserStep::WaitFor(Goal::Connections(connections), timeout))
    }

    /// A user waits for a connection to the address, for this long, on a task of its own.
    pub fn wait_for_address(self, address: u16, timeout: Duration) -> Self {
        self.step(UserStep::WaitFor(Goal::Address(address), timeout))
    }

    /// A user waits for the end of the pool on a task of its own.
    pub fn wait_for_end(self) -> Self {
        self.step(UserStep::WaitForEnd)
    }

    /// A user calls `retry_now` for the address.
    pub fn retry_now(self, address: u16) -> Self {
        self.step(UserStep::RetryNow(address))
    }

    /// A user gives the pool other settings by its handle: these and the defaults of a scenario, in place of all that
    /// it has.
    pub fn reconfigure(self, settings: impl IntoIterator<Item = Setting>) -> Self {
        self.step(UserStep::Reconfigure(settings.into_iter().collect()))
    }

    /// A user sleeps by the pool's timer, on a task of its own.
    pub fn start_sleep(self, number: u32, duration: Duration) -> Self {
        self.start_sleeps([number], duration)
    }

    /// Users sleep by the pool's timer, all on one task.
    pub fn start_sleeps(self, numbers: impl IntoIterator<Item = u32>, duration: Duration) -> Self {
        self.step(UserStep::StartSleep(numbers.into_iter().collect(), duration))
    }

    /// The user with this number sleeps no more.
    pub fn stop_sleep(self, number: u32) -> Self {
        self.step(UserStep::StopSleep(number))
    }

    /// A user calls with this number, on a task of its own.
    pub fn call(self, number: u32) -> Self {
        self.step(UserStep::Call(number, CallWay::Plainly))
    }

    /// A user calls with this number, and the call has this long.
    pub fn call_within(self, number: u32, timeout: Duration) -> Self {
        self.step(UserStep::Call(number, CallWay::Within(timeout)))
    }

    /// A user calls with this number, and it does no harm to execute it twice.
    pub fn call_idempotently(self, number: u32) -> Self {
        self.step(UserStep::Call(number, CallWay::Idempotently))
    }

    /// A user begins a call that has this long, and doesn't look at it again.
    pub fn neglect_call(self, number: u32, timeout: Duration) -> Self {
        self.step(UserStep::NeglectCall(number, timeout))
    }

    /// A user shuts the pool down with this timeout.
    pub fn shutdown(self, timeout: Duration) -> Self {
        self.step(UserStep::Shutdown(timeout))
    }

    /// The script drops its handles. It can't send any more.
    pub fn drop_handles(self) -> Self {
        self.step(UserStep::DropHandles)
    }

    /// The script keeps a weak handle, which is none.
    pub fn keep_weak_handle(self) -> Self {
        self.step(UserStep::KeepWeakHandle)
    }

    /// The script has the handle that its weak one gives, if it gives one, in place of the one it has.
    pub fn upgrade(self) -> Self {
        self.step(UserStep::Upgrade)
    }

    /// From now on nobody polls the driver or looks at its sockets, as if another task kept its thread.
    pub fn hold_driver(self) -> Self {
        self.step(HarnessStep::HoldDriver)
    }

    /// The driver is polled again, and after that its sockets are looked at.
    pub fn release_driver(self) -> Self {
        self.step(HarnessStep::ReleaseDriver)
    }

    /// The driver is dropped, also in the middle of its work.
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

    /// Lets time pass, this much or more.
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

    /// Sets a timer of the runtime itself, the same one each time, to this much time from now.
    pub fn set_timer(self, duration: Duration) -> Self {
        self.step(HarnessStep::SetTimer(duration))
    }

    /// Plays these steps this many times.
    pub fn repeat(self, times: usize, steps: impl FnOnce(Self) -> Self) -> Self {
        self.step(Step::Repeat(times, steps(Self::new()).steps))
    }

    /// Adds these steps for each of the addresses.
    pub fn for_each(
        self,
        addresses: impl IntoIterator<Item = u16>,
        steps: impl FnMut(Self, u16) -> Self,
    ) -> Self {
        addresses.into_iter().fold(self, steps)
    }

    /// Expects this value. It must be a value that stays: where time is real, the script may look late.
    pub fn expect(self, observation: Observation, value: impl Into<Value>) -> Self {
        self.step(CheckStep::Expect(observation, value.into()))
    }

    /// Expects this number or more.
    pub fn expect_at_least(self, observation: Observation, min: u64) -> Self {
        self.step(CheckStep::ExpectAtLeast(observation, min))
    }

    /// Expects a number from `min` to `max`. A time may be longer than `max` where time is real.
    pub fn expect_between(self, observation: Observation, min: u64, max: u64) -> Self {
        self.step(CheckStep::ExpectBetween(observation, min, max))
    }

    /// Expects this value within the time limit. Where time is real, it may take longer.
    pub fn expect_within(self, limit: Duration, observation: Observation, value: impl Into<Value>) -> Self {
        self.step(CheckStep::ExpectWithin(limit, observation, value.into()))
    }

    /// Expects this value, and that it is seen after every poll of the driver for this much time.
    pub fn expect_to_stay(self, time: Duration, observation: Observation, value: impl Into<Value>) -> Self {
        self.step(CheckStep::ExpectToStay(time, observation, value.into()))
    }

    /// From now on expects no more than this number after any poll of the driver.
    pub fn never_above(self, observation: Observation, max: u64) -> Self {
        self.step(CheckStep::NeverAbove(observation, max))
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind != PoolKind::Items {
            writeln!(f, "      a pool of {:?}", self.kind)?;
        }
        self.settings.iter().try_for_each(|setting| writeln!(f, "      with {setting:?}"))?;
        let mut steps = self.steps.iter().enumerate();
        steps.try_for_each(|(index, step)| writeln!(f, "  {:>3} {step:?}", index + 1))
    }
}
