//! The fallback as a layer, outermost of all. The request is gone when it turns out that an answer is wanted in its place, so what
//! the fallback needs of it is taken before: the layer is given a closure that looks at each request and makes the one that may
//! be asked.

use std::sync::Arc;

use super::around::{Answering, Around, PolicyLayer};
use super::inner::{Inner, Inside};
use crate::{Advice, Failure, Fallback};

/// A fallback around a service.
pub type FallbackLayer<A, P> = PolicyLayer<WithFallback<A, P>>;

/// Calls with something to answer in their place.
#[derive(Debug)]
pub struct WithFallback<A, P> {
    fallback: Fallback,
    advise: A,
    prepare: P,
}

impl<A, P> FallbackLayer<A, P> {
    /// With what a result says, and what makes of a request the closure that answers in place of its failure; see
    /// [`Fallback::call`]. It is made for every request, so it should take little of it.
    pub fn new(fallback: &Fallback, advise: A, prepare: P) -> Self {
        Self::of(WithFallback { fallback: fallback.clone(), advise, prepare })
    }
}

impl<S, Request, A, V, P, I, G> Around<S, Request> for WithFallback<A, P>
where
    S: Inside<Request>,
    Request: Send + 'static,
    A: Fn(&Result<S::Answer, Failure<S::Own>>) -> V + Send + Sync + 'static,
    V: Into<Advice>,
    P: Fn(&Request) -> I + Send + Sync + 'static,
    I: FnOnce(&Result<S::Answer, Failure<S::Own>>) -> G + Send + 'static,
    G: Future<Output = Option<S::Answer>> + Send,
{
    type Answer = S::Answer;
    type Own = S::Own;

    fn around(self: Arc<Self>, inner: Inner<S>, request: Request) -> Answering<S::Answer, S::Own> {
        let instead = (self.prepare)(&request);
        Box::pin(async move { self.fallback.call(inner.ask(request), &self.advise, instead).await })
    }
}
