//! A body on its way to a client that others wait for as well: read from the upstream at its pace, given to the client at the client's.
//!
//! A task of its own reads up to a limit, because those who wait for the same answer must not wait for whoever asked first to take his.
//! Always holds: what is handed on to the others is the whole body or nothing; a client that leaves before the body was here leaves
//! nothing behind, and one of those who wait takes over; what grows beyond the limit, its own or that of all together, or takes too long,
//! goes on to its client all the same, from then on at that client's pace.

use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use homeostat_wire::{Body, BodyError};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt;
use tokio::task::AbortHandle;

/// Ends the errand with the whole body, or with `None` when it cannot be handed on.
pub type Finish = Box<dyn FnOnce(Option<Bytes>) + Send>;

/// Up to where a body is read ahead of its client.
#[derive(Debug, Clone)]
pub struct Reach {
    /// So many bytes.
    pub bytes_max: usize,
    /// What all bodies may be ahead of their clients, taken together.
    pub ahead: Arc<Ahead>,
    /// So long, if there is a limit: an answer without a length may be a stream without an end.
    pub within: Option<Duration>,
}

/// What is held of all bodies that are read ahead: one client can have many under way, and take of none.
#[derive(Debug)]
pub struct Ahead {
    bytes: AtomicUsize,
    bytes_max: usize,
}

impl Ahead {
    /// Nothing yet, and at most so much.
    pub fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self { bytes: AtomicUsize::new(0), bytes_max })
    }

    /// Whether there is room for so much more, which is taken.
    fn take(&self, bytes: usize) -> bool {
        let more = |held: usize| held.checked_add(bytes).filter(|sum| *sum <= self.bytes_max);
        self.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }
}

/// What stands between the task that reads and the client.
struct Between {
    pieces: Vec<Bytes>,
    /// What the pieces weigh, and where that is counted.
    bytes: usize,
    ahead: Arc<Ahead>,
    rest: Option<Rest>,
    client: Option<Waker>,
}

/// What comes after the pieces.
enum Rest {
    End,
    Broken(BodyError),
    GoesOn(Option<Frame<Bytes>>, Body),
}

impl Drop for Between {
    fn drop(&mut self) {
        self.ahead.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

type Shared = Arc<Mutex<Between>>;

fn lock(shared: &Shared) -> MutexGuard<'_, Between> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The body for the client. `finish` is called once: with the whole body when it is here, with nothing when it has gone beyond its
/// reach; if it breaks off, or the client leaves first, it is dropped.
pub fn fill(body: Body, reach: Reach, finish: Finish) -> Body {
    let ahead = Arc::clone(&reach.ahead);
    let shared = Arc::new(Mutex::new(Between { pieces: Vec::new(), bytes: 0, ahead, rest: None, client: None }));
    let left = body.size_hint().exact();
    let reading = tokio::spawn(read(body, reach, finish, Arc::clone(&shared))).abort_handle();
    Body::boxed(Filling { shared, at: 0, left, direct: None, reading })
}

async fn read(mut body: Body, reach: Reach, finish: Finish, shared: Shared) {
    let late = async {
        match reach.within {
            Some(within) => tokio::time::sleep(within).await,
            None => std::future::pending().await,
        }
    };
    let mut late = pin!(late);
    let mut bytes = 0;
    let length = body.size_hint().exact();
    let rest = loop {
        // Whole as soon as all is here: the client may be gone with its last byte, before the upstream has said that it was the last.
        if length == Some(bytes as u64) {
            let pieces = lock(&shared).pieces.clone();
            finish(Some(joined(&pieces, bytes)));
            break if body.is_end_stream() { Rest::End } else { Rest::GoesOn(None, body) };
        }
        let frame = tokio::select! {
            biased;
            frame = body.frame() => frame,
            () = &mut late => {
                finish(None);
                break Rest::GoesOn(None, body);
            }
        };
        match frame {
            None => {
                let pieces = lock(&shared).pieces.clone();
                finish(Some(joined(&pieces, bytes)));
                break Rest::End;
            }
            Some(Err(error)) => break Rest::Broken(error),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) if bytes + data.len() <= reach.bytes_max && reach.ahead.take(data.len()) => {
                    bytes += data.len();
                    let mut between = lock(&shared);
                    between.bytes += data.len();
                    between.pieces.push(data);
                    wake(between);
                }
                // Too large, or too much together with others, or with trailers, which cannot be handed on.
                beyond => {
                    finish(None);
                    break Rest::GoesOn(Some(beyond.map_or_else(|trailers| trailers, Frame::data)), body);
                }
            },
        }
    };
    let mut between = lock(&shared);
    between.rest = Some(rest);
    wake(between);
}

fn wake(mut between: MutexGuard<'_, Between>) {
    let client = between.client.take();
    drop(between);
    if let Some(client) = client {
        client.wake();
    }
}

fn joined(pieces: &[Bytes], bytes: usize) -> Bytes {
    if let [piece] = pieces {
        return piece.clone();
    }
    let mut whole = BytesMut::with_capacity(bytes);
    pieces.iter().for_each(|piece| whole.extend_from_slice(piece));
    whole.freeze()
}

/// What the client reads.
struct Filling {
    shared: Shared,
    /// How many of the pieces it has.
    at: usize,
    /// What is missing of a length that is known.
    left: Option<u64>,
    /// The upstream's own body, once it goes beyond its reach.
    direct: Option<Body>,
    reading: AbortHandle,
}

impl Filling {
    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(direct) = &mut self.direct {
            return Pin::new(direct).poll_frame(context);
        }
        let mut between = lock(&self.shared);
        if let Some(piece) = between.pieces.get(self.at) {
            self.at += 1;
            return Poll::Ready(Some(Ok(Frame::data(piece.clone()))));
        }
        match between.rest.take() {
            None => {
                between.client = Some(context.waker().clone());
                Poll::Pending
            }
            Some(Rest::End) => {
                between.rest = Some(Rest::End);
                Poll::Ready(None)
            }
            Some(Rest::Broken(error)) => {
                between.rest = Some(Rest::End);
                Poll::Ready(Some(Err(error)))
            }
            Some(Rest::GoesOn(next, body)) => {
                drop(between);
                let direct = self.direct.insert(body);
                match next {
                    Some(next) => Poll::Ready(Some(Ok(next))),
                    None => Pin::new(direct).poll_frame(context),
                }
            }
        }
    }
}

impl http_body::Body for Filling {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(self.poll_piece(context));
        if let (Some(left), Some(Ok(frame))) = (&mut self.left, &frame) {
            *left = left.saturating_sub(frame.data_ref().map_or(0, |data| data.len() as u64));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.direct {
            Some(direct) => direct.is_end_stream(),
            None => {
                let between = lock(&self.shared);
                self.at == between.pieces.len() && matches!(between.rest, Some(Rest::End))
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for Filling {
    fn drop(&mut self) {
        // The end of the task drops its errand: whoever waits takes over.
        self.reading.abort();
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::StreamBody;
    use tokio::sync::oneshot;

    use super::*;

    /// Two pieces of five bytes without a length, read ahead of a client who has taken none; and what they were found to be.
    fn ten_bytes(ahead: &Arc<Ahead>) -> (Body, oneshot::Receiver<Option<Bytes>>) {
        let pieces = [b"01234", b"56789"].map(|piece| Ok::<_, BodyError>(Frame::data(Bytes::from_static(piece))));
        let body = Body::boxed(StreamBody::new(futures::stream::iter(pieces)));
        let (tell, told) = oneshot::channel();
        let reach = Reach { bytes_max: 100, ahead: Arc::clone(ahead), within: None };
        (fill(body, reach, Box::new(|whole| drop(tell.send(whole)))), told)
    }

    #[tokio::test]
    async fn what_clients_leave_lying_has_a_limit_in_total() {
        // Would break: one client that asks for many large pages and takes none of them fills the memory.
        let ahead = Ahead::new(17);
        let (lies, first) = ten_bytes(&ahead);
        assert_eq!(first.await.unwrap().as_deref(), Some(&b"0123456789"[..]));
        let (goes_on, second) = ten_bytes(&ahead);
        assert_eq!(second.await.unwrap(), None, "there is room for one piece more, and not for two");
        assert_eq!(goes_on.collect().await.unwrap().to_bytes(), "0123456789", "its own client has all of it");
        drop(lies);
        let (_, third) = ten_bytes(&ahead);
        assert!(third.await.is_err(), "a client that leaves takes nothing with it");
        let (_lies, fourth) = ten_bytes(&ahead);
        assert!(fourth.await.unwrap().is_some(), "what nobody holds any more is free again");
    }
}
