//! The balancer as a service: not a layer, because it goes around many services and not one. Each endpoint of the balancer is a
//! service; each request goes to one of them.
//!
//! It is always ready. Readiness is asked of the endpoint that was chosen, by a clone and while the call counts as under way there:
//! one that is slow to become ready is seen as slow. A retry or hedge around it does not tell it where a request was tried
//! before; it knows what is under way and what failed, and mostly goes elsewhere because of that.

use std::sync::Arc;
use std::task::{Context, Poll};

use tower_service::Service;

use super::around::Answering;
use super::calls::CallOf;
use super::inner::{Inner, Inside};
use crate::{Advice, Balancer, Failure};

/// A balancer over services. Clones are the same balancer.
#[derive(Debug)]
pub struct BalanceService<S, C, A>(Arc<Parts<S, C, A>>);

#[derive(Debug)]
struct Parts<S, C, A> {
    balancer: Balancer<S>,
    calls: C,
    advise: A,
}

impl<S, C, A> BalanceService<S, C, A> {
    /// With what tells the call of a request and what a result says; see [`Balancer::call`]. Endpoints come and go through the
    /// balancer.
    pub fn new(balancer: &Balancer<S>, calls: C, advise: A) -> Self {
        Self(Arc::new(Parts { balancer: balancer.clone(), calls, advise }))
    }
}

impl<S, C, A> Clone for BalanceService<S, C, A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S, Request, C, A, V> Service<Request> for BalanceService<S, C, A>
where
    S: Inside<Request> + Sync,
    Request: Send + 'static,
    C: CallOf<Request>,
    A: Fn(&Result<S::Answer, Failure<S::Own>>) -> V + Send + Sync + 'static,
    V: Into<Advice>,
{
    type Response = S::Answer;
    type Error = Failure<S::Own>;
    type Future = Answering<S::Answer, S::Own>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let parts = Arc::clone(&self.0);
        let call = parts.calls.call_of(&request);
        Box::pin(async move {
            let work = |endpoint: Arc<S>| Inner::unready(S::clone(&endpoint)).ask(request);
            parts.balancer.call(&call, &parts.advise, work).await.map_err(Failure::flatten)
        })
    }
}
