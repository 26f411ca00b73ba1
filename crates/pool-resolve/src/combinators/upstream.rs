//! One of several sources, with what it reported last.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project::pin_project;
use pool_core::AddressSet;
use pool_driver::{AddressStream, AddressUpdate, SharedError};

/// Why a source has no addresses now.
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

/// The addresses of an update, or why there are none.
pub(crate) fn addresses_of<A>(update: AddressUpdate<A>) -> Result<AddressSet<A>, UpstreamError> {
    match update {
        AddressUpdate::Addresses(set) => Ok(set),
        AddressUpdate::Pending => Err(UpstreamError::Pending),
        AddressUpdate::Failed(error) => Err(UpstreamError::Failed(error)),
        AddressUpdate::NoSuchName => Err(UpstreamError::NoSuchName),
    }
}

/// A source and the state it is in.
#[pin_project]
pub(crate) struct Upstream<S: AddressStream> {
    /// Dropped when it ends.
    #[pin]
    stream: Option<S>,
    set: Option<AddressSet<S::Address>>,
    error: Option<UpstreamError>,
    has_reported: bool,
}

/// What one poll of a source changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum UpstreamUpdate {
    Addresses,
    Error,
    End,
}

impl<S: AddressStream> Upstream<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream: Some(stream), set: None, error: None, has_reported: false }
    }

    /// Its last set.
    pub(crate) fn set(&self) -> Option<&AddressSet<S::Address>> {
        self.set.as_ref()
    }

    /// The last error after its last set.
    pub(crate) fn error(&self) -> Option<&UpstreamError> {
        self.error.as_ref()
    }

    /// Whether it has reported anything but `Pending`.
    pub(crate) fn has_reported(&self) -> bool {
        self.has_reported
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.stream.is_none()
    }

    /// Reads one update. A source that has ended is pending.
    pub(crate) fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<UpstreamUpdate> {
        let mut this = self.project();
        let Some(stream) = this.stream.as_mut().as_pin_mut() else { return Poll::Pending };
        let update = ready!(stream.poll_next(cx));
        *this.has_reported |= !matches!(update, Some(AddressUpdate::Pending));
        Poll::Ready(match update.map(addresses_of) {
            Some(Ok(set)) => {
                *this.set = Some(set);
                *this.error = None;
                UpstreamUpdate::Addresses
            }
            Some(Err(error)) => {
                *this.error = Some(error);
                UpstreamUpdate::Error
            }
            None => {
                this.stream.set(None);
                UpstreamUpdate::End
            }
        })
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
            .field("error", &self.error)
            .field("has_ended", &self.has_ended())
            .finish_non_exhaustive()
    }
}
