//! Which items an address may get, by what its replies said.

use crate::reason::RestReason;

/// Which items an address may get.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Standing {
    /// Why it rests, if it does.
    pub(crate) rest: Option<RestReason>,
    /// The rest is over, and one item is to try the address.
    pub(crate) is_due: bool,
}

/// The round that an address with a ready slot is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// Of those that take turns.
    Regular,
    /// Of those that get what no other can take.
    Spare,
}

impl Standing {
    /// It gets its share.
    pub(crate) const WELL: Self = Self { rest: None, is_due: false };

    pub(crate) const fn resting(reason: RestReason, is_due: bool) -> Self {
        Self { rest: Some(reason), is_due }
    }

    pub(crate) const fn is_well(self) -> bool {
        self.rest.is_none()
    }

    /// Where it is while it has a ready slot; `None`: it gets nothing.
    pub(crate) const fn place(self) -> Option<Place> {
        match self.rest {
            _ if self.is_due => Some(Place::Regular),
            None => Some(Place::Regular),
            Some(RestReason::Overloaded) => Some(Place::Spare),
            Some(RestReason::Unfit) => None,
        }
    }

    /// Whether its connections count among those that items can go to. Where none does, a worse priority is used.
    pub(crate) const fn is_there(self) -> bool {
        self.place().is_some()
    }

    /// Whether its last word was not that it can't do what it is asked to.
    pub(crate) const fn is_fit(self) -> bool {
        !matches!(self.rest, Some(RestReason::Unfit))
    }
}
