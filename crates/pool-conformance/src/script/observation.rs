//! What a script can see of a pool and its world.
//!
//! One subject in one list: a reader who writes a scenario looks here for the word.

/// Something that can be seen from outside of a pool. A `u16` is an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Observation {
    // What servers see.
    /// Dials that were started.
    Dials(u16),
    /// Connections that the pool has not dropped.
    Open(u16),
    /// Items that arrived.
    Received(u16),
    /// The items that arrived, in their order, connection by connection.
    ReceivedItems(u16),
    /// Items that arrived over the n-th connection, counted from 0.
    ReceivedOver(u16, usize),
    /// Items that connections took and have not flushed.
    Unflushed(u16),
    /// Items that the n-th connection, counted from 0, took and has not flushed.
    UnflushedOver(u16, usize),
    /// The failures in the `DialContext` of the latest dial.
    DialContextFailures(u16),
    /// How long the n-th reply was waited for that has begun to come, in milliseconds, by the times that its connection
    /// was told.
    LatencyMillis(u16, usize),
    /// Events of connections that the driver has not read yet.
    UnreadEvents(u16),
    /// Polls of dials to the address and calls into its connections since the mark.
    CallsSinceMark(u16),
    /// The most calls of a connection's `poll_event` that found nothing, in one poll of the driver.
    EmptyEventPollsMax(u16),
    /// 1 if the pool holds the n-th connection, counted from 0; or else 0.
    OpenLink(u16, usize),
    /// Polls of the stream of settings after its end.
    SettingsPollsAfterEnd,
    /// Polls of the address stream after its end.
    NamePollsAfterEnd,
    /// Answers of the name service that the pool has not read yet.
    NamesUnread,
    /// How often the name service was asked to look again.
    NameRefreshes,
    /// Items that were sent without a `poll_ready` just before that returned ready.
    Unasked,
    /// The most answers that were read in one poll of the driver.
    NamesReadAtOnce,
    /// Dials that the pool has not dropped.
    DialsOpen(u16),

    // What the observer was told.
    /// How often the address joined the set.
    Added(u16),
    /// How often it left.
    Removed(u16),
    /// Connections that were ever up.
    Connections(u16),
    /// Connections that are up and don't drain.
    Connected(u16),
    /// The most of them at once.
    ConnectedMax(u16),
    /// The most dials in flight at once, to all addresses.
    DiallingMax,
    /// The most dials in flight at once, to this address.
    DiallingMaxTo(u16),
    /// Connections that drain.
    Draining(u16),
    /// The most of them at once.
    DrainingMax(u16),
    /// Why connections drained.
    DrainReasons(u16),
    /// How dials and connections ended.
    Ends(u16),
    /// How long the n-th drain that is over took, in milliseconds.
    DrainMillis(u16, usize),
    /// From the start of the n-th dial to that of the next, in milliseconds.
    DialGapMillis(u16, usize),
    /// How often the address was put into backoff.
    BackOffs(u16),
    /// The n-th backoff, in milliseconds from the start of the latest dial. If more time has passed
    /// since that dial already, it is that time.
    BackOffMillis(u16, usize),
    /// How often its failures were forgotten.
    Recovered(u16),
    /// How often a connection became a suspect.
    Suspected(u16),
    /// How often a suspect was cleared.
    Cleared(u16),
    /// How often it was told to rest for what its replies said.
    Rests(u16),
    /// How long it was to rest, the n-th time, in milliseconds.
    RestMillis(u16, usize),
    /// How often it returned from a rest.
    Returned(u16),
    /// Items that its connections were sent, of those that ended.
    SentBeforeEnd(u16),
    /// Items that were in flight when their connections ended.
    InFlightAtEnd(u16),
    /// Sets that were refused.
    SetsRefused,
    /// Errors of the name service.
    NameErrors,
    /// How often the name service said that there is no such name.
    NamesLost,
    /// Ends of the address stream.
    NamesEnded,
    /// How often settings were applied to the running pool.
    ConfigApplied,
    /// How often settings for the running pool were refused.
    ConfigRefused,
    /// The latest reason for that.
    SettingsError,
    /// Ends of the stream of settings.
    ConfigEnded,
    /// How often the pool's availability changed.
    AvailabilityChanges,
    /// How often the observer was told of the pool's end.
    EndEvents,
    /// Dials in flight to all addresses.
    Dialling,
    /// Dials in flight to this address.
    DiallingTo(u16),
    /// The most slots at once: dials and connections that don't drain.
    SlotsMax(u16),
    /// The longest of its first n backoffs less the shortest, in milliseconds.
    BackOffSpreadMillis(u16, usize),

    // What the snapshot shows.
    /// The state of the address, in a word.
    AddressState(u16),
    /// Connections that can take an item.
    Ready(u16),
    /// Failures since the address last worked.
    Failures(u16),
    /// Its weight.
    Weight(u16),
    /// Its priority.
    Priority(u16),
    /// Its latest error.
    LastError(u16),
    /// Items that its connections hold or have not reported on.
    InFlight(u16),
    /// Addresses in the snapshot, also of those that left and are remembered.
    KnownAddresses,
    /// The name service's error.
    NamesError,
    /// What the name service said last, in a word, and whether it ever named addresses.
    NamesState,
    /// The pool's availability.
    Availability,
    /// Items in the driver's backlog.
    InBacklog,
    /// Items in the queue and in the driver's backlog, and permits granted.
    PermitsInUse,
    /// The size of the queue, in permits.
    Capacity,
    /// Senders in the wait queue.
    Waiting,
    /// Items that the pool accepted.
    Accepted,

    // What became of items.
    /// Items that connections took and did not give back.
    Sent,
    /// Items that `on_undelivered` got.
    Undelivered,
    /// The items that `on_undelivered` got, in the order of their numbers.
    UndeliveredItems,
    /// The latest reason for that.
    UndeliveredReason,
    /// Items that their senders got back.
    Refused,
    /// The latest reason for that.
    RefusedReason,
    /// Items whose senders were cancelled.
    Withdrawn,
    /// Items that came to more than one end or were dropped more than once.
    Doubled,

    // What users of the pool see.
    /// Senders and callers that have no answer yet.
    Sending,
    /// What the call with this number came to: `reply` and a number, or why there is none.
    Answer(u32),
    /// Calls that got their replies.
    Replies,
    /// Users that wait by the pool's timer.
    Sleeping,
    /// Those that are awake again, in the order in which they were woken.
    Woken,
    /// How many they are.
    WokenCount,
    /// How long the sleeper of this number slept, in milliseconds.
    SleptMillis(u32),
    /// How often somebody was woken who slept no more.
    StrayWakes,
    /// What `ready()` said.
    ReadyAnswer,
    /// How often a weak handle gave a handle.
    Upgrades,
    /// Why the pool did not take other settings from a handle: the field.
    ReconfigureError,
    /// Why the pool could not be built: the field.
    BuildError,
    /// Users that waited for the end of the pool and were told.
    EndsSeen,
    /// Why the pool ended.
    EndReason,
    /// `balanced`, if every item came to one end and the pool counted right.
    Accounts,

    // What the executor does.
    /// Polls of the driver since the mark.
    PollsSinceMark,
    /// Polls of the driver after its end.
    PollsAfterEnd,
    /// Milliseconds from the mark to the time that the driver read last. They stop when it ends.
    SinceMarkMillis,
    /// Scripted panics so far.
    Panics,
    /// How often the clock went back.
    ClockWentBack,
    /// How often the timer that the script set has fired.
    TimerFired,
}

impl Observation {
    /// Whether it is a time that passed, which may be longer than it should where time is real.
    pub(crate) fn is_time(self) -> bool {
        matches!(
            self,
            Self::DrainMillis(..)
                | Self::DialGapMillis(..)
                | Self::BackOffMillis(..)
                | Self::LatencyMillis(..)
                | Self::SleptMillis(..)
                | Self::SinceMarkMillis
        )
    }
}
