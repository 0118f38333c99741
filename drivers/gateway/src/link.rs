//! The link: three loops beside the engine. One pushes the lists of instances, one waits for services that are asked for, one
//! waits for how requests went.
//!
//! Started by the wiring, dropped when the engine ends. Always holds: each loop has at most one question out; a gateway that does not
//! answer is asked again at a steady, slow pace, and one that comes back is told everything at once. The policies for calls are not
//! used: there is one peer, on this machine, and these loops are the retry.

use crate::client::{Client, Unreachable};
use crate::listening::{self, Listening};
use crate::lists::{Inherited, Lists, service_of};
use crate::parting::Leaving;
use crate::seen::{Activations, Endpoint, Itself, Signals, Standing, Upstream};
use homeostat_act::Parting;
use homeostat_reactor::Inlet;
use homeostat_vocabulary::{Complaint, Phase, Policy, ServiceName, Status, Timestamp, TrafficReport};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until};

/// The lists are told again this often although nothing has changed: whatever was lost is mended by then.
const TOLD_AGAIN: Duration = Duration::from_secs(5);

/// The pause before a gateway that does not answer is asked again: it may be starting, and requests wait for it.
const ASKED_AGAIN: Duration = Duration::from_millis(50);

/// A gateway that is being started answers sooner: silence that lasts longer is told.
const STARTS_WITHIN: Duration = Duration::from_secs(1);

/// How long the gateway may wait for a service to be asked for.
const ACTIVATIONS_WAIT: Duration = Duration::from_secs(20);

/// How long it may wait for a further batch of signals; it makes one a second.
const SIGNALS_WAIT: Duration = Duration::from_secs(5);

/// The least time between two questions of a loop: a gateway that answers at once for ever must not keep the engine busy.
const BETWEEN_ACTIVATIONS: Duration = Duration::from_millis(20);
const BETWEEN_SIGNALS: Duration = Duration::from_millis(500);

/// As many services are taken from one answer; more are asked for again.
const SERVICES_MAX: usize = 1_000;

/// What the gateway has the engine know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Requests wait for this service.
    Wanted(ServiceName),
    /// How requests went for every service that the gateway knows.
    Traffic(Vec<TrafficReport>),
    /// What the gateway has to complain of, told when that changes.
    Complaints(Vec<Complaint>),
}

/// What a link needs.
pub struct Options {
    /// The way to the gateway's control.
    pub client: Client,
    /// Everything at a glance, as it changes.
    pub status: watch::Receiver<Arc<Status>>,
    /// Where the engine hears of it.
    pub heard: Inlet<Heard>,
    /// The time.
    pub clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
}

/// The engine's link to the gateway.
pub struct Link {
    client: Client,
    status: watch::Receiver<Arc<Status>>,
    heard: Inlet<Heard>,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    leaving: Arc<Leaving>,
    listening: Listening,
    came_back: Notify,
}

impl Link {
    /// A link that does nothing before it is run.
    #[must_use]
    pub fn new(options: Options) -> Self {
        let Options { client, status, heard, clock } = options;
        let leaving = Arc::new(Leaving::new(client.clone(), status.clone()));
        Self { client, status, heard, clock, leaving, listening: Listening::default(), came_back: Notify::new() }
    }

    /// Takes instances out of the gateway before they are stopped.
    #[must_use]
    pub fn parting(&self) -> Arc<dyn Parting> {
        Arc::<Leaving>::clone(&self.leaving)
    }

    /// Runs while the policy has the service `gateway`, until it is dropped or the engine has ended.
    pub async fn run_while_declared(self, gateway: &str, mut policy: watch::Receiver<Arc<Policy>>) {
        let has_one = |policy: &Arc<Policy>| policy.services.keys().any(|name| name.as_str() == gateway);
        while policy.wait_for(has_one).await.is_ok() {
            tokio::select! {
                () = self.run() => return,
                // Without anybody who could change the policy the engine has ended, and so has this.
                gone = policy.wait_for(|policy| !has_one(policy)) => if gone.is_err() { return },
            }
        }
    }

    /// Keeps the gateway in step until it is dropped, or the engine has ended.
    pub async fn run(&self) {
        tokio::select! {
            () = self.tell_lists() => {}
            () = self.hear_of_wishes() => {}
            () = self.hear_of_traffic() => {}
        }
    }

    async fn tell_lists(&self) {
        let (mut status, mut leavings) = (self.status.clone(), self.leaving.changes());
        // Before that the engine has not looked what runs, and would have the gateway forget all of it.
        if status.wait_for(|status| status.has_looked()).await.is_err() {
            return;
        }
        let (mut told, mut inherited) = (None::<Lists>, Inherited::default());
        let (mut due, mut silent) = (Instant::now(), None);
        loop {
            let number = *leavings.borrow_and_update();
            let now = Arc::clone(&status.borrow_and_update());
            inherited.observe(&now);
            let answer = self.tell(&now, told.as_ref(), &mut inherited, due <= Instant::now()).await;
            complain_once(answer.as_ref().err(), &mut silent);
            match answer {
                Ok(None) => {}
                Ok(Some(lists)) => (told, due) = (Some(lists), Instant::now() + TOLD_AGAIN),
                Err(_) => (told, due) = (None, Instant::now() + ASKED_AGAIN),
            }
            match &told {
                Some(lists) => self.leaving.told(number, lists.clone()),
                None => self.leaving.unreachable(),
            }
            tokio::select! {
                changed = status.changed(), if told.is_some() => if changed.is_err() { return },
                changed = leavings.changed(), if told.is_some() => if changed.is_err() { return },
                () = sleep(listening::ASKED_AGAIN), if told.is_some() && self.listening.is_unsure() => {}
                () = self.came_back.notified() => (told, due) = (None, Instant::now()),
                () = sleep_until(due) => {}
            }
        }
    }

    /// Tells the lists, if they are others than before or it is time to; what the gateway has now.
    async fn tell(
        &self,
        status: &Status,
        before: Option<&Lists>,
        inherited: &mut Inherited,
        due: bool,
    ) -> Result<Option<Lists>, Unreachable> {
        if before.is_none() {
            let upstreams: Vec<Upstream> = self.client.get("/v1/endpoints", Duration::ZERO).await?;
            self.listening.hear(&upstreams);
            inherited.hear(upstreams.into_iter().flat_map(|upstream| upstream.endpoints).filter_map(Endpoint::place));
        }
        let shut = self.listening.shut(status).await;
        let lists = Lists::of(status, &self.leaving.still_leaving(status), &shut, inherited);
        let lists = before.into_iter().fold(lists, Lists::emptied_after);
        if before == Some(&lists) && !due {
            return Ok(None);
        }
        self.client.put("/v1/endpoints", &lists).await?;
        Ok(Some(lists))
    }

    async fn hear_of_wishes(&self) {
        let (mut after, mut was_gone) = (0, true);
        loop {
            let question = format!("/v1/activations?after={after}&wait_ms={}", ACTIVATIONS_WAIT.as_millis());
            match self.client.get::<Activations>(&question, ACTIVATIONS_WAIT).await {
                Ok(answer) => {
                    if std::mem::take(&mut was_gone) {
                        self.came_back.notify_one();
                    }
                    after = answer.number;
                    for waiting in answer.services.iter().take(SERVICES_MAX) {
                        if let Ok(service) = service_of(&waiting.service).parse() {
                            self.want(service).await;
                        }
                    }
                    sleep(BETWEEN_ACTIVATIONS).await;
                }
                Err(_) => {
                    // Whoever answers next may be another gateway, which counts anew.
                    (after, was_gone) = (0, true);
                    sleep(ASKED_AGAIN).await;
                }
            }
        }
    }

    async fn hear_of_traffic(&self) {
        let (mut after, mut complaints) = (0, None);
        loop {
            self.hear_complaints(&mut complaints).await;
            match self.look(&mut after).await {
                Ok((standing, reports)) => {
                    // What was refused, or lost with an engine, is asked for again as long as requests wait for it.
                    for service in standing.waited_for.iter().filter(|service| self.rests(service)) {
                        self.want(service.clone()).await;
                    }
                    // A full lane only means that the next batch is heard instead.
                    let _ = self.heard.try_send(Heard::Traffic(reports));
                    sleep(BETWEEN_SIGNALS).await;
                }
                Err(_) => sleep(ASKED_AGAIN).await,
            }
        }
    }

    /// Passes on what the gateway has to complain of, if that is not what it was. One that does not answer has said nothing new.
    async fn hear_complaints(&self, before: &mut Option<Vec<Complaint>>) {
        let Ok(itself) = self.client.get::<Itself>("/v1/status", Duration::ZERO).await else { return };
        let complaints = itself.complaints();
        if before.as_ref() != Some(&complaints) {
            *before = Some(complaints.clone());
            // The receiver is gone only when the engine ends.
            let _ = self.heard.send(Heard::Complaints(complaints)).await;
        }
    }

    async fn look(&self, after: &mut u64) -> Result<(Standing, Vec<TrafficReport>), Unreachable> {
        let question = format!("/v1/signals?after={after}&wait_ms={}", SIGNALS_WAIT.as_millis());
        let signals: Signals = self.client.get(&question, SIGNALS_WAIT).await?;
        *after = signals.number;
        let upstreams: Vec<Upstream> = self.client.get("/v1/endpoints", Duration::ZERO).await?;
        let standing = Standing::of(&upstreams);
        self.listening.hear(&upstreams);
        self.leaving.behind_gateway(standing.services());
        let reports = standing.report(&signals.signals, (self.clock)());
        Ok((standing, reports))
    }

    async fn want(&self, service: ServiceName) {
        // The receiver is gone only when the engine ends.
        let _ = self.heard.send(Heard::Wanted(service)).await;
    }

    fn rests(&self, name: &ServiceName) -> bool {
        let status = self.status.borrow();
        let service = status.services.iter().find(|service| service.name == *name);
        service.is_some_and(|service| service.instances.iter().all(|instance| instance.phase == Phase::Resting))
    }
}

/// Tells once when the gateway does not take the lists for longer than one takes to start, and once when it does again.
fn complain_once(error: Option<&Unreachable>, silent: &mut Option<Silence>) {
    let Some(error) = error else {
        if silent.take().is_some_and(|silence| silence.is_told) {
            tracing::info!("the gateway is told of instances again");
        }
        return;
    };
    let silence = silent.get_or_insert_with(|| Silence { since: Instant::now(), is_told: false });
    if !silence.is_told && silence.since.elapsed() >= STARTS_WITHIN {
        silence.is_told = true;
        tracing::warn!(%error, "the gateway is not told of instances; it goes on with the last");
    }
}

/// For how long the gateway has not answered.
struct Silence {
    since: Instant,
    is_told: bool,
}
