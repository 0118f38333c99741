//! Coalescing as a layer. Who follows never touches the inner service, not even to ask whether it is ready; only who leads does.

use std::hash::Hash;
use std::sync::Arc;

use super::around::{Answering, Around, PolicyLayer};
use super::calls::CallOf;
use super::inner::{Inner, Inside};
use crate::{Coalesce, Failure};

/// One answer for equal requests to a service.
pub type CoalesceLayer<K, T, E, C, F> = PolicyLayer<Together<K, T, E, C, F>>;

/// Equal calls that share an answer.
#[derive(Debug)]
pub struct Together<K, T, E, C, F> {
    coalesce: Coalesce<K, T, Failure<E>>,
    calls: C,
    key: F,
}

impl<K, T, E, C, F> CoalesceLayer<K, T, E, C, F> {
    /// With what tells the call of a request and its key; see [`Coalesce::call`].
    pub fn new(coalesce: &Coalesce<K, T, Failure<E>>, calls: C, key: F) -> Self {
        Self::of(Together { coalesce: coalesce.clone(), calls, key })
    }
}

impl<S, Request, K, T, E, C, F> Around<S, Request> for Together<K, T, E, C, F>
where
    S: Inside<Request, Answer = T, Own = E>,
    Request: Send + 'static,
    K: Hash + Eq + Clone + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
    C: CallOf<Request>,
    F: Fn(&Request) -> K + Send + Sync + 'static,
{
    type Answer = T;
    type Own = E;

    fn around(self: Arc<Self>, inner: Inner<S>, mut request: Request) -> Answering<T, E> {
        let call = self.calls.call_of(&request);
        let key = (self.key)(&request);
        Box::pin(async move {
            let work = |call| {
                self.calls.carry(&mut request, &call);
                inner.ask(request)
            };
            self.coalesce.call(&key, &call, work).await.map_err(Failure::flatten)
        })
    }
}
