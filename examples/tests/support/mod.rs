//! What the tests of codecs share.

use std::io;

use bytes::BytesMut;
use tokio_util::codec::Decoder;

/// What a codec makes of pieces that come one after the other, up to its first error.
pub(crate) fn decode<'a, D: Decoder<Error = io::Error>>(
    mut codec: D,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<D::Item>, Option<String>) {
    let (mut buffer, mut replies) = (BytesMut::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match codec.decode(&mut buffer) {
                Ok(Some(reply)) => replies.push(reply),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
                    return (replies, Some(error.to_string()));
                }
            }
        }
    }
    (replies, None)
}
