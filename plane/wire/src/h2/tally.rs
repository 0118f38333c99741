//! What the requests of one HTTP/2 connection tell it: how many are open, whether anything moves, and whether the client gives up
//! more than it lets finish.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::Notify;

use crate::body::{Body, BodyError};
use crate::handler::Response;

/// By how many more requests a client may give up than let finish. Browsers cancel when a page is left; hundreds more is an attack
/// that makes us work for nothing.
const ABANDONED_MAX: usize = 200;

/// The counts of one connection.
#[derive(Debug, Default)]
pub(super) struct Tally {
    open: AtomicUsize,
    moved: AtomicUsize,
    tunnels: AtomicUsize,
    /// Given up less finished, never below zero.
    abandoned: AtomicUsize,
    flood: Notify,
}

impl Tally {
    /// Requests whose answer is not at its end.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Requests that became tunnels; they count as open too.
    pub(super) fn tunnels(&self) -> usize {
        self.tunnels.load(Ordering::Relaxed)
    }

    /// A number that changes when anything moves.
    pub(super) fn moved(&self) -> usize {
        self.moved.load(Ordering::Relaxed)
    }

    /// Waits until the client has given up too much.
    pub(super) async fn flooded(&self) {
        self.flood.notified().await;
    }
}

/// One request under way; dropped before the end of its answer, it was given up.
#[derive(Debug)]
pub(super) struct UnderWay {
    tally: Arc<Tally>,
    finished: bool,
}

impl UnderWay {
    pub(super) fn new(tally: &Arc<Tally>) -> Self {
        tally.open.fetch_add(1, Ordering::Relaxed);
        tally.moved.fetch_add(1, Ordering::Relaxed);
        Self { tally: Arc::clone(tally), finished: false }
    }

    /// Where it is counted.
    pub(super) fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }

    /// Goes on with the answer's body.
    pub(super) fn follow(mut self, answer: Response) -> http::Response<Followed> {
        self.finished = answer.body().is_end_stream();
        answer.map(|body| Followed { body, under_way: self })
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.tally.open.fetch_sub(1, Ordering::Relaxed);
        if self.finished {
            let less = |count: usize| Some(count.saturating_sub(1));
            let _ = self.tally.abandoned.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        } else if self.tally.abandoned.fetch_add(1, Ordering::Relaxed) >= ABANDONED_MAX {
            self.tally.flood.notify_one();
        }
    }
}

/// A tunnel, from its request to its end. However it ends, the client has not given up a request.
#[derive(Debug)]
pub(super) struct Tunnelling(UnderWay);

impl Tunnelling {
    pub(super) fn new(tally: &Arc<Tally>) -> Self {
        tally.tunnels.fetch_add(1, Ordering::Relaxed);
        let mut under_way = UnderWay::new(tally);
        under_way.finished = true;
        Self(under_way)
    }

    /// Bytes went through.
    pub(super) fn moved(&self) {
        self.0.tally.moved.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Tunnelling {
    fn drop(&mut self) {
        self.0.tally.tunnels.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An answer's body that counts as open until its end.
#[derive(Debug)]
pub(super) struct Followed {
    body: Body,
    under_way: UnderWay,
}

impl HttpBody for Followed {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(cx));
        this.under_way.tally.moved.fetch_add(1, Ordering::Relaxed);
        // A body that fails is our side's doing, not the client's.
        this.under_way.finished = this.body.is_end_stream() || !matches!(frame, Some(Ok(_)));
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
