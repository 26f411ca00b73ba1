//! One of several sources, and what it said last.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project::pin_project;
use pool_core::AddressSet;
use pool_driver::{AddressStream, AddressUpdate, SharedError};

/// Whatever a source says besides addresses.
#[derive(Clone, Debug)]
pub(crate) enum UpstreamError {
    Pending,
    Failed(SharedError),
    NoSuchName,
}

impl UpstreamError {
    pub(crate) fn into_address_update<A>(self) -> AddressUpdate<A> {
        match self {
            Self::Pending => AddressUpdate::Pending,
            Self::Failed(error) => AddressUpdate::Failed(error),
            Self::NoSuchName => AddressUpdate::NoSuchName,
        }
    }
}

/// Addresses, or why there are none.
pub(crate) fn sort<A>(update: AddressUpdate<A>) -> Result<AddressSet<A>, UpstreamError> {
    match update {
        AddressUpdate::Addresses(set) => Ok(set),
        AddressUpdate::Pending => Err(UpstreamError::Pending),
        AddressUpdate::Failed(error) => Err(UpstreamError::Failed(error)),
        AddressUpdate::NoSuchName => Err(UpstreamError::NoSuchName),
    }
}

#[pin_project]
pub(crate) struct Upstream<S: AddressStream> {
    /// Gone when it is over.
    #[pin]
    stream: Option<S>,
    set: Option<AddressSet<S::Address>>,
    trouble: Option<UpstreamError>,
    was_heard: bool,
}

/// What came of polling a side.
pub(crate) enum UpstreamUpdate {
    Nothing,
    Addresses,
    UpstreamError,
    End,
}

impl<S: AddressStream> Upstream<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream: Some(stream), set: None, trouble: None, was_heard: false }
    }

    /// Its last set.
    pub(crate) fn set(&self) -> Option<&AddressSet<S::Address>> {
        self.set.as_ref()
    }

    /// What it said after its last set.
    pub(crate) fn trouble(&self) -> Option<&UpstreamError> {
        self.trouble.as_ref()
    }

    /// Whether it has said anything at all, but that it has no answer yet.
    pub(crate) fn was_heard(&self) -> bool {
        self.was_heard
    }

    pub(crate) fn is_over(&self) -> bool {
        self.stream.is_none()
    }

    pub(crate) fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> UpstreamUpdate {
        let mut this = self.project();
        let Some(stream) = this.stream.as_mut().as_pin_mut() else { return UpstreamUpdate::Nothing };
        let Poll::Ready(update) = stream.poll_next(cx) else { return UpstreamUpdate::Nothing };
        *this.was_heard |= !matches!(update, Some(AddressUpdate::Pending));
        match update.map(sort) {
            Some(Ok(set)) => {
                *this.set = Some(set);
                *this.trouble = None;
                UpstreamUpdate::Addresses
            }
            Some(Err(trouble)) => {
                *this.trouble = Some(trouble);
                UpstreamUpdate::UpstreamError
            }
            None => {
                this.stream.set(None);
                UpstreamUpdate::End
            }
        }
    }

    pub(crate) fn refresh(self: Pin<&mut Self>) {
        if let Some(stream) = self.project().stream.as_pin_mut() {
            stream.refresh();
        }
    }
}

impl<S: AddressStream> fmt::Debug for Upstream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream")
            .field("addresses", &self.set.as_ref().map(AddressSet::len))
            .field("trouble", &self.trouble)
            .field("is_over", &self.is_over())
            .finish_non_exhaustive()
    }
}
