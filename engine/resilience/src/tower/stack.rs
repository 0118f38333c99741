//! A whole stack as a service: all policies in their fixed order around services as endpoints, one line where a `ServiceBuilder`
//! would take eight. Unlike layers one by one, its attempts know of each other: each goes to another endpoint.
//!
//! It is always ready. Readiness is asked of the endpoint that was chosen for an attempt, by a clone and while the attempt counts as
//! under way there.

use std::sync::Arc;
use std::task::{Context, Poll};

use tower_service::Service;

use super::around::Answering;
use super::attempts::Requests;
use super::calls::CallOf;
use super::inner::{Inner, Inside};
use crate::{Advice, Attempt, Failure, Stack};

/// A stack over services. Clones are the same stack.
#[derive(Debug)]
pub struct StackService<S, C, A, P = NoFallback>(Arc<Parts<S, C, A, P>>);

/// Nothing is answered in place of what failed.
#[derive(Debug, Clone, Copy)]
pub struct NoFallback;

/// What makes of a request its fallback.
#[derive(Debug, Clone, Copy)]
pub struct Prepared<P>(P);

#[derive(Debug)]
struct Parts<S, C, A, P> {
    stack: Stack<S>,
    calls: C,
    advise: A,
    prepare: P,
}

impl<S, C, A> StackService<S, C, A> {
    /// With what tells the call of a request, and what an answer or an error says; see [`Stack::call`]. Endpoints come and go through
    /// the stack.
    pub fn new(stack: &Stack<S>, calls: C, advise: A) -> Self {
        Self(Arc::new(Parts { stack: stack.clone(), calls, advise, prepare: NoFallback }))
    }
}

impl<S, C, A, P> StackService<S, C, A, Prepared<P>> {
    /// The same, with what makes of a request the closure that answers in its place; see [`Stack::call_or`]. It is made for every
    /// request, so it should take little of it.
    pub fn with_fallback(stack: &Stack<S>, calls: C, advise: A, prepare: P) -> Self {
        Self(Arc::new(Parts { stack: stack.clone(), calls, advise, prepare: Prepared(prepare) }))
    }
}

impl<S, C, A, P> Clone for StackService<S, C, A, P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S, C, A, P> Parts<S, C, A, P> {
    /// What a result of an endpoint says: refusals of layers around it speak for themselves.
    fn advice<T, E, V>(&self, result: Result<&T, &Failure<E>>) -> Advice
    where
        A: Fn(Result<&T, &E>) -> V,
        V: Into<Advice>,
    {
        match result {
            Ok(answer) => (self.advise)(Ok(answer)).into(),
            Err(Failure::Inner(error)) => (self.advise)(Err(error)).into(),
            Err(Failure::Refused(refusal)) => refusal.into(),
        }
    }
}

impl<S, Request, C, A, V> Service<Request> for StackService<S, C, A>
where
    S: Inside<Request> + Sync,
    Request: Clone + Send + 'static,
    C: CallOf<Request>,
    A: Fn(Result<&S::Answer, &S::Own>) -> V + Send + Sync + 'static,
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
        let requests = Requests::new(request);
        Box::pin(async move {
            let advise = |result: Result<&S::Answer, &Failure<S::Own>>| parts.advice(result);
            let work = |attempt: Attempt, endpoint: Arc<S>| {
                Inner::unready(S::clone(&endpoint)).ask(requests.next(&parts.calls, &attempt.call))
            };
            parts.stack.call(&call, advise, work).await.map_err(Failure::flatten)
        })
    }
}

impl<S, Request, C, A, V, P, I, G> Service<Request> for StackService<S, C, A, Prepared<P>>
where
    S: Inside<Request> + Sync,
    Request: Clone + Send + 'static,
    C: CallOf<Request>,
    A: Fn(Result<&S::Answer, &S::Own>) -> V + Send + Sync + 'static,
    V: Into<Advice>,
    P: Fn(&Request) -> I + Send + Sync + 'static,
    I: FnOnce() -> G + Send + 'static,
    G: Future<Output = Option<S::Answer>> + Send,
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
        let instead = (parts.prepare.0)(&request);
        let requests = Requests::new(request);
        Box::pin(async move {
            let advise = |result: Result<&S::Answer, &Failure<S::Own>>| parts.advice(result);
            let work = |attempt: Attempt, endpoint: Arc<S>| {
                Inner::unready(S::clone(&endpoint)).ask(requests.next(&parts.calls, &attempt.call))
            };
            parts.stack.call_or(&call, advise, work, instead).await.map_err(Failure::flatten)
        })
    }
}
