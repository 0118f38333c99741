//! Eternal mode as a layer. It answers also when the inner service never becomes ready: while that is waited for, the fallback is
//! prepared, and the wait counts against the attempt. Requests are cloned, once for each attempt.

use std::sync::Arc;

use super::around::{Answering, Around, PolicyLayer};
use super::attempts::Attempts;
use super::calls::CallOf;
use super::inner::{Inner, Inside};
use crate::eternal::Answer;
use crate::{Advice, Attempt, Eternal, Failure};

/// Eternal mode around a service. It answers an [`Answer`], which tells a fresh one from the fallback's;
/// `map_response(Answer::into_inner)` for whom that is all the same.
pub type EternalLayer<C, A, P> = PolicyLayer<ForEver<C, A, P>>;

/// Calls that always have an answer.
#[derive(Debug)]
pub struct ForEver<C, A, P> {
    eternal: Eternal,
    calls: C,
    advise: A,
    prepare: P,
}

impl<C, A, P> EternalLayer<C, A, P> {
    /// With what tells the call of a request, what a result says, and what makes of a request its fallback; see [`Eternal::call`].
    pub fn new(eternal: &Eternal, calls: C, advise: A, prepare: P) -> Self {
        Self::of(ForEver { eternal: eternal.clone(), calls, advise, prepare })
    }
}

impl<S, Request, C, A, V, P, I, G> Around<S, Request> for ForEver<C, A, P>
where
    S: Inside<Request>,
    Request: Clone + Send + 'static,
    C: CallOf<Request>,
    A: Fn(&Result<S::Answer, Failure<S::Own>>) -> V + Send + Sync + 'static,
    V: Into<Advice>,
    P: Fn(&Request) -> I + Send + Sync + 'static,
    I: FnOnce() -> G + Send + 'static,
    G: Future<Output = Result<S::Answer, Failure<S::Own>>> + Send,
{
    type Answer = Answer<S::Answer>;
    type Own = S::Own;

    fn around(self: Arc<Self>, inner: Inner<S>, request: Request) -> Answering<Self::Answer, S::Own> {
        let call = self.calls.call_of(&request);
        let fallback = (self.prepare)(&request);
        let attempts = Attempts::new(inner, request);
        Box::pin(async move {
            let work = |attempt: Attempt| attempts.start(&self.calls, &attempt.call);
            self.eternal.call(&call, &self.advise, work, fallback).await
        })
    }
}
