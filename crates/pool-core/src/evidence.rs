//! What a connection shows of its address.

use crate::instant::Instant;

/// Of which time a slot can show something of its address.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evidence {
    /// When the dial started.
    pub(crate) dialled: Instant,
    /// The address's failure episode in which the dial started.
    pub(crate) episode: u16,
    /// The episode in which it connected: what it shows is about the time after that failure.
    pub(crate) connected_episode: u16,
    /// Items in flight that it was sent before its address last began to rest: what becomes of them shows nothing of
    /// the time since. Connections answer in order, or don't: it is the oldest whose ends are counted first.
    pub(crate) sent_earlier: u32,
    /// Whether a success is news: the first ones are, and each while the address rests.
    pub(crate) awaits_success: bool,
    /// The address's row of short lives, as it was when the dial started.
    pub(crate) pace_episode: u8,
    /// Items that were in flight at its first success and have not succeeded since, once it has had one; no more
    /// than 65,535 are counted.
    pub(crate) owed_at_success: Option<u16>,
    /// It said goodbye when it was young and had no success.
    pub(crate) hung_up: bool,
}

impl Evidence {
    pub(crate) fn of_dial(episode: u16, pace_episode: u8, now: Instant) -> Self {
        Self {
            dialled: now,
            episode,
            connected_episode: episode,
            sent_earlier: 0,
            awaits_success: true,
            pace_episode,
            owed_at_success: None,
            hung_up: false,
        }
    }

    /// An item has come to its end. Returns whether it was sent before the address last began to rest.
    pub(crate) fn take_earlier(&mut self) -> bool {
        let is_earlier = self.sent_earlier > 0;
        self.sent_earlier -= u32::from(is_earlier);
        is_earlier
    }
}

/// How much is known of whether the address works, less first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Trust {
    /// The address had an unreset failure when the dial started.
    Probe,
    /// It had none.
    Ordinary,
    /// The connection has shown that the address works.
    Works,
    /// And that it goes on working: one success came after another, or the connection has lived for long.
    Proven,
}

/// What a connection has told of the items it was sent, less first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Reported {
    /// It may be of the kind that never does.
    Nothing,
    /// Only that items came back.
    Unsent,
    /// Only that items came back, or that nobody wanted to know of them any more.
    Cancelled,
    /// That items were answered, or failed.
    Finished,
}
