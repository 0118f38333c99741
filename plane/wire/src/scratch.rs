//! The buffers of a thread: one that all its connections read into, one in which all their heads are written. A connection copies
//! what it keeps if that is little, and takes it out if it is much, so an idle one holds nothing.

use std::cell::RefCell;
use std::pin::pin;
use std::task::{Context, Poll, ready};

use bytes::{BufMut, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// An answer of 64 KiB comes with its head in one call; a read that does not fill it tells that there is no more, without another.
const READ_BYTES: usize = 80 * 1024;
/// What is read where all of it may have to be copied: for a request, where it is larger than almost every head with a small body, and
/// in a tunnel, whose other end may not read.
pub(crate) const COPIED_READ_BYTES: usize = 16 * 1024;
/// What is copied rather than taken out of the buffer. Taken out, a few bytes would hold on to the whole block for as long as
/// somebody keeps them: this way what is held for long, as for a client that reads slowly, holds no more than two and a half times its
/// size.
pub(crate) const COPIED_BYTES_MAX: usize = 32 * 1024;
/// A writer that once held a large head gives its room back.
const KEPT_BYTES_MAX: usize = 64 * 1024;

thread_local! {
    static READ: RefCell<BytesMut> = RefCell::new(BytesMut::new());
    static WRITE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Reads once, up to `bytes_max`, and hands over what came; empty at the end of the stream.
pub(crate) fn poll_read<T>(
    io: &mut (impl AsyncRead + Unpin),
    cx: &mut Context<'_>,
    bytes_max: usize,
    use_it: impl FnOnce(&[u8]) -> T,
) -> Poll<std::io::Result<T>> {
    poll_take(io, cx, bytes_max, |bytes, _| use_it(bytes))
}

/// The same for whoever takes out what is worth it, or writes what came to another stream at once; what is left in the buffer is
/// forgotten.
pub(crate) fn poll_take<T>(
    io: &mut (impl AsyncRead + Unpin),
    cx: &mut Context<'_>,
    bytes_max: usize,
    use_it: impl FnOnce(&mut BytesMut, &mut Context<'_>) -> T,
) -> Poll<std::io::Result<T>> {
    READ.with_borrow_mut(|scratch| {
        scratch.clear();
        // The same block again and from its front, unless something that was taken out of it is still held: then what is left of it.
        if !scratch.try_reclaim(READ_BYTES) && scratch.capacity() < READ_BYTES / 2 {
            scratch.reserve(READ_BYTES);
        }
        // The future holds nothing between polls, so it may be made anew each time.
        ready!(pin!(io.read_buf(&mut scratch.limit(bytes_max.min(READ_BYTES)))).poll(cx))?;
        Poll::Ready(Ok(use_it(scratch, cx)))
    })
}

/// Reads once and adds it to what a connection keeps; 0 at the end of the stream. For bodies: large pieces are not copied.
pub(crate) fn poll_more(
    io: &mut (impl AsyncRead + Unpin),
    cx: &mut Context<'_>,
    kept: &mut BytesMut,
) -> Poll<std::io::Result<usize>> {
    if kept.is_empty() {
        // Though empty it may still hold the block that its last piece lay in.
        *kept = BytesMut::new();
    }
    poll_take(io, cx, usize::MAX, |bytes, _| {
        let came = bytes.len();
        if kept.is_empty() && came > COPIED_BYTES_MAX {
            *kept = bytes.split();
        } else {
            kept.extend_from_slice(bytes);
        }
        came
    })
}

/// An empty writer of this thread. Whoever asks again inside gets a new one: a body that is polled here may write for another
/// connection.
pub(crate) fn with_writer<T>(use_it: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    let mut writer = WRITE.take();
    writer.clear();
    let result = use_it(&mut writer);
    if writer.capacity() <= KEPT_BYTES_MAX {
        WRITE.set(writer);
    }
    result
}
