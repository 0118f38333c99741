//! Which services somebody waits for: told to the engine when it asks, and never pushed, so that an engine that is dead or slow holds up
//! nothing.
//!
//! Written by requests that are held, read by the control. Always holds: one line for each service that is needed, however many wait
//! for it; a service that has come is not in the list any more.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// The list.
#[derive(Debug)]
pub struct Calls {
    /// How often somebody was called for.
    number: watch::Sender<u64>,
    services: Mutex<BTreeSet<String>>,
}

impl Default for Calls {
    fn default() -> Self {
        Self { number: watch::channel(0).0, services: Mutex::default() }
    }
}

impl Calls {
    /// Somebody waits for this service. Costs little when others do so already; the first of them is told of also where the service
    /// was called for before and never came, or came unseen and went.
    pub fn call_for(&self, service: &str, is_first: bool) {
        let is_new = self.services.lock().unwrap_or_else(PoisonError::into_inner).insert(service.to_owned());
        if is_new || is_first {
            self.number.send_modify(|number| *number += 1);
        }
    }

    /// The service is there.
    pub fn came(&self, service: &str) {
        self.services.lock().unwrap_or_else(PoisonError::into_inner).remove(service);
    }

    /// What is called for, as soon as the number is another than `after`, and after `within` at the latest.
    pub async fn look(&self, after: u64, within: Duration) -> (u64, Vec<String>) {
        let mut number = self.number.subscribe();
        // Both a change and the end of the time are an answer.
        let _ = tokio::time::timeout(within, number.wait_for(|number| *number != after)).await;
        let services = self.services.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect();
        (*number.borrow(), services)
    }
}
