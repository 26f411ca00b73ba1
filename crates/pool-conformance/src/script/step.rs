//! The steps of scripts, as data.

use std::fmt;
use std::time::Duration;

use pool_driver::{Endpoint, Outcome};

use super::conduct::Conduct;
use super::observation::Observation;
use super::setting::Setting;
use super::value::Value;
use crate::world::Dial;

/// One step of a script.
#[derive(Clone)]
pub(crate) enum Step {
    Server(ServerStep),
    Stream(StreamStep),
    Harness(HarnessStep),
    User(UserStep),
    Wait(WaitStep),
    Check(CheckStep),
    Repeat(usize, Vec<Self>),
}

/// What servers do.
#[derive(Clone, Debug)]
pub(crate) enum ServerStep {
    Serve(u16, Dial),
    Behave(u16, Conduct),
    Kill(u16),
    BreakConnections(u16),
    HangUp(u16),
    GoAway(u16),
    MakeProgress(u16),
    Abandon(u16, usize),
    Finish(u16, usize, Outcome),
    BeginReplies(u16, usize),
    GiveBack(u16),
    WakeStaleWakers(u16),
}

/// What the name service and the stream of settings do.
#[derive(Clone, Debug)]
pub(crate) enum StreamStep {
    SetAddresses(Vec<Endpoint<u16>>),
    FailNames(&'static str),
    DelayNames,
    LoseName,
    EndNames,
    PanicNames,
    HoldNames,
    ReleaseNames,
    ChangeConfig(Vec<Setting>),
    EndConfig,
    PanicConfig,
    HoldSettings,
    ReleaseSettings,
}

/// What the harness itself does: to the driver and its other user code, to marks and a timer.
#[derive(Clone, Debug)]
pub(crate) enum HarnessStep {
    HoldDriver,
    ReleaseDriver,
    DropDriver,
    PanicObserver,
    PanicBalancer,
    PanicUndelivered,
    MarkPolls,
    MarkCalls,
    MarkTime,
    SetTimer(Duration),
}

/// What the users of the pool do, without waiting for it.
#[derive(Clone, Debug)]
pub(crate) enum UserStep {
    TrySend(u32),
    StartSend(u32),
    Cancel(u32),
    TryToCancel(u32),
    Disown(u32),
    SendReserved(u32),
    ReleaseReserved,

    AskReady,
    WaitFor(Goal, Duration),
    WaitForEnd,
    RetryNow(u16),
    Reconfigure(Vec<Setting>),
    Shutdown(Duration),
    DropHandles,
    KeepWeakHandle,
    Upgrade,

    StartSleep(Vec<u32>, Duration),
    StopSleep(u32),

    Call(u32, CallWay),
    NeglectCall(u32, Duration),
}

/// What a user waits for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Goal {
    /// So many connections.
    Connections(usize),
    /// One to this address.
    Address(u16),
}

/// How a call is made.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CallWay {
    Plainly,
    Within(Duration),
    Idempotently,
}

/// Steps that wait for the pool, or for time to pass.
#[derive(Clone, Debug)]
pub(crate) enum WaitStep {
    Send(Vec<u32>),
    SendSome(usize),
    Reserve,
    Advance(Duration),
}

/// What is expected.
#[derive(Clone, Debug)]
pub(crate) enum CheckStep {
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
            Self::Server(step) => step.fmt(f),
            Self::Stream(step) => step.fmt(f),
            Self::Harness(step) => step.fmt(f),
            Self::User(step) => step.fmt(f),
            Self::Wait(step) => step.fmt(f),
            Self::Check(step) => step.fmt(f),
            Self::Repeat(times, steps) => f.debug_tuple("Repeat").field(times).field(steps).finish(),
        }
    }
}

macro_rules! steps {
    ($($variant:ident($step:ident))*) => {
        $(impl From<$step> for Step {
            fn from(step: $step) -> Self {
                Self::$variant(step)
            }
        })*
    };
}

steps! {
    Server(ServerStep)
    Stream(StreamStep)
    Harness(HarnessStep)
    User(UserStep)
    Wait(WaitStep)
    Check(CheckStep)
}
