//! Listening sockets handed from a running gateway to the one that replaces it, so that no connection is refused in between.
//!
//! The old one listens on a socket in the run folder that only its owner may open. The new one connects, is given all listening
//! sockets, gets itself ready and says so; only then the old one stops accepting and lets its connections end. Always holds: until
//! the new one has said that it is ready, the old one serves as if nobody had asked, and if the new one dies before, it goes on.
//! A connection that waits to be accepted stays in the socket's queue, which both hold: it is never lost.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};

/// So many sockets are handed over at most: the kernel takes 253 in one message.
pub const SOCKETS_MAX: usize = 128;
/// What the new gateway says when it accepts connections.
const READY: &[u8; 6] = b"ready\n";
/// So long the old gateway waits for the new one to be ready; after that it goes on alone.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// So long the new gateway waits for the sockets: they come at once, or the old one hangs.
const SOCKETS_WITHIN: Duration = Duration::from_secs(5);

/// The old gateway's side: gives all sockets away and waits until the other has said that it serves them.
///
/// # Errors
/// When the other went away, or was not ready in time: whoever offers goes on serving.
pub fn offer(mut stream: &UnixStream, listeners: &[BorrowedFd<'_>]) -> io::Result<()> {
    if listeners.len() > SOCKETS_MAX {
        return Err(io::Error::other(format!(
            "{} sockets, of which {SOCKETS_MAX} can be handed over",
            listeners.len()
        )));
    }
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS_MAX))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !ancillary.push(SendAncillaryMessage::ScmRights(listeners)) {
        return Err(io::Error::other("the sockets do not fit into one message"));
    }
    let count = u8::try_from(listeners.len()).expect("at most 128 sockets");
    sendmsg(stream, &[IoSlice::new(&[count])], &mut ancillary, SendFlags::NOSIGNAL)?;
    stream.set_read_timeout(Some(READY_WITHIN))?;
    let mut said = [0; READY.len()];
    stream.read_exact(&mut said)?;
    if &said == READY {
        Ok(())
    } else {
        Err(io::Error::other("the new gateway said something else than that it is ready"))
    }
}

/// The new gateway's side: the listening sockets of the one that runs.
///
/// # Errors
/// When the other does not give them.
pub fn take(stream: &UnixStream) -> io::Result<Vec<TcpListener>> {
    stream.set_read_timeout(Some(SOCKETS_WITHIN))?;
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS_MAX))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut count = [0];
    let received = recvmsg(stream, &mut [IoSliceMut::new(&mut count)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    if received.bytes == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut sockets: Vec<OwnedFd> = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(descriptors) = message {
            sockets.extend(descriptors);
        }
    }
    if sockets.len() != usize::from(count[0]) {
        return Err(io::Error::other(format!("{} sockets were announced, and {} came", count[0], sockets.len())));
    }
    Ok(sockets.into_iter().map(TcpListener::from).collect())
}

/// The new gateway's side: it accepts connections now.
///
/// # Errors
/// When the old one is gone; then there is nobody left to wait for.
pub fn ready(mut stream: &UnixStream) -> io::Result<()> {
    stream.write_all(READY)
}

/// The sockets of listeners, to be offered.
pub fn sockets(listeners: &[TcpListener]) -> Vec<BorrowedFd<'_>> {
    listeners.iter().map(AsFd::as_fd).collect()
}
