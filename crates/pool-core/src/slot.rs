//! The place of one connection, from dial to close.

use core::time::Duration;

use crate::config::Config;
use crate::evidence::{Evidence, Reported};
use crate::instant::Instant;
use crate::links::{Linked, Links};
use crate::outcome::{FailureKind, Outcome};
use crate::reason::SlotEnd;
use crate::slab::{Generational, Slab, SlabKey};

/// Where a slot is in its life, in the order of life.
///
#[doc = include_str!("../docs/slot_states.md")]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the life cycle is the contract; a new state is a breaking change"
)]
pub enum SlotState {
    /// A connection is being made.
    Dialling,
    /// Connected, but can't take an item now. Fresh connections start here.
    Busy,
    /// Connected, and took items when last seen. A hint: ask the connection before sending.
    Ready,
    /// Connected, and silent while it owes outcomes, for as long as
    /// [`suspect_after`](crate::Silence::suspect_after): takes no new item until its peer says something.
    Suspect,
    /// Takes no new item, flushes what it holds, closes.
    Draining,
    /// Abandoned by [`Output::Drop`](crate::Output::Drop), and its owner has not yet reported
    /// [`SlotEvent::Dropped`]. It counts for nothing; what it still tells of its items does.
    Dropping,
}

impl SlotState {
    /// Whether the slot is connected, no suspect and not on its way out.
    #[must_use]
    pub const fn is_connected(self) -> bool {
        matches!(self, Self::Busy | Self::Ready)
    }
}

/// What happened to a slot: told by its owner, who carries out the outputs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum SlotEvent {
    /// The dial succeeded. Say `Ready` or `Busy` next: until then the connection counts as one
    /// that will take an item, and a lazy pool dials no other for it.
    Connected,
    /// An item was sent to the connection: commits its turn and counts in flight. Accepted
    /// from a connection that has become busy or drains meanwhile, too.
    Sent,
    /// The connection can take items.
    Ready,
    /// The connection can't take an item now.
    Busy,
    /// The dial failed, or the connection broke.
    Failed(FailureKind),
    /// The connection is gone in good order: the peer closed it, or a drain is complete.
    Closed,
    /// The peer has said something, if only a part of a reply: it is alive. An answer says so, too; that nobody
    /// wants to know of an item any more does not.
    Progress,
    /// The peer has said that its address can't do what it would be asked to, and no item was sent for that: what a
    /// handshake finds out. The address rests as by [`Outcome::Unfit`](crate::Outcome::Unfit). Changes nothing while
    /// it rests as unfit already.
    Unfit,
    /// The connection asks to be replaced; it still has to flush and close.
    GoingAway,
    /// [`Output::Drop`](crate::Output::Drop) is carried out: the dial or connection is gone, and has told
    /// its last outcomes. Each drop is answered by this, once, whatever else was reported meanwhile.
    Dropped,
}

/// What the machine made of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::exhaustive_enums, reason = "callers should handle all three")]
pub enum Handled {
    /// It counted.
    Applied,
    /// It was for a connection that is gone, and changed nothing.
    Stale,
    /// It can't happen in the state of this slot, and changed nothing: the caller has a bug.
    Invalid,
}

/// What happens to a slot: the events from outside and the machine's own decisions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Input {
    Connected,
    Sent,
    Ready,
    Busy,
    Failed,
    Closed,
    GoingAway,
    Dropped,
    Progress,
    /// The machine suspects that the slot's peer is dead.
    Suspect,
    /// The machine wants the slot to drain.
    Drain,
    /// The machine abandons the slot.
    Drop,
}

impl SlotEvent {
    pub(crate) const fn input(self) -> Input {
        match self {
            Self::Connected => Input::Connected,
            Self::Sent => Input::Sent,
            Self::Ready => Input::Ready,
            Self::Busy => Input::Busy,
            Self::Failed(_) => Input::Failed,
            Self::Closed => Input::Closed,
            Self::GoingAway => Input::GoingAway,
            Self::Progress | Self::Unfit => Input::Progress,
            Self::Dropped => Input::Dropped,
        }
    }
}

/// What an input does to a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Transition {
    To(SlotState),
    /// Legal, but no change of state.
    Stay,
    /// The slot is vacant afterwards.
    End,
    /// Must not happen.
    Invalid,
}

pub(crate) fn transition(state: SlotState, input: Input) -> Transition {
    TRANSITIONS[state as usize][input as usize]
}

/// The life of a slot, a row for each state and a column for each input, in the order of the
/// enums. This is the only place that says what may follow what.
const TRANSITIONS: [[Transition; 12]; 6] = {
    use SlotState::{Busy, Draining, Dropping, Ready, Suspect};
    use Transition::{End, Invalid as No, Stay, To};
    [
        // Connected, Sent, Ready, Busy, Failed, Closed, GoingAway, Dropped, Progress, Suspect, Drain, Drop
        [To(Busy), No, No, No, End, End, No, No, No, No, No, To(Dropping)],
        [
            No,
            Stay,
            To(Ready),
            Stay,
            End,
            End,
            To(Draining),
            No,
            Stay,
            To(Suspect),
            To(Draining),
            To(Dropping),
        ],
        [No, Stay, Stay, To(Busy), End, End, To(Draining), No, Stay, To(Suspect), To(Draining), To(Dropping)],
        [No, Stay, Stay, Stay, End, End, To(Draining), No, To(Busy), No, To(Draining), To(Dropping)],
        [No, Stay, Stay, Stay, End, End, Stay, No, Stay, No, Stay, To(Dropping)],
        [Stay, Stay, Stay, Stay, Stay, Stay, Stay, End, Stay, No, No, No],
    ]
};

/// A slot that is taken.
#[derive(Clone, Debug)]
pub(crate) struct Slot {
    pub(crate) generation: u32,
    pub(crate) address: u32,
    pub(crate) state: SlotState,
    /// It is ready, and its address doesn't rest: nothing is special about the next item.
    pub(crate) takes_turns: bool,
    pub(crate) evidence: Evidence,
    /// Connected, and neither ready nor busy was reported yet.
    pub(crate) fresh: bool,
    /// When the dial started.
    pub(crate) dialled: Instant,
    /// Start of the dial, of the connection, of the drain, or of the drop.
    pub(crate) since: Instant,
    /// Since when it has been silent, if it owes outcomes, or idle, if it doesn't.
    pub(crate) quiet_since: Instant,
    /// When its timer is set; `NEVER` while it isn't.
    pub(crate) deadline: Instant,
    pub(crate) sent: u64,
    /// Sent less outcomes, modulo 2^32: see [`in_flight`](Self::in_flight).
    pub(crate) unreported: u32,
    /// Items in flight whose reply has begun to come; no more than 65,535 are counted.
    answered: u16,
    /// Why it is dropped, in the state `Dropping`.
    pub(crate) dropped: Option<Dropped>,
    /// In one of two rings of its address: of the ready slots in the order of their turns, or of the others.
    pub(crate) links: Links,
}

/// The end that a slot has when its owner reports it dropped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Dropped {
    /// The state it was dropped in.
    pub(crate) from: SlotState,
    pub(crate) end: SlotEnd,
}

impl Dropped {
    /// Whether the drop is held against the address.
    pub(crate) const fn is_failure(self) -> bool {
        matches!(self.end, SlotEnd::Failed(_))
    }
}

impl Slot {
    /// A dial that starts now, to the address with this index.
    pub(crate) fn new(key: SlabKey, address: u32, evidence: Evidence, now: Instant) -> Self {
        Self {
            generation: key.generation,
            address,
            state: SlotState::Dialling,
            takes_turns: false,
            evidence,
            fresh: false,
            dialled: now,
            since: now,
            quiet_since: now,
            deadline: Instant::NEVER,
            sent: 0,
            unreported: 0,
            answered: 0,
            dropped: None,
            links: Links::NONE,
        }
    }

    /// It was sent so many items. Returns whether its timer is now set too late for the shortest silence that counts.
    ///
    /// A new item gives no more time to a connection that owes outcomes already. One that owes none has to report on
    /// this one before long.
    #[inline]
    pub(crate) fn count_sent(
        &mut self,
        items: u32,
        shortest_silence: Option<Duration>,
        now: Instant,
    ) -> bool {
        let is_watched = shortest_silence.is_some() && self.unreported > 0;
        self.sent += u64::from(items);
        self.unreported = self.unreported.wrapping_add(items);
        if is_watched {
            return false;
        }
        self.quiet_since = now;
        self.is_due_sooner(shortest_silence)
    }

    /// The reply to one of its items has begun to come. Returns whether there was one to come.
    #[inline]
    pub(crate) fn count_answered(&mut self, now: Instant) -> bool {
        if self.in_flight() <= self.answered.into() {
            return false;
        }
        self.answered = self.answered.saturating_add(1);
        self.evidence.reported = Reported::Finished;
        self.quiet_since = now;
        true
    }

    /// An item in flight has come to its end. Returns its latency, if that was not told before.
    ///
    /// Which item it is is not known, and need not be: a cancelled one counts as one that was answered, so that
    /// no answer to another is ever refused.
    #[inline]
    pub(crate) fn count_outcome(&mut self, outcome: &Outcome, now: Instant) -> Option<Duration> {
        if self.answered > 0 || matches!(outcome, Outcome::Unsent | Outcome::Cancelled) {
            return self.count_rare_outcome(outcome, now);
        }
        self.quiet_since = now;
        self.unreported = self.unreported.wrapping_sub(1);
        self.evidence.reported = Reported::Finished;
        outcome.latency()
    }

    /// Some that are in flight were answered before, or this one has no answer, and its peer may be as silent as
    /// before.
    #[cold]
    fn count_rare_outcome(&mut self, outcome: &Outcome, now: Instant) -> Option<Duration> {
        let may_be_answered = self.in_flight() > self.answered.into();
        self.unreported = self.unreported.wrapping_sub(1);
        if outcome.is_answer() || self.unreported == 0 {
            self.quiet_since = now;
        }
        if *outcome == Outcome::Unsent {
            self.evidence.reported = self.evidence.reported.max(Reported::Unsent);
            self.answered =
                u16::try_from(self.unreported).map_or(self.answered, |most| self.answered.min(most));
            return None;
        }
        let reported = if *outcome == Outcome::Cancelled { Reported::Cancelled } else { Reported::Finished };
        self.evidence.reported = self.evidence.reported.max(reported);
        let latency = outcome.latency().filter(|_| may_be_answered);
        if latency.is_none() {
            self.answered = self.answered.saturating_sub(1);
        }
        latency
    }

    /// Items it was sent and has not reported on: all of them, if it never reports.
    pub(crate) fn in_flight(&self) -> u32 {
        match self.evidence.reported {
            Reported::Nothing => u32::try_from(self.sent).unwrap_or(u32::MAX),
            Reported::Unsent | Reported::Cancelled | Reported::Finished => self.unreported,
        }
    }

    /// Whether it is known that it will report on items it has. One that only returned items may be of the kind that
    /// tells of no others.
    pub(crate) fn owes_outcomes(&self, config: &Config) -> bool {
        self.reports_outcomes(config) && self.unreported > 0
    }

    fn reports_outcomes(&self, config: &Config) -> bool {
        self.tells_of_items() || config.silence.is_watched()
    }

    /// Whether it has told what became of an item, other than that it came back.
    pub(crate) fn tells_of_items(&self) -> bool {
        self.evidence.reported > Reported::Unsent
    }

    /// A first success, or the begin of one.
    pub(crate) fn mark_success(&mut self) {
        self.evidence.has_succeeded = true;
        self.evidence.owed_at_success = u16::try_from(self.unreported).unwrap_or(u16::MAX);
    }

    /// Whether its timer is set too late for a deadline so long after it went quiet. One that is set
    /// too early does no harm.
    pub(crate) fn is_due_sooner(&self, timeout: Option<Duration>) -> bool {
        timeout.is_some_and(|timeout| self.quiet_since + timeout < self.deadline)
    }
}

impl Generational for Slot {
    fn generation(&self) -> u32 {
        self.generation
    }
}

impl Linked for Slab<Slot> {
    fn links(&mut self, slot: u32) -> &mut Links {
        &mut self[slot].links
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::String;
    use core::fmt::Write as _;

    use super::*;
    use SlotState::{Busy, Dialling, Draining, Dropping, Ready, Suspect};

    const STATES: [SlotState; 6] = [Dialling, Busy, Ready, Suspect, Draining, Dropping];
    const INPUTS: [Input; 12] = [
        Input::Connected,
        Input::Sent,
        Input::Ready,
        Input::Busy,
        Input::Failed,
        Input::Closed,
        Input::GoingAway,
        Input::Dropped,
        Input::Progress,
        Input::Suspect,
        Input::Drain,
        Input::Drop,
    ];

    /// The contract in other words than the table's: what each input may do at all.
    fn expected(state: SlotState, input: Input) -> Transition {
        match (state, input) {
            (Dropping, Input::Dropped) => Transition::End,
            (Dropping, Input::Drain | Input::Drop | Input::Suspect) | (_, Input::Dropped) => {
                Transition::Invalid
            }
            (Dropping, _) => Transition::Stay,
            (_, Input::Drop) => Transition::To(Dropping),
            (_, Input::Failed | Input::Closed) => Transition::End,
            (Dialling, Input::Connected) | (Ready, Input::Busy) | (Suspect, Input::Progress) => {
                Transition::To(Busy)
            }
            (Dialling, _) | (_, Input::Connected) | (Suspect | Draining, Input::Suspect) => {
                Transition::Invalid
            }
            (Draining, _) | (_, Input::Sent | Input::Progress) => Transition::Stay,
            (_, Input::GoingAway | Input::Drain) => Transition::To(Draining),
            (Busy, Input::Ready) => Transition::To(Ready),
            (Busy | Ready, Input::Suspect) => Transition::To(Suspect),
            (Busy | Ready | Suspect, Input::Ready | Input::Busy) => Transition::Stay,
        }
    }

    #[test]
    fn every_cell_of_the_transition_table_is_as_the_contract_says() {
        for (row, state) in STATES.into_iter().enumerate() {
            assert_eq!(state as usize, row);
            for (column, input) in INPUTS.into_iter().enumerate() {
                assert_eq!(input as usize, column);
                assert_eq!(transition(state, input), expected(state, input), "{state:?} x {input:?}");
            }
        }
    }

    #[test]
    fn no_transition_leads_back_to_an_earlier_stage_of_life() {
        for state in STATES {
            for input in INPUTS {
                if let Transition::To(next) = transition(state, input) {
                    let is_back = matches!((state, next), (Ready | Suspect, Busy));
                    assert!(next > state || is_back, "{state:?} -> {next:?}");
                }
            }
        }
    }

    fn arrows() -> String {
        let mut text = String::new();
        for state in STATES {
            for input in INPUTS {
                match transition(state, input) {
                    Transition::To(next) => writeln!(text, "{state:?} --{input:?}--> {next:?}"),
                    Transition::End => writeln!(text, "{state:?} --{input:?}--> (vacant)"),
                    Transition::Stay | Transition::Invalid => Ok(()),
                }
                .expect("writing to a string");
            }
        }
        text
    }

    fn table() -> String {
        let mut text = String::from("| |");
        for input in INPUTS {
            write!(text, " {input:?} |").expect("writing to a string");
        }
        text.push_str("\n|---|");
        text.push_str(&"---|".repeat(INPUTS.len()));
        for state in STATES {
            write!(text, "\n| **{state:?}** |").expect("writing to a string");
            for input in INPUTS {
                let cell = match transition(state, input) {
                    Transition::To(next) => format!("{next:?}"),
                    Transition::Stay => "stays".into(),
                    Transition::End => "vacant".into(),
                    Transition::Invalid => "invalid".into(),
                };
                write!(text, " {cell} |").expect("writing to a string");
            }
        }
        text
    }

    #[test]
    fn the_diagram_in_the_docs_is_the_one_the_table_generates() {
        let generated = format!(
            "Generated from the transition table. `Drain` and `Drop` are the machine's own \
             decisions, the others are events.\n\n```text\n(vacant) --Dial--> Dialling\n{}```\n\n{}\n",
            arrows(),
            table()
        );
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/slot_states.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, &generated).expect("docs/ is writable");
        }
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(committed, generated, "stale: run UPDATE_DOCS=1 cargo test -p pool-core --lib diagram");
    }
}
