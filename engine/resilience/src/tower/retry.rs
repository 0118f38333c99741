//! The retry as a layer. Requests are cloned, once for each attempt; each attempt but the first asks a clone of the inner service,
//! and waits until that is ready. During a pause no service is held that was found ready.

use std::sync::Arc;

use super::around::{Ahead, Answering, Around, PolicyLayer};
use super::attempts::Attempts;
use super::calls::CallOf;
use super::inner::{Inner, Inside};
use crate::{Advice, Attempt, Failure, Retry};

/// A retry around a service.
pub type RetryLayer<C, A> = PolicyLayer<UnderRetry<C, A>>;

/// Calls that are tried again.
#[derive(Debug)]
pub struct UnderRetry<C, A> {
    retry: Retry,
    calls: C,
    advise: A,
}

impl<C, A> RetryLayer<C, A> {
    /// With what tells the call of a request and what a result says; see [`Retry::call`].
    pub fn new(retry: &Retry, calls: C, advise: A) -> Self {
        Self::of(UnderRetry { retry: retry.clone(), calls, advise })
    }
}

impl<C, A> Ahead for UnderRetry<C, A> {}

impl<S, Request, C, A, V> Around<S, Request> for UnderRetry<C, A>
where
    S: Inside<Request>,
    Request: Clone + Send + 'static,
    C: CallOf<Request>,
    A: Fn(&Result<S::Answer, Failure<S::Own>>) -> V + Send + Sync + 'static,
    V: Into<Advice>,
{
    type Answer = S::Answer;
    type Own = S::Own;

    fn around(self: Arc<Self>, inner: Inner<S>, request: Request) -> Answering<S::Answer, S::Own> {
        let call = self.calls.call_of(&request);
        let attempts = Attempts::new(inner, request);
        Box::pin(async move {
            let work = |attempt: Attempt| attempts.start(&self.calls, &attempt.call);
            self.retry.call(&call, &self.advise, work).await.map_err(Failure::flatten)
        })
    }
}
