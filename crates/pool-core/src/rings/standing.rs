//! Which items an address may get, by what its replies said and by what its connections owe.

use crate::reason::RestReason;

/// Which items an address may get.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Standing {
    /// Why it rests, if it does.
    pub(crate) rest: Option<RestReason>,
    pub(crate) allowance: Allowance,
}

/// How many items an address may get.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Allowance {
    /// What its turns are worth.
    Share,
    /// The same, and each is looked at: some of its connections are suspects.
    Counted,
    /// One, which tries it.
    One,
    /// None: all that it may have in flight is.
    Nothing,
    /// None: its weight is 0.
    Drained,
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
    pub(crate) const WELL: Self = Self { rest: None, allowance: Allowance::Share };

    /// That of a new address of this weight.
    pub(crate) const fn of_new(weight: u32) -> Self {
        Self { allowance: if weight == 0 { Allowance::Drained } else { Allowance::Share }, ..Self::WELL }
    }

    /// Whether nothing is special about its next item.
    pub(crate) const fn is_well(self) -> bool {
        matches!(self, Self::WELL)
    }

    /// Where it is while it has a ready slot; `None`: it gets nothing.
    pub(crate) const fn place(self) -> Option<Place> {
        match (self.allowance, self.rest) {
            (Allowance::Nothing | Allowance::Drained, _) => None,
            (Allowance::One, _) | (_, None) => Some(Place::Regular),
            (_, Some(RestReason::Overloaded)) => Some(Place::Spare),
            (_, Some(RestReason::Unfit)) => None,
        }
    }

    /// Whether it gets items that are for it alone. Such an item is no share, so the weight doesn't count.
    pub(crate) const fn takes_only(self) -> bool {
        match self.allowance {
            Allowance::Drained => self.is_rest_lenient(),
            _ => self.place().is_some(),
        }
    }

    const fn is_rest_lenient(self) -> bool {
        !matches!(self.rest, Some(RestReason::Unfit))
    }

    /// Whether its connections count among those that items can go to. Where none does, a worse priority is used.
    pub(crate) const fn is_there(self) -> bool {
        self.place().is_some()
    }

    /// Whether it is to have items, and its last word was not that it can't do what it is asked to.
    pub(crate) const fn is_fit(self) -> bool {
        self.is_rest_lenient() && !matches!(self.allowance, Allowance::Drained)
    }

    /// Whether it has all in flight that it may have.
    pub(crate) const fn is_full(self) -> bool {
        self.rest.is_none() && matches!(self.allowance, Allowance::One | Allowance::Nothing)
    }
}
