//! The service inside a layer: whether it was found ready, and how a request gets through it without ever calling it unready.

use std::future::poll_fn;

use tower_service::Service;

use crate::Failure;

/// A service that a layer can go around: cloned for each call, and failing with [`Failure`]. Where it fails with errors of its
/// own, an [`InnermostLayer`](super::InnermostLayer) goes around it first. Implemented for every service that fits.
pub trait Inside<Request>:
    Service<Request, Response = Self::Answer, Error = Failure<Self::Own>, Future: Send + 'static> + Clone + Send + 'static
{
    /// What it answers.
    type Answer: Send + 'static;
    /// Its own error, in a [`Failure`].
    type Own: Send + 'static;
}

impl<S, Request, T, E> Inside<Request> for S
where
    S: Service<Request, Response = T, Error = Failure<E>, Future: Send + 'static> + Clone + Send + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    type Answer = T;
    type Own = E;
}

/// A service for one request: found ready, or to be waited for. Dropped, it gives back what it had reserved when it became ready.
#[derive(Debug)]
pub struct Inner<S> {
    service: S,
    is_ready: bool,
}

impl<S> Inner<S> {
    pub(super) const fn ready(service: S, is_ready: bool) -> Self {
        Self { service, is_ready }
    }

    /// One that nobody has asked yet whether it is ready.
    pub const fn unready(service: S) -> Self {
        Self { service, is_ready: false }
    }

    /// The service, asked or not.
    pub(super) const fn service(&self) -> &S {
        &self.service
    }

    /// Waits until it is ready, if it is not, and makes the request.
    ///
    /// # Errors
    /// The service's, also when it fails to become ready.
    pub async fn ask<Request>(mut self, request: Request) -> Result<S::Response, S::Error>
    where
        S: Service<Request>,
    {
        if !self.is_ready {
            poll_fn(|context| self.service.poll_ready(context)).await?;
        }
        self.service.call(request).await
    }
}
