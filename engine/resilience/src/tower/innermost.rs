//! Goes around a service that knows nothing of policies, and makes its own errors [`Failure::Inner`]: from there on outwards all
//! layers fail alike, whichever of them there are and in whatever order.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

use crate::Failure;

/// The innermost layer. `ServiceBuilder::map_err(Failure::Inner)` does the same without a box, where all of `tower` is at hand.
#[derive(Debug, Clone, Copy, Default)]
pub struct InnermostLayer;

impl<S> Layer<S> for InnermostLayer {
    type Service = InnermostService<S>;

    fn layer(&self, inner: S) -> InnermostService<S> {
        InnermostService(inner)
    }
}

/// A service whose errors are failures of its own.
#[derive(Debug, Clone)]
pub struct InnermostService<S>(S);

impl<S, Request> Service<Request> for InnermostService<S>
where
    S: Service<Request, Future: Send + 'static>,
{
    type Response = S::Response;
    type Error = Failure<S::Error>;
    type Future = Pin<Box<dyn Future<Output = Result<S::Response, Failure<S::Error>>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context).map_err(Failure::Inner)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let answer = self.0.call(request);
        Box::pin(async move { answer.await.map_err(Failure::Inner) })
    }
}
