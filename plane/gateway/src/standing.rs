//! What outlives the plans: upstreams with their connections and what was learned of them, the tasks that look after them, and the counters.
//!
//! Owned by the [`Gateway`](crate::gateway::Gateway), changed only while a new plan is made. Always holds: an upstream whose place in the settings stays keeps
//! everything; one that no plan names any more is forgotten with its tasks.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use homeostat_edge::{AccessLog, Guards};
use homeostat_reactor::Clock;
use homeostat_resilience::Listener;
use homeostat_routing::settings::{self, CacheStore, HostHeader, UpstreamHealth};
use homeostat_routing::{Source, UpstreamPlan};
use http::HeaderValue;
use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use crate::cache::Answers;
use crate::plan::owner_of;
use crate::telemetry::{Count, RouteMeter, Spans};
use crate::upstream::{CheckTerms, Place, Terms, Upstream, watch_health, watch_name};

/// What stands.
pub struct Standing {
    workers: usize,
    clock: Clock,
    listener: Listener,
    /// Where tasks of upstreams run: beside the requests, never among them.
    aside: Handle,
    upstreams: BTreeMap<Arc<str>, Stand>,
    meters: BTreeMap<Arc<str>, Arc<RouteMeter>>,
    unrouted: Arc<Count>,
    spans: Arc<Spans>,
    guards: Arc<Guards>,
    answers: Option<Kept<Answers, CacheStore>>,
    log: Option<Kept<AccessLog, settings::AccessLog>>,
    folder: PathBuf,
}

/// What is kept as long as its settings stay.
struct Kept<T, S> {
    value: Arc<T>,
    settings: S,
    task: Option<AbortHandle>,
}

impl<T, S> Drop for Kept<T, S> {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// What is new of a plan that is not in force yet; dropped, it never was.
pub struct Prepared {
    answers: Option<Kept<Answers, CacheStore>>,
    log: Option<Kept<AccessLog, settings::AccessLog>>,
}

#[derive(Debug)]
struct Stand {
    upstream: Arc<Upstream>,
    /// What it was made by; tasks are begun anew only when this changes.
    plan: UpstreamPlan,
    tasks: Vec<AbortHandle>,
}

impl Drop for Stand {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl Standing {
    /// Nothing yet.
    pub fn new(workers: usize, clock: Clock, listener: Listener, aside: Handle, folder: PathBuf) -> Self {
        let (upstreams, meters) = (BTreeMap::new(), BTreeMap::new());
        let (unrouted, spans, guards) = (Arc::default(), Arc::default(), Arc::new(Guards::new()));
        Self {
            workers,
            clock,
            listener,
            aside,
            upstreams,
            meters,
            unrouted,
            spans,
            guards,
            answers: None,
            log: None,
            folder,
        }
    }

    /// What guards of routes keep.
    pub const fn guards(&self) -> &Arc<Guards> {
        &self.guards
    }

    /// Who collects spans.
    pub fn spans(&self) -> Arc<Spans> {
        Arc::clone(&self.spans)
    }

    /// Requests that no route took.
    pub fn unrouted(&self) -> Arc<Count> {
        Arc::clone(&self.unrouted)
    }

    /// What may fail of a new plan: the memory for answers and the log. Those that stand, with what is in them, unless their settings have
    /// changed. Nothing that stands changes yet.
    ///
    /// # Errors
    /// When the settings make no memory, or the file of the log cannot be written.
    pub fn prepare(&self, settings: &settings::Gateway) -> Result<Prepared, Vec<String>> {
        let answers = match &self.answers {
            Some(kept) if kept.settings == settings.cache => None,
            _ => {
                let made = Answers::new(&settings.cache, self.clock.clone());
                let value = Arc::new(made.map_err(|why| vec![format!("gateway.cache: {why}")])?);
                let task = Some(self.aside.spawn(Arc::clone(&value).tidy()).abort_handle());
                Some(Kept { value, settings: settings.cache.clone(), task })
            }
        };
        let log = match &self.log {
            Some(kept) if kept.settings == settings.access_log => None,
            _ => {
                let opened = AccessLog::open(&settings.access_log, &self.folder);
                let file = settings.access_log.file.as_deref().unwrap_or_default();
                let value = Arc::new(opened.map_err(|error| vec![format!("gateway.access_log: {file}: {error}")])?);
                Some(Kept { value, settings: settings.access_log.clone(), task: None })
            }
        };
        Ok(Prepared { answers, log })
    }

    /// What was prepared stands from now on.
    pub fn put(&mut self, prepared: Prepared) -> (Arc<Answers>, Arc<AccessLog>) {
        let answers = prepared.answers.or(self.answers.take()).expect("what does not stand yet was prepared");
        let log = prepared.log.or(self.log.take()).expect("what does not stand yet was prepared");
        let both = (Arc::clone(&answers.value), Arc::clone(&log.value));
        (self.answers, self.log) = (Some(answers), Some(log));
        both
    }

    /// The counters of a route.
    pub fn meter(&mut self, route: &Arc<str>) -> Arc<RouteMeter> {
        Arc::clone(self.meters.entry(Arc::clone(route)).or_default())
    }

    /// The upstream of a plan, with its tasks.
    pub fn upstream(&mut self, plan: &UpstreamPlan, terms: Terms) -> Arc<Upstream> {
        if let Some(stand) = self.upstreams.get(&plan.name)
            && stand.plan == *plan
        {
            return Arc::clone(&stand.upstream);
        }
        let terms = Arc::new(terms);
        let upstream = match self.upstreams.get(&plan.name) {
            Some(stand) if stand.plan.source == plan.source => {
                if !is_reached_alike(&stand.plan.settings, &plan.settings) {
                    stand.upstream.connect_by(terms);
                }
                Arc::clone(&stand.upstream)
            }
            _ => {
                let (clock, listener) = (self.clock.clone(), self.listener.clone());
                Arc::new(Upstream::new(&plan.name, self.workers, clock, listener, terms))
            }
        };
        let mut tasks = Vec::new();
        match &plan.source {
            Source::Static(addresses) => {
                upstream.replace(&addresses.iter().copied().map(Place::at).collect::<Vec<_>>());
            }
            Source::Dns { name, port } => {
                let every = Duration::from(plan.settings.dns_interval.0);
                let look = watch_name(Arc::clone(&upstream), format!("{name}:{port}"), every);
                tasks.push(self.aside.spawn(look).abort_handle());
            }
            // Told by the engine; what it told before stands.
            Source::Service { .. } => {}
        }
        if let Some(health) = &plan.settings.health
            && let Some(check) = check_terms(plan, health)
        {
            let watch = watch_health(Arc::clone(&upstream), check);
            tasks.push(self.aside.spawn(watch).abort_handle());
        }
        let stand = Stand { upstream: Arc::clone(&upstream), plan: plan.clone(), tasks };
        self.upstreams.insert(Arc::clone(&plan.name), stand);
        upstream
    }

    /// Forgets what no plan names any more.
    pub fn keep(&mut self, upstreams: &[UpstreamPlan], routes: &[homeostat_routing::Route]) {
        self.upstreams.retain(|name, _| upstreams.iter().any(|plan| plan.name == *name));
        self.meters.retain(|name, _| routes.iter().any(|route| route.name == *name));
        let owners: BTreeSet<&str> = routes.iter().map(|route| &*owner_of(route, routes).name).collect();
        for stand in self.upstreams.values() {
            stand.upstream.keep_policies_of(|owner| owners.contains(owner));
        }
    }

    /// The upstreams that are told by the engine under this name: a service, or `SERVICE:PORT` for one of its further ports.
    pub fn of_service(&self, told: &str) -> Vec<Arc<Upstream>> {
        let is_it = |stand: &&Stand| service_key(&stand.plan.source).is_some_and(|key| key == told);
        self.upstreams.values().filter(is_it).map(|stand| Arc::clone(&stand.upstream)).collect()
    }

    /// The name under which the engine tells of an upstream, if it does.
    pub fn key_of(&self, upstream: &str) -> Option<String> {
        service_key(&self.upstreams.get(upstream)?.plan.source)
    }

    /// All upstreams, with what each was made by.
    pub fn upstreams(&self) -> impl Iterator<Item = (&Arc<Upstream>, &UpstreamPlan)> {
        self.upstreams.values().map(|stand| (&stand.upstream, &stand.plan))
    }

    /// All counters of routes.
    pub fn meters(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<RouteMeter>)> {
        self.meters.iter()
    }
}

/// The name under which the engine tells of the endpoints of an upstream.
pub fn service_key(source: &Source) -> Option<String> {
    match source {
        Source::Service { name, port } if &**port == "port" => Some(name.to_string()),
        Source::Service { name, port } => Some(format!("{name}:{port}")),
        Source::Static(_) | Source::Dns { .. } => None,
    }
}

/// Whether connections are made, used and kept in the same way.
fn is_reached_alike(one: &settings::Upstream, other: &settings::Upstream) -> bool {
    let kept = |settings: &settings::Upstream| (settings.connections_max, settings.connection_idle);
    one.protocol == other.protocol
        && one.tls == other.tls
        && one.host_header == other.host_header
        && one.connect_timeout == other.connect_timeout
        && kept(one) == kept(other)
}

fn check_terms(plan: &UpstreamPlan, health: &UpstreamHealth) -> Option<CheckTerms> {
    let host = match (&plan.source, plan.settings.host_header) {
        (Source::Dns { name, .. }, _) => name.to_string(),
        (_, HostHeader::Keep | HostHeader::Upstream) => plan.name.to_string(),
    };
    Some(CheckTerms {
        path: health.path.parse().ok()?,
        host: HeaderValue::try_from(host).ok()?,
        every: Duration::from(health.interval.0),
        within: Duration::from(health.timeout.0),
        failures: health.failures,
        successes: health.successes,
    })
}
