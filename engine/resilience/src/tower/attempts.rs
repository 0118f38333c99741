//! The attempts at one request, for whoever may make it more than once: each gets a clone of the request and a service of its own,
//! the first the one that may have been found ready.

use std::sync::{Mutex, PoisonError};

use super::calls::CallOf;
use super::inner::{Inner, Inside};
use crate::{Call, Failure};

/// Something that is cloned again and again by one task. The lock has nobody to wait for, because attempts start one after the
/// other; it is there so that neither requests nor services need be `Sync`.
struct Original<T>(Mutex<Option<T>>);

impl<T> Original<T> {
    const fn new(original: T) -> Self {
        Self(Mutex::new(Some(original)))
    }

    /// Takes it out for a moment, so that no lock is held while it is cloned: that is the caller's code.
    fn with<R>(&self, work: impl FnOnce(&mut T) -> R) -> R {
        let mut original = self.swap(None).expect("attempts start one after the other");
        let output = work(&mut original);
        self.swap(Some(original));
        output
    }

    fn swap(&self, other: Option<T>) -> Option<T> {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), other)
    }
}

/// A request that may be made more than once.
pub(super) struct Requests<Request>(Original<Request>);

impl<Request: Clone> Requests<Request> {
    pub(super) const fn new(request: Request) -> Self {
        Self(Original::new(request))
    }

    /// The request for another attempt, told what is left of the call.
    pub(super) fn next(&self, calls: &impl CallOf<Request>, call: &Call) -> Request {
        let mut request = self.0.with(|request| request.clone());
        calls.carry(&mut request, call);
        request
    }
}

/// A request that may be made more than once through clones of one service.
pub(super) struct Attempts<S, Request> {
    services: Original<(Option<Inner<S>>, S)>,
    requests: Requests<Request>,
}

impl<S, Request> Attempts<S, Request>
where
    S: Inside<Request>,
    Request: Clone,
{
    pub(super) fn new(first: Inner<S>, request: Request) -> Self {
        let others = first.service().clone();
        Self { services: Original::new((Some(first), others)), requests: Requests::new(request) }
    }

    /// Starts another attempt, with what is left of the call.
    pub(super) fn start<C: CallOf<Request>>(
        &self,
        calls: &C,
        call: &Call,
    ) -> impl Future<Output = Result<S::Answer, Failure<S::Own>>> + use<S, Request, C> {
        let inner =
            self.services.with(|(first, others)| first.take().unwrap_or_else(|| Inner::unready(others.clone())));
        inner.ask(self.requests.next(calls, call))
    }
}
