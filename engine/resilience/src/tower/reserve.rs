//! A bulkhead or a rate limit whose wait is in `poll_ready`, so that whoever is outside feels it as backpressure: a server that reads
//! no further request, a balancer that takes another instance.
//!
//! What is taken is taken before the request is known: by the priority that the layer was given, and without a deadline. It is
//! held by the one instance that was found ready, until that is called or dropped; so an instance must not be kept ready for
//! long. A refusal is no fault of the service: the instance is ready then too, and the next call answers with the refusal.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use tower_layer::Layer;
use tower_service::Service;

use super::around::Answering;
use super::inner::Inside;
use crate::bulkhead::Permit;
use crate::{Bulkhead, Call, Failure, Priority, RateLimit, Refusal};

/// What was taken, or why nothing was, to be waited for.
pub type Reserving<H> = Pin<Box<dyn Future<Output = Result<H, Refusal>> + Send>>;

/// Of what something can be taken ahead of a call.
pub trait Reserve: Clone + Send + Sync + 'static {
    /// What is held until the call has ended.
    type Held: Send + Sync + 'static;

    /// Takes it, or waits for it as long as the settings say. Dropped, it waits no more.
    fn reserve(&self, call: Call) -> Reserving<Self::Held>;
}

impl Reserve for Bulkhead {
    type Held = Permit;

    fn reserve(&self, call: Call) -> Reserving<Permit> {
        let bulkhead = self.clone();
        Box::pin(async move { bulkhead.acquire(&call).await })
    }
}

impl Reserve for RateLimit {
    /// A token cannot be given back.
    type Held = ();

    fn reserve(&self, call: Call) -> Reserving<()> {
        let rate = self.clone();
        Box::pin(async move { rate.acquire(&call).await })
    }
}

/// A bulkhead or a rate limit in the readiness of services.
#[derive(Debug, Clone)]
pub struct ReserveLayer<P> {
    policy: P,
    call: Call,
}

impl<P: Reserve> ReserveLayer<P> {
    /// For requests of this priority.
    pub fn new(policy: &P, priority: Priority) -> Self {
        Self { policy: policy.clone(), call: Call::default().priority(priority) }
    }
}

impl<S, P: Reserve> Layer<S> for ReserveLayer<P> {
    type Service = ReserveService<S, P>;

    fn layer(&self, inner: S) -> ReserveService<S, P> {
        ReserveService { inner, layer: self.clone(), place: Place::None }
    }
}

/// A service that is ready when a bulkhead or a rate limit has room for it.
pub struct ReserveService<S, P: Reserve> {
    inner: S,
    layer: ReserveLayer<P>,
    place: Place<P::Held>,
}

/// How far one instance is on its way to being ready.
enum Place<H> {
    None,
    /// In a lock that nobody ever takes, so that the service is `Sync` as servers want it.
    Waiting(Mutex<Reserving<H>>),
    Taken(H),
    Refused(Refusal),
}

impl<S: Clone, P: Reserve> Clone for ReserveService<S, P> {
    /// Under the same policy, and with nothing taken.
    fn clone(&self) -> Self {
        self.layer.layer(self.inner.clone())
    }
}

impl<S, P, Request> Service<Request> for ReserveService<S, P>
where
    S: Inside<Request>,
    P: Reserve,
{
    type Response = S::Answer;
    type Error = Failure<S::Own>;
    type Future = Answering<S::Answer, S::Own>;

    /// The policy first: an inner service that reserves something in its turn is not kept from others by one that waits here.
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        loop {
            self.place = match &mut self.place {
                Place::None => Place::Waiting(Mutex::new(self.layer.policy.reserve(self.layer.call))),
                Place::Waiting(reserving) => {
                    let reserving = reserving.get_mut().unwrap_or_else(PoisonError::into_inner);
                    ready!(reserving.as_mut().poll(context)).map_or_else(Place::Refused, Place::Taken)
                }
                Place::Taken(_) => {
                    let answer = ready!(self.inner.poll_ready(context));
                    if answer.is_err() {
                        self.place = Place::None;
                    }
                    return Poll::Ready(answer);
                }
                Place::Refused(_) => return Poll::Ready(Ok(())),
            }
        }
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match std::mem::replace(&mut self.place, Place::None) {
            Place::Taken(held) => {
                // The instance that was found ready is called; a clone takes its place.
                let next = self.inner.clone();
                let answer = std::mem::replace(&mut self.inner, next).call(request);
                Box::pin(async move {
                    let _held = held;
                    answer.await
                })
            }
            Place::Refused(refusal) => Box::pin(std::future::ready(Err(refusal.into()))),
            Place::None | Place::Waiting(_) => panic!("a service is called only after poll_ready found it ready"),
        }
    }
}
