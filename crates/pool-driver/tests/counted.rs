//! Byte streams that count what is read of them.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use pool_driver::{buffered_bytes, counted};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf, duplex};

fn now<R>(future: impl Future<Output = R>) -> R {
    future.now_or_never().expect("nothing is waited for")
}

#[test]
fn what_is_read_is_counted_and_neither_what_is_written_nor_the_end() {
    let (ours, mut theirs) = duplex(1024);
    let (mut ours, reads) = counted(ours);
    now(ours.write_all(b"a request")).expect("there is room");
    assert_eq!(reads.bytes(), 0);
    for (bytes, total) in [(&b"ab"[..], 2), (b"cde", 5)] {
        now(theirs.write_all(bytes)).expect("there is room");
        assert_eq!(now(ours.read(&mut [0; 16])).expect("it is open"), bytes.len());
        assert_eq!(reads.bytes(), total);
    }
    assert!(ours.read(&mut [0; 16]).now_or_never().is_none(), "nothing has come");
    drop(theirs);
    assert_eq!(now(ours.read(&mut [0; 16])).expect("an orderly end"), 0);
    assert_eq!(reads.bytes(), 5);
}

#[test]
fn what_was_in_the_buffer_before_is_not_counted() {
    let (ours, mut theirs) = duplex(1024);
    let (mut ours, reads) = counted(ours);
    now(theirs.write_all(b"ab")).expect("there is room");
    let mut bytes = [0; 8];
    let mut buffer = ReadBuf::new(&mut bytes);
    buffer.put_slice(b"xyz");
    now(poll_fn(|cx| Pin::new(&mut ours).poll_read(cx, &mut buffer))).expect("it is open");
    assert_eq!((buffer.filled(), reads.bytes()), (&b"xyzab"[..], 2));
}

/// Takes vectored writes only.
struct Vectored(usize);

impl AsyncWrite for Vectored {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::Unsupported.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0 += buffers.len();
        Poll::Ready(Ok(buffers.iter().map(|buffer| buffer.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }
}

#[test]
fn vectored_writes_are_passed_on() {
    let (mut stream, _) = counted(Vectored(0));
    assert!(stream.is_write_vectored());
    let written = now(stream.write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b"c")]));
    assert_eq!((written.expect("it takes them"), stream.get_ref().0), (3, 2));
}

#[test]
fn a_framed_transport_says_how_much_it_has_of_an_item_that_is_not_whole() {
    use futures_util::StreamExt;
    use tokio_util::codec::{Framed, LinesCodec};

    let (ours, mut theirs) = duplex(1024);
    let mut lines = Framed::new(ours, LinesCodec::new());
    for (bytes, buffered) in [("hel", 3), ("lo", 5), ("\nwor", 3)] {
        now(theirs.write_all(bytes.as_bytes())).expect("there is room");
        let whole = lines.next().now_or_never().flatten();
        assert_eq!(whole.is_some(), bytes.starts_with('\n'));
        assert_eq!(buffered_bytes(&lines), buffered);
    }
}
