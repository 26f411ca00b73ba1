//! Byte streams that count what is read of them. With the feature `codec`.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::seams::reads::Reads;

/// A byte stream that counts what is read of it, and the count.
///
/// It is for clients that read in a future or a task of their own: the connection around such a client doesn't see what
/// comes, and the count tells it that the peer is alive, also while one long reply trickles in. A transport that the
/// connection reads by itself needs none.
///
/// ```
/// use pool_driver::{Reads, counted};
/// use tokio::io::{AsyncReadExt, duplex};
///
/// # futures_util::FutureExt::now_or_never(async {
/// # let (stream, mut peer) = duplex(1024);
/// # tokio::io::AsyncWriteExt::write_all(&mut peer, b"hello").await?;
/// let (mut stream, reads) = counted(stream);
/// stream.read_exact(&mut [0; 5]).await?;
/// assert_eq!(reads.bytes(), 5);
/// # std::io::Result::Ok(()) }).expect("all is there")?;
/// # std::io::Result::Ok(())
/// ```
///
/// The byte stream is one in Tokio's sense, which needs no Tokio to run. One in the sense of `futures` becomes such with
/// `tokio_util::compat`, and back.
pub fn counted<S>(stream: S) -> (CountedReads<S>, Reads) {
    let reads = Reads::new();
    (CountedReads { stream, reads: reads.clone() }, reads)
}

/// The stream that [`counted`] makes.
#[derive(Debug)]
#[pin_project]
pub struct CountedReads<S> {
    #[pin]
    stream: S,
    reads: Reads,
}

impl<S> CountedReads<S> {
    /// The stream.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// The stream. What is read of it by this is not counted.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// The stream, which counts no more.
    pub fn into_inner(self) -> S {
        self.stream
    }
}

impl<S: AsyncRead> AsyncRead for CountedReads<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.project();
        let before = buffer.filled().len();
        ready!(this.stream.poll_read(cx, buffer))?;
        this.reads.add(buffer.filled().len().saturating_sub(before));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite> AsyncWrite for CountedReads<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.project().stream.poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().stream.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().stream.poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.project().stream.poll_write_vectored(cx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
