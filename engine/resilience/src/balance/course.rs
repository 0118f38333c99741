//! Several attempts at one call, each at another endpoint.
//!
//! Made by [`Balancer::course`](super::Balancer::course) for each call, and handed to a retry or a hedge, which say whether there is
//! another attempt. Attempts may run side by side. It allocates nothing.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use super::{Balancer, EndpointId, Pick};
use crate::{Advice, Call, Failure, Refusal};

/// The latest endpoints that are remembered as tried: no budget pays for more attempts at one call.
const TRIED_MAX: usize = 8;

/// Where one call was tried.
#[derive(Debug)]
pub struct Course<T> {
    balancer: Balancer<T>,
    tried: Mutex<Tried>,
}

#[derive(Debug, Default)]
struct Tried {
    endpoints: [EndpointId; TRIED_MAX],
    count: usize,
}

impl<T> Course<T> {
    pub(super) fn new(balancer: Balancer<T>) -> Self {
        Self { balancer, tried: Mutex::default() }
    }

    /// An endpoint for the next attempt.
    ///
    /// # Errors
    /// That there is none.
    pub fn pick(&self, call: &Call) -> Result<Pick<T>, Refusal> {
        // Held while choosing, so that two attempts that begin at once do not choose the same.
        let mut tried = self.tried.lock().unwrap_or_else(PoisonError::into_inner);
        let known = tried.count.min(TRIED_MAX);
        let pick = self.balancer.pick_besides(call, &tried.endpoints[..known])?;
        let place = tried.count % TRIED_MAX;
        tried.endpoints[place] = pick.id();
        tried.count += 1;
        Ok(pick)
    }

    /// Makes the next attempt, and learns from what `advise` says of its result.
    ///
    /// # Errors
    /// The call's own, or that there is no endpoint, or no time left.
    pub async fn call<R, E, A, F>(
        &self,
        call: &Call,
        advise: impl Fn(&Result<R, E>) -> A,
        work: impl FnOnce(Arc<T>) -> F,
    ) -> Result<R, Failure<E>>
    where
        A: Into<Advice>,
        F: Future<Output = Result<R, E>>,
    {
        if call.is_over(self.balancer.0.clock.now()) {
            return Err(Refusal::DeadlinePassed.into());
        }
        let pick = self.pick(call)?;
        let result = work(Arc::clone(pick.value())).await;
        pick.finish(advise(&result));
        result.map_err(Failure::Inner)
    }
}
