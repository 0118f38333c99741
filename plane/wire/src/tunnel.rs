//! Both ways between two streams after an upgrade, byte for byte.
//!
//! What always holds: nothing is read from one side before the other took what was read last; the end of one direction is passed on
//! and leaves the other open; a tunnel in which nothing moves ends.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWrite;
use tokio::time::Instant;

use crate::io::Io;
use crate::outbox::Outbox;
use crate::scratch;
use crate::timer::Timer;
use crate::upgraded::Upgraded;

/// One direction.
#[derive(Debug, Default)]
struct Way {
    outbox: Outbox,
    ahead: Bytes,
    ended: bool,
    shut: bool,
}

/// Carries bytes until both directions have ended, one of them failed, or nothing moved for too long. Says how many went to the
/// upstream and how many to the client, and each time that something `moved`.
pub(crate) async fn tunnel(
    mut client: Io,
    ahead: Bytes,
    upgraded: &Upgraded,
    idle: Duration,
    moved: impl Fn(),
) -> (u64, u64) {
    let Some((mut upstream, behind)) = upgraded.take() else { return (0, 0) };
    let mut up = Way { ahead, ..Way::default() };
    let mut down = Way { ahead: behind, ..Way::default() };
    let mut timer = Timer::default();
    timer.set(Instant::now() + idle);
    poll_fn(|cx| {
        let before = up.outbox.written() + down.outbox.written();
        let upward = up.poll(&mut client, &mut upstream, cx);
        let downward = down.poll(&mut upstream, &mut client, cx);
        match (upward, downward) {
            (Poll::Ready(Err(_)), _) | (_, Poll::Ready(Err(_))) => return Poll::Ready(()),
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => return Poll::Ready(()),
            _ => {}
        }
        if up.outbox.written() + down.outbox.written() > before {
            timer.set(Instant::now() + idle);
            moved();
        }
        timer.poll(cx)
    })
    .await;
    (up.outbox.written(), down.outbox.written())
}

impl Way {
    fn poll(&mut self, from: &mut Io, to: &mut Io, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.outbox.poll_flush(to, cx))?;
            if !self.ahead.is_empty() {
                let ahead = std::mem::take(&mut self.ahead);
                self.outbox.send(to, cx, &[], ahead, b"")?;
                continue;
            }
            if self.ended {
                if !self.shut {
                    ready!(Pin::new(&mut *to).poll_shutdown(cx))?;
                    self.shut = true;
                }
                return Poll::Ready(Ok(()));
            }
            let Self { outbox, ended, .. } = self;
            // Written where it was read: what the other side does not take at once is copied, and nothing more is read.
            let sent = ready!(scratch::poll_take(from, cx, scratch::COPIED_READ_BYTES, |bytes, cx| {
                *ended = bytes.is_empty();
                outbox.send(to, cx, bytes, Bytes::new(), b"")
            }))?;
            sent?;
        }
    }
}
