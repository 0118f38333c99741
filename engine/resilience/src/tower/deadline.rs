//! The deadline as a layer. Waiting for the inner service to become ready is within the deadline, unless the layer was told to wait
//! ahead of the call.

use std::sync::Arc;

use super::around::{Ahead, Answering, Around, PolicyLayer};
use super::calls::CallOf;
use super::inner::{Inner, Inside};
use crate::{Deadline, Failure};

/// A deadline around a service.
pub type DeadlineLayer<C> = PolicyLayer<UnderDeadline<C>>;

/// Calls under a deadline.
#[derive(Debug)]
pub struct UnderDeadline<C> {
    deadline: Deadline,
    calls: C,
}

impl<C> DeadlineLayer<C> {
    /// With what tells the call of a request, and tells the request what is left; see [`Deadline::call`].
    pub fn new(deadline: &Deadline, calls: C) -> Self {
        Self::of(UnderDeadline { deadline: deadline.clone(), calls })
    }
}

impl<C> Ahead for UnderDeadline<C> {}

impl<S, Request, C> Around<S, Request> for UnderDeadline<C>
where
    S: Inside<Request>,
    Request: Send + 'static,
    C: CallOf<Request>,
{
    type Answer = S::Answer;
    type Own = S::Own;

    fn around(self: Arc<Self>, inner: Inner<S>, mut request: Request) -> Answering<S::Answer, S::Own> {
        let call = self.calls.call_of(&request);
        Box::pin(async move {
            let work = |call| {
                self.calls.carry(&mut request, &call);
                inner.ask(request)
            };
            self.deadline.call(&call, work).await.map_err(Failure::flatten)
        })
    }
}
