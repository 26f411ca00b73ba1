//! One of several sources, and what it said last.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project::pin_project;
use pool_core::AddressSet;
use pool_driver::{AddressStream, SharedError, Update};

/// Whatever a source says besides addresses.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    Pending,
    Failed(SharedError),
    NoSuchName,
}

impl Trouble {
    pub(crate) fn into_update<A>(self) -> Update<A> {
        match self {
            Self::Pending => Update::Pending,
            Self::Failed(error) => Update::Failed(error),
            Self::NoSuchName => Update::NoSuchName,
        }
    }
}

/// Addresses, or why there are none.
pub(crate) fn sort<A>(update: Update<A>) -> Result<AddressSet<A>, Trouble> {
    match update {
        Update::Addresses(set) => Ok(set),
        Update::Pending => Err(Trouble::Pending),
        Update::Failed(error) => Err(Trouble::Failed(error)),
        Update::NoSuchName => Err(Trouble::NoSuchName),
    }
}

#[pin_project]
pub(crate) struct Side<S: AddressStream> {
    /// Gone when it is over.
    #[pin]
    stream: Option<S>,
    set: Option<AddressSet<S::Address>>,
    trouble: Option<Trouble>,
    was_heard: bool,
}

/// What came of polling a side.
pub(crate) enum Heard {
    Nothing,
    Addresses,
    Trouble,
    End,
}

impl<S: AddressStream> Side<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream: Some(stream), set: None, trouble: None, was_heard: false }
    }

    /// Its last set.
    pub(crate) fn set(&self) -> Option<&AddressSet<S::Address>> {
        self.set.as_ref()
    }

    /// What it said after its last set.
    pub(crate) fn trouble(&self) -> Option<&Trouble> {
        self.trouble.as_ref()
    }

    /// Whether it has said anything at all, but that it has no answer yet.
    pub(crate) fn was_heard(&self) -> bool {
        self.was_heard
    }

    pub(crate) fn is_over(&self) -> bool {
        self.stream.is_none()
    }

    pub(crate) fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Heard {
        let mut this = self.project();
        let Some(stream) = this.stream.as_mut().as_pin_mut() else { return Heard::Nothing };
        let Poll::Ready(update) = stream.poll_next(cx) else { return Heard::Nothing };
        *this.was_heard |= !matches!(update, Some(Update::Pending));
        match update.map(sort) {
            Some(Ok(set)) => {
                *this.set = Some(set);
                *this.trouble = None;
                Heard::Addresses
            }
            Some(Err(trouble)) => {
                *this.trouble = Some(trouble);
                Heard::Trouble
            }
            None => {
                this.stream.set(None);
                Heard::End
            }
        }
    }

    pub(crate) fn refresh(self: Pin<&mut Self>) {
        if let Some(stream) = self.project().stream.as_pin_mut() {
            stream.refresh();
        }
    }
}

impl<S: AddressStream> fmt::Debug for Side<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Side")
            .field("addresses", &self.set.as_ref().map(AddressSet::len))
            .field("trouble", &self.trouble)
            .field("is_over", &self.is_over())
            .finish_non_exhaustive()
    }
}
