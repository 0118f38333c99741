//! The body of a request on its way from the connection to the handler: a place for one piece, with a flag that asks for the next.
//!
//! The connection's task reads only when the handler has asked and the place is empty: that is all the back pressure there is, and all
//! that is needed. Handler and connection mostly run in the same task, so the lock is free and nobody has to be woken.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};

use crate::body::BodyError;

#[derive(Debug, Default)]
struct Place {
    data: Option<Bytes>,
    trailers: Option<HeaderMap>,
    end: Option<Result<(), BodyError>>,
    wanted: bool,
    abandoned: bool,
    left: Option<u64>,
    reader: Option<Waker>,
    feeder: Option<Waker>,
}

#[derive(Debug, Default)]
struct Shared(Mutex<Place>);

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Place> {
        // Nothing under this lock can panic half way; a poisoned one is as good as any.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The handler's end.
#[derive(Debug)]
pub(crate) struct Inbound(Arc<Shared>);

/// The connection's end.
#[derive(Debug)]
pub(crate) struct Feeder(Arc<Shared>);

/// What the handler's end wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// The next piece.
    Piece,
    /// Nothing now.
    Nothing,
    /// Nothing any more: it was dropped.
    Abandoned,
}

/// Both ends of a body with this length, where it is known.
pub(crate) fn inbound(length: Option<u64>) -> (Feeder, Inbound) {
    let shared = Arc::new(Shared::default());
    shared.lock().left = length;
    (Feeder(Arc::clone(&shared)), Inbound(shared))
}

impl Inbound {
    pub(crate) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut place = self.0.lock();
        if let Some(data) = place.data.take() {
            if let Some(left) = &mut place.left {
                *left = left.saturating_sub(data.len() as u64);
            }
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
        if let Some(trailers) = place.trailers.take() {
            return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
        }
        match &mut place.end {
            Some(Ok(())) => return Poll::Ready(None),
            Some(end) => {
                let error = std::mem::replace(end, Ok(()));
                return Poll::Ready(error.err().map(Err));
            }
            None => {}
        }
        place.wanted = true;
        if !place.reader.as_ref().is_some_and(|reader| reader.will_wake(cx.waker())) {
            place.reader = Some(cx.waker().clone());
        }
        if let Some(feeder) = place.feeder.take_if(|feeder| !feeder.will_wake(cx.waker())) {
            feeder.wake();
        }
        Poll::Pending
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        let place = self.0.lock();
        place.data.is_none() && place.trailers.is_none() && matches!(place.end, Some(Ok(())))
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        self.0.lock().left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for Inbound {
    fn drop(&mut self) {
        let mut place = self.0.lock();
        place.abandoned = true;
        if let Some(feeder) = place.feeder.take() {
            feeder.wake();
        }
    }
}

impl Feeder {
    /// What the handler wants; it wakes this task when that changes.
    pub(crate) fn wish(&self, cx: &mut Context<'_>) -> Wish {
        let mut place = self.0.lock();
        if place.abandoned {
            return Wish::Abandoned;
        }
        if place.wanted && place.data.is_none() {
            return Wish::Piece;
        }
        if !place.feeder.as_ref().is_some_and(|feeder| feeder.will_wake(cx.waker())) {
            place.feeder = Some(cx.waker().clone());
        }
        Wish::Nothing
    }

    pub(crate) fn data(&self, data: Bytes, cx: &mut Context<'_>) {
        self.put(cx, |place| place.data = Some(data));
    }

    pub(crate) fn trailers(&self, trailers: HeaderMap, cx: &mut Context<'_>) {
        self.put(cx, |place| {
            place.trailers = Some(trailers);
            place.end = Some(Ok(()));
        });
    }

    pub(crate) fn end(&self, end: Result<(), BodyError>, cx: &mut Context<'_>) {
        self.put(cx, |place| place.end = Some(end));
    }

    /// Marks that all of the data was handed over: the end is known before it is asked for.
    pub(crate) fn last_data(&self, data: Bytes, cx: &mut Context<'_>) {
        self.put(cx, |place| {
            place.data = Some(data);
            place.end = Some(Ok(()));
        });
    }

    fn put(&self, cx: &mut Context<'_>, change: impl FnOnce(&mut Place)) {
        let mut place = self.0.lock();
        change(&mut place);
        place.wanted = false;
        let reader = place.reader.take_if(|reader| !reader.will_wake(cx.waker()));
        drop(place);
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        let mut place = self.0.lock();
        if place.end.is_none() {
            place.end = Some(Err(BodyError::Incomplete));
        }
        if let Some(reader) = place.reader.take() {
            reader.wake();
        }
    }
}
