//! The buffers of a thread: one that all its connections read into, one in which all their heads are written. A connection copies
//! what it keeps, so an idle one holds nothing.

use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// Larger than almost every head with a small body; a read that does not fill it tells that there is no more, without another call.
pub(crate) const READ_BYTES: usize = 16 * 1024;
/// A writer that once held a large head gives its room back.
const KEPT_BYTES_MAX: usize = 64 * 1024;

thread_local! {
    static READ: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into_boxed_slice());
    static WRITE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Reads once, up to `bytes_max`, and hands over what came; empty at the end of the stream.
pub(crate) fn poll_read<T>(
    io: &mut (impl AsyncRead + Unpin),
    cx: &mut Context<'_>,
    bytes_max: usize,
    use_it: impl FnOnce(&[u8]) -> T,
) -> Poll<std::io::Result<T>> {
    poll_pass_on(io, cx, bytes_max, |bytes, _| use_it(bytes))
}

/// The same for whoever writes what came to another stream at once.
pub(crate) fn poll_pass_on<T>(
    io: &mut (impl AsyncRead + Unpin),
    cx: &mut Context<'_>,
    bytes_max: usize,
    use_it: impl FnOnce(&[u8], &mut Context<'_>) -> T,
) -> Poll<std::io::Result<T>> {
    READ.with_borrow_mut(|scratch| {
        let room = scratch.len().min(bytes_max);
        let mut buffer = ReadBuf::new(&mut scratch[..room]);
        ready!(Pin::new(io).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(use_it(buffer.filled(), cx)))
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
