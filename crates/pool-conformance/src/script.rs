//! The vocabulary of scenarios: what can be done to a pool, and what can be expected of it.

use std::fmt;
use std::time::Duration;

use pool_driver::{Backoff, Balance, Endpoint, OnAddressesEnd, Outcome, PoolBuilder, PoolConfig};

use crate::observation::{Observation, Value};
use crate::world::{Behaviour, Call, Dial, Fault};

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

/// A setting of the scenario's pool.
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
    /// `backoff`, with this base and cap, and no other change.
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
}

const AN_HOUR: Duration = Duration::from_secs(3600);

impl Setting {
    /// Timeouts that no scenario runs into unless it sets them.
    fn far_away() -> [Self; 4] {
        [
            Self::DialTimeout(AN_HOUR),
            Self::StableAfter(AN_HOUR),
            Self::DrainTimeout(AN_HOUR),
            Self::ShutdownTimeout(AN_HOUR),
        ]
    }

    pub(crate) fn apply_all<C, R, S, U, O, B: Balance>(
        builder: PoolBuilder<C, R, S, U, O, B>,
        settings: &[Self],
    ) -> PoolBuilder<C, R, S, U, O, B> {
        Self::far_away().iter().chain(settings).fold(builder, Self::apply)
    }

    /// What a builder would make of them.
    pub(crate) fn settings(settings: &[Self]) -> PoolConfig {
        Self::apply_all(PoolBuilder::new((), ()), settings).settings()
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
            Self::OutcomeTimeout(timeout) => builder.outcome_timeout(timeout),
            Self::RefreshIntervalMin(interval) => builder.refresh_interval_min(interval),
            Self::AddressesMax(addresses) => builder.addresses_max(addresses),
            Self::ItemsPerTurn(items) => builder.items_per_turn(items),
            Self::KeepAddresses => builder.on_addresses_end(OnAddressesEnd::Keep),
        }
    }
}

/// How the connections of a server behave from now on, those that are open too.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Conduct {
    /// As they should.
    Well,
    /// They take no items, and don't flush.
    Stalled,
    /// They take so many items, and more only when they have been flushed.
    Window(usize),
    /// A flush takes so long.
    FlushesAfter(Duration),
    /// A flush never ends.
    NeverFlushes,
    /// A close never ends.
    NeverCloses,
    /// They ask to be polled whenever they are.
    WakesItself,
    /// They hold on to items until the script finishes them.
    KeepsItems,
    /// When they break they give back what they have not flushed.
    ReturnsUnflushed,
    /// This call returns an error.
    Fails(Call),
    /// This call returns an error, and the item of a failed `start_send` is given back.
    FailsAndReturns(Call),
    /// This call panics.
    Panics(Call),
}

impl Conduct {
    pub(crate) fn change(self, behaviour: &mut Behaviour) {
        match self {
            Self::Well => *behaviour = Behaviour::default(),
            Self::Stalled => (behaviour.is_ready, behaviour.flushes) = (false, false),
            Self::Window(window) => behaviour.window = window,
            Self::FlushesAfter(delay) => behaviour.flush_delay = delay,
            Self::NeverFlushes => behaviour.flushes = false,
            Self::NeverCloses => behaviour.closes = false,
            Self::WakesItself => behaviour.wakes_itself = true,
            Self::KeepsItems => behaviour.keeps_items = true,
            Self::ReturnsUnflushed => behaviour.returns_unflushed = true,
            Self::Fails(call) => behaviour.fault = Some((call, Fault::Error)),
            Self::FailsAndReturns(call) => {
                behaviour.fault = Some((call, Fault::Error));
                behaviour.returns_refused = true;
            }
            Self::Panics(call) => behaviour.fault = Some((call, Fault::Panic)),
        }
    }
}

/// One step of a script.
#[derive(Clone)]
pub(crate) enum Step {
    Outside(Outside),
    Use(Use),
    Wait(Wait),
    Check(Check),
    Repeat(usize, Vec<Self>),
}

/// What servers, the name service and whatever else is not the pool do.
#[derive(Clone, Debug)]
pub(crate) enum Outside {
    Serve(u16, Dial),
    Behave(u16, Conduct),
    SetAddresses(Vec<Endpoint<u16>>),
    FailNames(&'static str),
    DelayNames,
    LoseName,
    EndNames,
    PanicNames,
    HoldNames,
    ReleaseNames,
    ChangeSettings(Vec<Setting>),
    EndSettings,
    PanicSettings,
    HoldSettings,
    ReleaseSettings,

    Kill(u16),
    BreakConnections(u16),
    HangUp(u16),
    GoAway(u16),
    Finish(u16, usize, Outcome),
    GiveBack(u16),
    WakeFormerTenants(u16),

    DropDriver,
    PanicObserver,
    PanicBalancer,
    PanicUndelivered,

    MarkPolls,
    MarkCalls,
    MarkTime,
    SetTimer(Duration),
}

/// What those do who have a handle, or had one.
#[derive(Clone, Debug)]
pub(crate) enum Use {
    TrySend(u32),
    StartSend(u32),
    Cancel(u32),
    TryToCancel(u32),
    Disown(u32),
    SendReserved(u32),
    ReleaseReserved,

    AskReady,
    WaitForEnd,
    RetryNow(u16),
    Shutdown(Duration),
    DropHandles,
}

/// What takes its time.
#[derive(Clone, Debug)]
pub(crate) enum Wait {
    Send(Vec<u32>),
    SendSome(usize),
    Reserve,
    Advance(Duration),
}

/// What is expected.
#[derive(Clone, Debug)]
pub(crate) enum Check {
    Expect(Observation, Value),
    ExpectAtLeast(Observation, u64),
    ExpectBetween(Observation, u64, u64),
    ExpectWithin(Duration, Observation, Value),
    ExpectToStay(Duration, Observation, Value),
    NeverAbove(Observation, u64),
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outside(step) => step.fmt(f),
            Self::Use(step) => step.fmt(f),
            Self::Wait(step) => step.fmt(f),
            Self::Check(step) => step.fmt(f),
            Self::Repeat(times, steps) => f.debug_tuple("Repeat").field(times).field(steps).finish(),
        }
    }
}

macro_rules! steps {
    ($($kind:ident)*) => {
        $(impl From<$kind> for Step {
            fn from(step: $kind) -> Self {
                Self::$kind(step)
            }
        })*
    };
}

steps!(Outside Use Wait Check);

/// A list of addresses, or of endpoints.
pub trait IntoEndpoint {
    /// An endpoint, of weight 1 and priority 0 if nothing else is said.
    fn into_endpoint(self) -> Endpoint<u16>;
}

impl IntoEndpoint for u16 {
    fn into_endpoint(self) -> Endpoint<u16> {
        Endpoint::new(self)
    }
}

impl IntoEndpoint for Endpoint<u16> {
    fn into_endpoint(self) -> Endpoint<u16> {
        self
    }
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
        self.step(Outside::Serve(address, dial))
    }

    /// From now on the server's connections behave like this, too.
    pub fn behave(self, address: u16, conduct: Conduct) -> Self {
        self.step(Outside::Behave(address, conduct))
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
        self.step(Outside::SetAddresses(addresses.into_iter().map(E::into_endpoint).collect()))
    }

    /// The name service's answer: there are no addresses.
    pub fn set_no_addresses(self) -> Self {
        self.step(Outside::SetAddresses(Vec::new()))
    }

    /// The name service has no answer, and says why.
    pub fn fail_names(self, error: &'static str) -> Self {
        self.step(Outside::FailNames(error))
    }

    /// The name service has no answer yet.
    pub fn delay_names(self) -> Self {
        self.step(Outside::DelayNames)
    }

    /// The name service says that there is no such name.
    pub fn lose_name(self) -> Self {
        self.step(Outside::LoseName)
    }

    /// The address stream ends.
    pub fn end_names(self) -> Self {
        self.step(Outside::EndNames)
    }

    /// The address stream panics.
    pub fn panic_names(self) -> Self {
        self.step(Outside::PanicNames)
    }

    /// From now on the name service keeps its answers back.
    pub fn hold_names(self) -> Self {
        self.step(Outside::HoldNames)
    }

    /// The answers that the name service kept back come, all at once.
    pub fn release_names(self) -> Self {
        self.step(Outside::ReleaseNames)
    }

    /// The pool is sent other settings: these, in place of all that it has. What can't be changed is
    /// not.
    pub fn change_settings(self, settings: impl IntoIterator<Item = Setting>) -> Self {
        self.step(Outside::ChangeSettings(settings.into_iter().collect()))
    }

    /// The stream of settings ends.
    pub fn end_settings(self) -> Self {
        self.step(Outside::EndSettings)
    }

    /// The stream of settings panics.
    pub fn panic_settings(self) -> Self {
        self.step(Outside::PanicSettings)
    }

    /// From now on changes of the settings are kept back.
    pub fn hold_settings(self) -> Self {
        self.step(Outside::HoldSettings)
    }

    /// The changes that were kept back come, all at once.
    pub fn release_settings(self) -> Self {
        self.step(Outside::ReleaseSettings)
    }

    /// The server dies: all its connections break, and it refuses dials. It must have some.
    pub fn kill(self, address: u16) -> Self {
        self.step(Outside::Kill(address))
    }

    /// All connections to the server break; new ones can be made.
    pub fn break_connections(self, address: u16) -> Self {
        self.step(Outside::BreakConnections(address))
    }

    /// The server closes its connections in good order.
    pub fn hang_up(self, address: u16) -> Self {
        self.step(Outside::HangUp(address))
    }

    /// The server asks for no more items on its connections.
    pub fn go_away(self, address: u16) -> Self {
        self.step(Outside::GoAway(address))
    }

    /// The oldest so many items of each connection are done.
    pub fn finish(self, address: u16, items: usize, outcome: Outcome) -> Self {
        self.step(Outside::Finish(address, items, outcome))
    }

    /// The server's connections give back all that they took and have not finished.
    pub fn give_back(self, address: u16) -> Self {
        self.step(Outside::GiveBack(address))
    }

    /// All dials and connections to the address that are over are woken, as late as that.
    pub fn wake_former_tenants(self, address: u16) -> Self {
        self.step(Outside::WakeFormerTenants(address))
    }

    /// Sends items, one after the other; waits for places.
    pub fn send(self, items: impl IntoIterator<Item = u32>) -> Self {
        self.step(Wait::Send(items.into_iter().collect()))
    }

    /// Sends so many items whose numbers don't matter; waits for places.
    pub fn send_some(self, items: usize) -> Self {
        self.step(Wait::SendSome(items))
    }

    /// Sends an item if there is a place.
    pub fn try_send(self, item: u32) -> Self {
        self.step(Use::TrySend(item))
    }

    /// Starts a sender, who waits for a place on a task of its own.
    pub fn start_send(self, item: u32) -> Self {
        self.step(Use::StartSend(item))
    }

    /// The sender of this item gives up.
    pub fn cancel(self, item: u32) -> Self {
        self.step(Use::Cancel(item))
    }

    /// The sender of this item gives up, if it hasn't been told yet.
    pub fn try_to_cancel(self, item: u32) -> Self {
        self.step(Use::TryToCancel(item))
    }

    /// Nobody wants this item any more, and the pool is told.
    pub fn disown(self, item: u32) -> Self {
        self.step(Use::Disown(item))
    }

    /// Reserves a place with another handle, as a sink.
    pub fn reserve(self) -> Self {
        self.step(Wait::Reserve)
    }

    /// Sends an item into the reserved place.
    pub fn send_reserved(self, item: u32) -> Self {
        self.step(Use::SendReserved(item))
    }

    /// Drops the handle that has reserved a place.
    pub fn release_reserved(self) -> Self {
        self.step(Use::ReleaseReserved)
    }

    /// Somebody asks the pool whether it is ready, and waits for the answer.
    pub fn ask_ready(self) -> Self {
        self.step(Use::AskReady)
    }

    /// Somebody waits for the end of the pool.
    pub fn wait_for_end(self) -> Self {
        self.step(Use::WaitForEnd)
    }

    /// Somebody knows that the address is up.
    pub fn retry_now(self, address: u16) -> Self {
        self.step(Use::RetryNow(address))
    }

    /// The pool is told to end.
    pub fn shutdown(self, deadline: Duration) -> Self {
        self.step(Use::Shutdown(deadline))
    }

    /// The script drops its handle. It can't send any more.
    pub fn drop_handles(self) -> Self {
        self.step(Use::DropHandles)
    }

    /// The driver is dropped, wherever it is.
    pub fn drop_driver(self) -> Self {
        self.step(Outside::DropDriver)
    }

    /// From now on the observer panics.
    pub fn panic_observer(self) -> Self {
        self.step(Outside::PanicObserver)
    }

    /// From now on the balancer panics.
    pub fn panic_balancer(self) -> Self {
        self.step(Outside::PanicBalancer)
    }

    /// From now on the handler of undelivered items panics.
    pub fn panic_undelivered(self) -> Self {
        self.step(Outside::PanicUndelivered)
    }

    /// Lets time pass; at least so much.
    pub fn advance(self, duration: Duration) -> Self {
        self.step(Wait::Advance(duration))
    }

    /// [`PollsSinceMark`](Observation::PollsSinceMark) is zero now.
    pub fn mark_polls(self) -> Self {
        self.step(Outside::MarkPolls)
    }

    /// [`CallsSinceMark`](Observation::CallsSinceMark) is zero now.
    pub fn mark_calls(self) -> Self {
        self.step(Outside::MarkCalls)
    }

    /// [`SinceMarkMillis`](Observation::SinceMarkMillis) counts from now.
    pub fn mark_time(self) -> Self {
        self.step(Outside::MarkTime)
    }

    /// Sets a timer of the runtime itself, the same one each time, to so much time from now.
    pub fn set_timer(self, duration: Duration) -> Self {
        self.step(Outside::SetTimer(duration))
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
        self.step(Check::Expect(observation, value.into()))
    }

    /// So much or more comes to be seen.
    pub fn expect_at_least(self, observation: Observation, min: u64) -> Self {
        self.step(Check::ExpectAtLeast(observation, min))
    }

    /// A number from `min` to `max` comes to be seen. Where time is real and the number is a
    /// time, it may be more.
    pub fn expect_between(self, observation: Observation, min: u64, max: u64) -> Self {
        self.step(Check::ExpectBetween(observation, min, max))
    }

    /// This comes to be seen in so much time. Where time is real it may take longer.
    pub fn expect_within(self, limit: Duration, observation: Observation, value: impl Into<Value>) -> Self {
        self.step(Check::ExpectWithin(limit, observation, value.into()))
    }

    /// This comes to be seen, and is seen after every poll of the driver for so much time.
    pub fn expect_to_stay(self, time: Duration, observation: Observation, value: impl Into<Value>) -> Self {
        self.step(Check::ExpectToStay(time, observation, value.into()))
    }

    /// From now on no more than this number is seen after any poll of the driver.
    pub fn never_above(self, observation: Observation, max: u64) -> Self {
        self.step(Check::NeverAbove(observation, max))
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.iter().try_for_each(|setting| writeln!(f, "      with {setting:?}"))?;
        let mut steps = self.steps.iter().enumerate();
        steps.try_for_each(|(index, step)| writeln!(f, "  {:>3} {step:?}", index + 1))
    }
}
