//! The running gateway: what its workers and its control share.
//!
//! Always holds: the plan is swapped whole, and a request keeps the one it began with; nothing on the path of a request waits for the
//! control, and nothing of either waits for the engine.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use homeostat_edge::Guards;
use homeostat_reactor::Clock;
use homeostat_resilience::Listener;
use homeostat_resilience::chance::Chance;
use homeostat_resilience::metrics::PolicyMetrics;
use homeostat_routing::{UpstreamPlan, settings};
use prometheus_client::registry::Registry;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::complaints::Complaints;
use crate::live::Calls;
use crate::plan::Plan;
use crate::runtimes::Runtimes;
use crate::standing::{Standing, service_key};
use crate::telemetry::{GatewayMetrics, Refusals, Seen, Signals, Spans, Tap};
use crate::upstream::{Place, Upstream};
use crate::view::{RouteView, StatusView, UpstreamView};

/// Settings with what tells them from others.
#[derive(Debug, Clone)]
pub struct Written {
    /// The section `[gateway]`.
    pub settings: settings::Gateway,
    /// Changes whenever the settings do.
    pub fingerprint: String,
}

/// Reads the settings again; every problem is one line.
pub type Reader = Box<dyn Fn() -> Result<Written, Vec<String>> + Send + Sync>;

/// The running gateway.
pub struct Gateway {
    plan: ArcSwap<Plan>,
    standing: Mutex<Standing>,
    /// Held while the settings are read again: of two at once, the later reads what is later.
    reading: Mutex<()>,
    reader: Reader,
    calls: Calls,
    signals: Signals,
    tap: Arc<Tap>,
    spans: Arc<Spans>,
    refusals: Refusals,
    runtimes: Runtimes,
    complaints: Complaints,
    /// Told when a new plan is in force: listeners may have to change.
    changed: watch::Sender<u64>,
    /// Told when the gateway is to end.
    ending: watch::Sender<bool>,
    clock: Clock,
    chance: Chance,
    workers: usize,
    started: SystemTime,
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Gateway").field("workers", &self.workers).finish_non_exhaustive()
    }
}

impl Gateway {
    /// One with these settings. Its tasks run on `aside`.
    ///
    /// # Errors
    /// With every problem of the settings.
    pub fn new(
        written: Written,
        workers: usize,
        reader: Reader,
        aside: Handle,
        folder: PathBuf,
    ) -> Result<Self, Vec<String>> {
        let clock = Clock::machine();
        let mut standing = Standing::new(workers, clock.clone(), Listener::default(), aside, folder);
        let plan = Plan::make(Arc::new(written.settings), written.fingerprint, &mut standing)?;
        let spans = standing.spans();
        Ok(Self {
            plan: ArcSwap::from_pointee(plan),
            standing: Mutex::new(standing),
            reading: Mutex::new(()),
            reader,
            calls: Calls::default(),
            signals: Signals::default(),
            tap: Arc::default(),
            spans,
            refusals: Refusals::default(),
            runtimes: Runtimes::default(),
            complaints: Complaints::default(),
            changed: watch::channel(0).0,
            ending: watch::channel(false).0,
            clock,
            chance: Chance::of_the_machine(),
            workers,
            started: SystemTime::now(),
        })
    }

    /// The plan in force.
    pub fn plan(&self) -> Arc<Plan> {
        self.plan.load_full()
    }

    /// The clock of its policies.
    pub const fn clock(&self) -> &Clock {
        &self.clock
    }

    /// A number that nobody can tell beforehand; not for secrets.
    pub fn chance(&self) -> u64 {
        self.chance.next_u64()
    }

    /// How many workers it has.
    pub const fn workers(&self) -> usize {
        self.workers
    }

    /// What guards of routes keep.
    pub fn guards(&self) -> Arc<Guards> {
        Arc::clone(self.standing().guards())
    }

    /// Which services somebody waits for.
    pub const fn calls(&self) -> &Calls {
        &self.calls
    }

    /// What the engine is told.
    pub const fn signals(&self) -> &Signals {
        &self.signals
    }

    /// Who looks at requests.
    pub const fn tap(&self) -> &Arc<Tap> {
        &self.tap
    }

    /// Who collects spans.
    pub const fn spans(&self) -> &Arc<Spans> {
        &self.spans
    }

    /// What the wire refused.
    pub const fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// Where its workers run.
    pub const fn runtimes(&self) -> &Runtimes {
        &self.runtimes
    }

    /// What it has to complain of.
    pub const fn complaints(&self) -> &Complaints {
        &self.complaints
    }

    /// Told each time a new plan is in force.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Told when the gateway is to end.
    pub fn ending(&self) -> watch::Receiver<bool> {
        self.ending.subscribe()
    }

    /// Lets requests end and takes no more.
    pub fn drain(&self) {
        self.ending.send_replace(true);
    }

    /// Reads the settings again. Whether they are others, and their fingerprint.
    ///
    /// # Errors
    /// With every problem; the last good plan stays in force.
    pub async fn reload(self: &Arc<Self>) -> Result<(bool, String), Vec<String>> {
        let gateway = Arc::clone(self);
        // Reading files may take its time.
        let read = tokio::task::spawn_blocking(move || gateway.reload_now()).await;
        let read = read.unwrap_or_else(|error| Err(vec![format!("the settings could not be read: {error}")]));
        self.complaints.of_settings(read.as_ref().err().map_or(&[], Vec::as_slice));
        read
    }

    fn reload_now(&self) -> Result<(bool, String), Vec<String>> {
        let _one_at_a_time = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let written = (self.reader)()?;
        let mut standing = self.standing();
        let before = self.plan();
        if *before.settings == written.settings {
            return Ok((false, before.fingerprint.clone()));
        }
        let plan = Plan::make(Arc::new(written.settings), written.fingerprint, &mut standing)?;
        let fingerprint = plan.fingerprint.clone();
        self.plan.store(Arc::new(plan));
        drop(standing);
        self.changed.send_modify(|number| *number += 1);
        Ok((true, fingerprint))
    }

    /// The engine's list of the instances of a service.
    pub fn put_endpoints(&self, told: &str, places: &[Place]) {
        let upstreams = self.standing().of_service(told);
        for upstream in upstreams {
            upstream.replace(places);
        }
        if !places.is_empty() {
            self.calls.came(told);
        }
    }

    /// A request waits for this upstream.
    pub fn call_for(&self, upstream: &Upstream) {
        let key = self.standing().key_of(upstream.name());
        if let Some(key) = key {
            self.calls.call_for(&key, upstream.hold.waiting() <= 1);
            if !upstream.is_empty() {
                // It came in this very moment.
                self.calls.came(&key);
            }
        }
    }

    /// How many requests wait for a service.
    pub fn waiting_for(&self, told: &str) -> usize {
        self.standing().of_service(told).iter().map(|upstream| upstream.hold.waiting()).sum()
    }

    /// Every list of instances that the engine has told, to be kept for the next start.
    pub fn told(&self) -> Vec<(String, Vec<Place>)> {
        let standing = self.standing();
        let of_services =
            standing.upstreams().filter_map(|(upstream, plan)| Some((service_key(&plan.source)?, upstream)));
        of_services
            .map(|(key, upstream)| (key, upstream.endpoints().iter().map(|endpoint| endpoint.place.clone()).collect()))
            .collect()
    }

    /// All upstreams.
    pub fn upstreams(&self) -> Vec<Arc<Upstream>> {
        self.standing().upstreams().map(|(upstream, _)| Arc::clone(upstream)).collect()
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seen(&self) -> Seen {
        let standing = self.standing();
        let plan = self.plan();
        Seen {
            cache: plan.answers.snapshot(),
            log: plan.log.counts(),
            unrouted: plan.unrouted.get(),
            refusals: self.refusals.read().collect(),
            routes: standing.meters().map(|(name, meter)| (name.to_string(), Arc::clone(meter))).collect(),
            upstreams: standing.upstreams().map(|(upstream, _)| Arc::clone(upstream)).collect(),
        }
    }

    /// Its numbers in the text format of Prometheus.
    pub fn metrics(self: &Arc<Self>) -> String {
        let mut registry = Registry::default();
        let gateway = Arc::clone(self);
        registry.register_collector(Box::new(GatewayMetrics::of(move || gateway.seen())));
        let gateway = Arc::clone(self);
        let policies =
            move || gateway.seen().upstreams.iter().flat_map(|upstream| upstream.snapshots()).collect::<Vec<_>>();
        registry.register_collector(Box::new(PolicyMetrics::of(policies)));
        let mut text = String::new();
        // Writing into a text does not fail.
        let _ = prometheus_client::encoding::text::encode(&mut text, &registry);
        text
    }

    /// What it is and how it is.
    pub fn status(&self) -> StatusView {
        let millis = |since: Duration| u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        StatusView {
            version: env!("CARGO_PKG_VERSION"),
            pid: std::process::id(),
            started_ms: self.started.duration_since(UNIX_EPOCH).map_or(0, millis),
            fingerprint: self.plan().fingerprint.clone(),
            workers: self.workers,
            stuck: self.runtimes.stuck(Instant::now()),
            draining: *self.ending.borrow(),
            complaints: self.complaints.read(),
        }
    }

    /// The routes in force.
    pub fn routes(&self) -> Vec<RouteView> {
        RouteView::of(&self.plan())
    }

    /// Instances that the engine took out of its lists and that have requests under way still.
    pub fn leaving(&self) -> BTreeSet<String> {
        self.standing().upstreams().flat_map(|(upstream, _)| upstream.leaving()).collect()
    }

    /// All upstreams with their endpoints.
    pub fn endpoints(&self) -> Vec<UpstreamView> {
        let all: Vec<(Arc<Upstream>, UpstreamPlan)> =
            self.standing().upstreams().map(|(upstream, plan)| (Arc::clone(upstream), plan.clone())).collect();
        all.iter().map(|(upstream, plan)| UpstreamView::of(upstream, plan)).collect()
    }
}
