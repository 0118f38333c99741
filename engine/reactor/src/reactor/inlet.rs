//! A way in for values of one type, for those who need not know the reactor's events: a driver tells its signals, a prober its
//! results, and none of them knows what else goes on.

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::emitter::{Emitter, RefusedWhy};
use crate::event::Event;

/// Takes values of one type in. Cheap to clone.
pub struct Inlet<T>(Arc<dyn Admit<T>>);

impl<T> Clone for Inlet<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Inlet<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Inlet")
    }
}

impl<T> Inlet<T> {
    /// Hands a value over, waiting for room where its class blocks.
    pub async fn send(&self, value: T) -> Result<(), RefusedWhy> {
        self.0.send(value).await
    }

    /// Hands a value over if that needs no waiting.
    pub fn try_send(&self, value: T) -> Result<(), RefusedWhy> {
        self.0.try_send(value)
    }
}

trait Admit<T>: Send + Sync {
    fn send(&self, value: T) -> BoxFuture<'_, Result<(), RefusedWhy>>;
    fn try_send(&self, value: T) -> Result<(), RefusedWhy>;
}

struct Making<E: Event, M> {
    emitter: Emitter<E>,
    make: M,
}

impl<T, E: Event, M: Fn(T) -> E + Send + Sync> Admit<T> for Making<E, M> {
    fn send(&self, value: T) -> BoxFuture<'_, Result<(), RefusedWhy>> {
        let event = (self.make)(value);
        Box::pin(async move { self.emitter.emit(event).await.map_err(|refused| refused.why) })
    }

    fn try_send(&self, value: T) -> Result<(), RefusedWhy> {
        self.emitter.try_emit((self.make)(value)).map_err(|refused| refused.why)
    }
}

impl<E: Event> Emitter<E> {
    /// A way in for values that become events.
    pub fn inlet<T: 'static>(&self, make: impl Fn(T) -> E + Send + Sync + 'static) -> Inlet<T> {
        Inlet(Arc::new(Making { emitter: self.clone(), make }))
    }
}

/// Where there is no reactor, a channel serves.
impl<T: Send + 'static> From<mpsc::Sender<T>> for Inlet<T> {
    fn from(channel: mpsc::Sender<T>) -> Self {
        Self(Arc::new(channel))
    }
}

impl<T: Send> Admit<T> for mpsc::Sender<T> {
    fn send(&self, value: T) -> BoxFuture<'_, Result<(), RefusedWhy>> {
        Box::pin(async move { Self::send(self, value).await.map_err(|_| RefusedWhy::Closed) })
    }

    fn try_send(&self, value: T) -> Result<(), RefusedWhy> {
        Self::try_send(self, value).map_err(|error| match error {
            TrySendError::Full(_) => RefusedWhy::Full,
            TrySendError::Closed(_) => RefusedWhy::Closed,
        })
    }
}
