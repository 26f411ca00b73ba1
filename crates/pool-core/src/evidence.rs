//! What a connection shows of its address.

/// What a slot has shown of its address, and of which time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Evidence {
    /// The address's failure episode in which the dial started.
    pub(crate) episode: u16,
    /// The episode in which it connected: what it shows is about the time after that failure.
    pub(crate) connected_episode: u16,
    pub(crate) trust: Trust,
    pub(crate) reported: Reported,
    /// Whether a success is news: the first ones are, and each while the address rests.
    pub(crate) awaits_success: bool,
    /// The address's row of short lives, as it was when the dial started.
    pub(crate) pace_episode: u8,
    /// A reply was a success, or has begun to come.
    pub(crate) has_succeeded: bool,
    /// Items that were in flight at its first success and have not succeeded since; no more than 65,535 are counted.
    pub(crate) owed_at_success: u16,
    /// It said goodbye when it was young and had no success.
    pub(crate) hung_up: bool,
}

impl Evidence {
    pub(crate) const fn of_dial(trust: Trust, episode: u16, pace_episode: u8) -> Self {
        Self {
            episode,
            connected_episode: episode,
            trust,
            reported: Reported::Nothing,
            awaits_success: true,
            pace_episode,
            has_succeeded: false,
            owed_at_success: 0,
            hung_up: false,
        }
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
