//! The addresses in one file, followed.

use std::fmt::{self, Display};
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::path::Path;
use std::pin::Pin;
use std::str::FromStr;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_channel::mpsc;
use futures_core::Stream;
use pin_project::pin_project;
use pool_driver::{AddressStream, AddressUpdate, Runtime};

use super::debounce::Debounce;
use super::lookup::{FileLookup, ReadConfig};
use super::watch::Watch;
use crate::bounded_poll::bounded_poll;
use crate::deadline_timer::DeadlineTimer;
use crate::polling::{PollConfig, Polling};

/// The addresses in one file; made by [`File`](super::File).
#[pin_project]
pub struct FileAddresses<R: Runtime, A = SocketAddr>
where
    A: FromStr<Err: Display> + Clone + Ord + Send + Sync + 'static,
{
    #[pin]
    polling: Polling<FileLookup<A>, R>,
    changes: mpsc::Receiver<()>,
    debounce: Debounce,
    #[pin]
    timer: DeadlineTimer<R>,
}

impl<R: Runtime, A> FileAddresses<R, A>
where
    A: FromStr<Err: Display> + Clone + Ord + Send + Sync + 'static,
{
    pub(super) fn new(
        path: &Path,
        read: ReadConfig,
        poll: PollConfig,
        debounce: Duration,
        runtime: &R,
    ) -> Self
    where
        R: Clone,
    {
        let (sender, changes) = mpsc::channel(0);
        let watch = Watch::new(path.to_owned(), sender);
        let lookup = FileLookup::new(path.to_owned(), read, watch);
        Self {
            polling: Polling::with_valid_config(lookup, runtime.clone(), poll),
            changes,
            debounce: Debounce::new(debounce),
            timer: DeadlineTimer::new(runtime.clone()),
        }
    }

    /// Takes reported changes, and has the file read when it is quiet. Pending while it still changes: it is
    /// not read for any other reason then.
    fn poll_quiet(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let now = this.timer.now();
        // At the bound the task is woken to read the rest.
        let _ = bounded_poll(cx, |cx| match Pin::new(&mut *this.changes).poll_next(cx) {
            Poll::Ready(Some(())) => {
                this.debounce.on_change(now);
                ControlFlow::Continue(())
            }
            Poll::Ready(None) | Poll::Pending => ControlFlow::Break(Poll::Ready(())),
        });
        let Some(deadline) = this.debounce.deadline() else { return Poll::Ready(()) };
        // The read in flight may miss this change. It is read again afterwards.
        if this.polling.is_asking() {
            return Poll::Ready(());
        }
        ready!(this.timer.as_mut().poll_at(deadline, cx));
        this.debounce.clear();
        this.polling.refresh();
        Poll::Ready(())
    }
}

impl<R: Runtime, A> Stream for FileAddresses<R, A>
where
    A: FromStr<Err: Display> + Clone + Ord + Send + Sync + 'static,
{
    type Item = AddressUpdate<A>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<AddressUpdate<A>>> {
        ready!(self.as_mut().poll_quiet(cx));
        // After an answer the pool polls again. Changes during the read are taken then.
        self.project().polling.poll_next(cx)
    }
}

impl<R: Runtime, A> AddressStream for FileAddresses<R, A>
where
    A: FromStr<Err: Display> + Clone + Ord + Send + Sync + 'static,
{
    type Address = A;

    fn refresh(self: Pin<&mut Self>) {
        self.project().polling.refresh();
    }
}

impl<R: Runtime, A> fmt::Debug for FileAddresses<R, A>
where
    A: FromStr<Err: Display> + Clone + Ord + Send + Sync + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileAddresses").field("polling", &self.polling).finish_non_exhaustive()
    }
}
