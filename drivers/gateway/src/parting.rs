//! Instances that are about to be stopped: taken out of the gateway first, so that no request meets a process that ends.
//!
//! Called by the hands around each stop, and by the link. Always holds: a stop is held up for [`TOLD_WITHIN`], and for as long as the
//! gateway says that requests are under way there, within what the hands allow; not at all when the gateway is gone or was not told of
//! the instance; an instance comes back when its stop did not happen, and is forgotten with the life that ended.

use crate::client::Client;
use crate::lists::Lists;
use homeostat_act::{Parting, Pending};
use homeostat_vocabulary::{InstanceId, ServiceName, Status};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How long the gateway may take to be told: one small write on this machine. A stop is worth more than a gateway that hangs.
const TOLD_WITHIN: Duration = Duration::from_millis(250);

/// When the gateway is asked again whether requests are under way still: a stop is late by half of it, and a question costs little.
const ASKED_AGAIN: Duration = Duration::from_millis(20);

/// Who leaves, and what the gateway knows of it.
pub(crate) struct Leaving {
    client: Client,
    status: watch::Receiver<Arc<Status>>,
    known: Mutex<Known>,
    /// Counts the changes to who leaves.
    changes: watch::Sender<u64>,
    /// The change that the gateway was told of last; `None` while it does not answer.
    told: watch::Sender<Option<u64>>,
}

#[derive(Default)]
struct Known {
    /// With the process that leaves; another one of the same instance is a new life.
    leaving: BTreeMap<InstanceId, Option<u32>>,
    listed: Lists,
    behind_gateway: BTreeSet<ServiceName>,
}

impl Leaving {
    pub(crate) fn new(client: Client, status: watch::Receiver<Arc<Status>>) -> Self {
        Self { client, status, known: Mutex::default(), changes: watch::channel(0).0, told: watch::channel(None).0 }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Told when somebody leaves or stays after all.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Who leaves still; those whose life is over do not any more.
    pub(crate) fn still_leaving(&self, status: &Status) -> BTreeSet<InstanceId> {
        let mut known = self.known();
        known.leaving.retain(|id, pid| pid_of(status, id) == *pid);
        known.leaving.keys().cloned().collect()
    }

    /// The gateway has these lists, made when who leaves had changed so many times.
    pub(crate) fn told(&self, number: u64, lists: Lists) {
        self.known().listed = lists;
        self.told.send_replace(Some(number));
    }

    pub(crate) fn unreachable(&self) {
        self.told.send_replace(None);
    }

    /// The services that the gateway sends requests to.
    pub(crate) fn behind_gateway(&self, services: BTreeSet<ServiceName>) {
        self.known().behind_gateway = services;
    }

    /// Notes that an instance leaves; the number of that change, if the gateway has to be told.
    fn note(&self, instance: &InstanceId) -> Option<u64> {
        let pid = pid_of(&self.status.borrow(), instance);
        let mut known = self.known();
        let concerned = known.behind_gateway.contains(&instance.service) && known.listed.names(instance);
        if !concerned || self.told.borrow().is_none() {
            return None;
        }
        known.leaving.insert(instance.clone(), pid);
        drop(known);
        Some(self.changed())
    }

    /// Returns when nothing is under way at this instance any more. A gateway that does not answer has nothing under way either.
    async fn drained(&self, instance: &str) {
        while let Ok(leaving) = self.client.get::<BTreeSet<String>>("/v1/leaving", Duration::ZERO).await
            && leaving.contains(instance)
        {
            tokio::time::sleep(ASKED_AGAIN).await;
        }
    }

    fn changed(&self) -> u64 {
        let mut now = 0;
        self.changes.send_modify(|number| {
            *number += 1;
            now = *number;
        });
        now
    }
}

fn pid_of(status: &Status, id: &InstanceId) -> Option<u32> {
    let mut instances = status.services.iter().flat_map(|service| &service.instances);
    instances.find(|instance| instance.id == *id).and_then(|instance| instance.pid)
}

impl Parting for Leaving {
    fn leaves(&self, instance: &InstanceId, within: Duration) -> Pending<'_, ()> {
        let (noted, name) = (self.note(instance), instance.to_string());
        Box::pin(async move {
            let Some(number) = noted else { return };
            let mut told = self.told.subscribe();
            let heard = told.wait_for(|told| told.is_none_or(|told| told >= number));
            // Late, gone, or never told: the stop goes on in any case.
            let heard = tokio::time::timeout(TOLD_WITHIN, heard).await;
            let was_told = heard.is_ok_and(|heard| heard.is_ok_and(|told| told.is_some()));
            if was_told {
                // What takes longer is the service's own to end: it is asked to, not killed.
                let _over_or_late = tokio::time::timeout(within, self.drained(&name)).await;
            }
        })
    }

    fn stays(&self, instance: &InstanceId) {
        if self.known().leaving.remove(instance).is_some() {
            self.changed();
        }
    }
}
