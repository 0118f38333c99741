//! One layer and one service for all policies that go around one service: the readiness contract is written here once, and a
//! policy only says how it makes one call.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tower_layer::Layer;
use tower_service::Service;

use super::inner::{Inner, Inside};
use crate::Failure;

/// The response of a layer. In a box, because the futures of the policies have no names: one allocation a layer and call.
pub type Answering<T, E> = Pin<Box<dyn Future<Output = Result<T, Failure<E>>> + Send>>;

/// How a policy makes one call of a service. Nothing happens before the future is polled.
pub trait Around<S, Request>: Send + Sync + 'static {
    /// What the layer answers.
    type Answer;
    /// The error within the [`Failure`].
    type Own;

    /// Makes the request, or refuses it.
    fn around(self: Arc<Self>, inner: Inner<S>, request: Request) -> Answering<Self::Answer, Self::Own>;
}

/// A policy that has no answer without the service inside: waiting for that one ahead of the call delays at most a refusal. See
/// [`PolicyLayer::ahead`].
pub trait Ahead {}

/// Puts a policy around services. Services of the same layer, and their clones, are under the same policy.
#[derive(Debug)]
pub struct PolicyLayer<P> {
    policy: Arc<P>,
    is_ahead: bool,
}

impl<P> PolicyLayer<P> {
    pub(super) fn of(policy: P) -> Self {
        Self { policy: Arc::new(policy), is_ahead: false }
    }
}

impl<P: Ahead> PolicyLayer<P> {
    /// Has `poll_ready` wait for the service inside, so that whoever is outside feels its backpressure. What is waited there is
    /// under no policy: no deadline ends it and no limit counts it.
    #[must_use]
    pub fn ahead(self) -> Self {
        Self { is_ahead: true, ..self }
    }
}

impl<P> Clone for PolicyLayer<P> {
    fn clone(&self) -> Self {
        Self { policy: Arc::clone(&self.policy), is_ahead: self.is_ahead }
    }
}

impl<S, P> Layer<S> for PolicyLayer<P> {
    type Service = PolicyService<S, P>;

    fn layer(&self, inner: S) -> PolicyService<S, P> {
        PolicyService { inner, is_ready: false, layer: self.clone() }
    }
}

/// A service under a policy.
#[derive(Debug)]
pub struct PolicyService<S, P> {
    inner: S,
    /// Whether this very instance of the inner service was found ready and has not been called since.
    is_ready: bool,
    layer: PolicyLayer<P>,
}

impl<S: Clone, P> Clone for PolicyService<S, P> {
    /// Under the same policy. That a service is ready says nothing of its clone.
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), is_ready: false, layer: self.layer.clone() }
    }
}

impl<S, P, Request> Service<Request> for PolicyService<S, P>
where
    P: Around<S, Request>,
    S: Inside<Request, Own = P::Own>,
{
    type Response = P::Answer;
    type Error = Failure<P::Own>;
    type Future = Answering<P::Answer, P::Own>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        if !self.layer.is_ahead {
            return Poll::Ready(Ok(()));
        }
        let answer = ready!(self.inner.poll_ready(context));
        self.is_ready = answer.is_ok();
        Poll::Ready(answer)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        // The instance that was found ready goes with the request; a clone, which nobody has asked yet, takes its place.
        let next = self.inner.clone();
        let service = std::mem::replace(&mut self.inner, next);
        let inner = Inner::ready(service, std::mem::take(&mut self.is_ready));
        Arc::clone(&self.layer.policy).around(inner, request)
    }
}
