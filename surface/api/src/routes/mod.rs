//! Every address of the interface, declared once: the router and the OpenAPI document are made from this list.

mod actions;
mod commands;
mod documents;
mod episodes;
mod events;
mod health;
mod page;
mod services;
mod telemetry;

pub use actions::ActionPage;
pub use commands::{PauseBody, PausedEverything, ShutdownBody};
pub use episodes::{EpisodeDetail, EpisodePage, EpisodesQuery, ToldChapter, ToldDetail, ToldLine, Why};
pub use health::{
    AnomalyDetector, AutoScaler, DecisionEngine, Health, HealthStatus, Orchestrator, RecoverySystem, SystemStatus,
    Systems,
};
pub use services::ServiceList;

pub use crate::reading::{ActionDetail, ActionState, ActionSummary, EpisodeState, EpisodeSummary, Event};

use crate::admit;
use crate::code::Code;
use crate::engine::{CommandRequest, Engine, JournalView, ReactorView, ReloadOutcome, ReloadRequest};
use crate::extract::BODY_BYTES_MAX;
use crate::problem::Refused;
use crate::route::{Payload, Route, schema};
use crate::serve::Options;
use crate::stopping::Stopping;
use crate::token::Token;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use homeostat_reactor::ReactorSnapshot;
use homeostat_vocabulary::{ActionId, CommandReply, EpisodeId, Policy, ServiceName, ServiceStatus, Status};
use hyper::{Method, Uri};
use prometheus_client::registry::Registry;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, mpsc, watch};

/// The one address that needs no token.
pub(crate) const HEALTH: &str = "/api/health";

/// What all handlers share.
#[derive(Clone)]
pub(crate) struct Shared(Arc<Parts>);

/// The parts of [`Shared`].
pub(crate) struct Parts {
    pub commands: mpsc::Sender<CommandRequest>,
    pub reloads: mpsc::Sender<ReloadRequest>,
    pub status: watch::Receiver<Arc<Status>>,
    pub policy: watch::Receiver<Arc<Policy>>,
    pub journal: JournalView,
    pub reactor: ReactorView,
    pub metrics: Registry,
    pub version: String,
    pub token: Token,
    pub since: Instant,
    pub streams: Arc<Semaphore>,
    pub streams_max: usize,
    pub request_time_max: Duration,
    pub stopping: Stopping,
}

impl Deref for Shared {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl Shared {
    pub(crate) fn new(engine: Engine, token: Token, options: &Options, stopping: Stopping) -> Self {
        Self(Arc::new(Parts {
            commands: engine.commands,
            reloads: engine.reloads,
            status: engine.status,
            policy: engine.policy,
            journal: engine.journal,
            metrics: telemetry::registry(&engine.version, &engine.reactor),
            reactor: engine.reactor,
            version: engine.version,
            token,
            since: Instant::now(),
            streams: Arc::new(Semaphore::new(options.streams_max)),
            streams_max: options.streams_max,
            request_time_max: options.request_time_max,
            stopping,
        }))
    }

    /// The latest status.
    pub(crate) fn status(&self) -> Arc<Status> {
        Arc::clone(&self.status.borrow())
    }
}

/// The list.
pub(crate) fn all() -> Vec<Route> {
    let mut routes = for_reading();
    routes.extend(for_commands());
    routes
}

fn for_reading() -> Vec<Route> {
    const READING: &[Code] = &[Code::JournalUnreadable, Code::TooMany];
    const ONE: &[Code] = &[Code::NothingHere, Code::JournalUnreadable, Code::TooMany];
    const STREAM: &[Code] = &[Code::EventsGone, Code::JournalUnreadable, Code::TooMany];
    let mut health = Route::get::<Health, _>(HEALTH, health::health)
        .called("getHealth", "How the engine is; 503 when it cannot act or is stopping. Needs no token.");
    health.also = Some(503);
    let mut events = Route::get_other("/v1/events", Payload::Events(schema::<Event>), events::events)
        .called("streamEvents", "Server-sent events: each record of the journal once, its place as the event's id.")
        .with_query::<events::EventsQuery>()
        .refuses(STREAM);
    events.headers = &[("Last-Event-ID", "Resume behind this record; weighs more than `after`.")];
    vec![
        health,
        Route::get::<Status, _>("/v1/status", services::status).called("getStatus", "Everything at a glance."),
        Route::get::<ServiceList, _>("/v1/services", services::services).called("listServices", "Every service."),
        Route::get::<ServiceStatus, _>("/v1/services/{name}", services::service)
            .called("getService", "One service.")
            .of::<ServiceName>()
            .refuses(&[Code::NothingHere]),
        Route::get::<Policy, _>("/v1/policy", services::policy)
            .called("getPolicy", "The policy in force: every setting with its value, secrets by reference."),
        Route::get::<EpisodePage, _>("/v1/episodes", episodes::episodes)
            .called("listEpisodes", "Episodes, the open ones first, then the closed ones, newest first.")
            .with_query::<EpisodesQuery>()
            .refuses(READING),
        Route::get::<EpisodeDetail, _>("/v1/episodes/{id}", episodes::episode)
            .called("getEpisode", "One episode: its facts, and its story in words.")
            .of::<EpisodeId>()
            .with_query::<episodes::EpisodeQuery>()
            .refuses(ONE),
        Route::get::<ActionPage, _>("/v1/actions", actions::actions)
            .called("listActions", "Actions, newest first.")
            .with_query::<page::PageQuery>()
            .refuses(READING),
        Route::get::<ActionDetail, _>("/v1/actions/{id}", actions::action)
            .called("getAction", "One action: its plan, what else was considered, and every fact about it.")
            .of::<ActionId>()
            .refuses(ONE),
        events,
        Route::get::<ReactorSnapshot, _>("/v1/reactor", telemetry::reactor).called(
            "getReactor",
            "The engine's own event path: what waits in each class, how long, what was lost, and how its handlers do.",
        ),
        Route::get_other("/metrics", Payload::Text(telemetry::OPENMETRICS), telemetry::metrics)
            .called("getMetrics", "Metrics in the OpenMetrics text format, for Prometheus and its kin."),
        Route::get_other(
            "/v1/openapi.json",
            Payload::Json(schema::<serde_json::Map<String, serde_json::Value>>),
            documents::openapi,
        )
        .called("getOpenapi", "This document."),
        Route::get_other("/docs/errors/{code}", Payload::Text("text/markdown; charset=utf-8"), documents::error_page)
            .called("getErrorPage", "The page about a code of this interface, as a problem's `type` names it.")
            .of::<String>()
            .refuses(&[Code::NothingHere]),
    ]
}

fn for_commands() -> Vec<Route> {
    const COMMAND: &[Code] = &[Code::TooLarge, Code::NothingHere, Code::EngineSilent, Code::ShuttingDown];
    const ON_ACTION: &[Code] = &[
        Code::NothingHere,
        Code::WrongState,
        Code::EngineSilent,
        Code::ShuttingDown,
        Code::KillSwitch,
        Code::RecoverySwitch,
        Code::Autonomy,
        Code::Rate,
        Code::Backoff,
        Code::Freshness,
        Code::OneActor,
        Code::Journal,
        Code::Reversible,
    ];
    vec![
        Route::post::<CommandReply, _>("/v1/actions/{id}/approve", commands::approve)
            .called("approveAction", "Carry out a plan that waits for a person.")
            .of::<ActionId>()
            .refuses(ON_ACTION),
        Route::post::<CommandReply, _>("/v1/actions/{id}/reject", commands::reject)
            .called("rejectAction", "Refuse a plan that waits for a person.")
            .of::<ActionId>()
            .refuses(ON_ACTION),
        Route::post::<CommandReply, _>("/v1/actions/{id}/undo", commands::undo)
            .called("undoAction", "Take an action back.")
            .of::<ActionId>()
            .refuses(ON_ACTION),
        Route::post::<CommandReply, _>("/v1/services/{name}/start", commands::start)
            .called("startService", "Start a service that starts when it is asked for; done already when it is awake.")
            .of::<ServiceName>()
            .refuses(&[
                Code::NothingHere,
                Code::EngineSilent,
                Code::ShuttingDown,
                Code::KillSwitch,
                Code::OneActor,
                Code::Journal,
            ]),
        Route::post::<CommandReply, _>("/v1/pause", commands::pause)
            .called("pause", "Stop acting, for everything or for one service. Sensing goes on.")
            .with_body::<PauseBody>()
            .refuses(COMMAND),
        Route::post::<CommandReply, _>("/v1/resume", commands::resume)
            .called("resume", "Act again.")
            .with_body::<PauseBody>()
            .refuses(COMMAND),
        Route::post::<CommandReply, _>("/v1/shutdown", commands::shutdown)
            .called("shutdown", "End the engine.")
            .with_body::<ShutdownBody>()
            .refuses(COMMAND),
        Route::post::<ReloadOutcome, _>("/v1/reload", commands::reload)
            .called("reload", "Read the configuration again; the one in force stays when the new one has problems.")
            .refuses(&[Code::ConfigurationRefused, Code::EngineSilent]),
    ]
}

/// The router behind the gate.
pub(crate) fn router(shared: Shared) -> Router {
    let router = all().into_iter().fold(Router::new(), |router, route| router.route(route.path, route.handler));
    router
        .fallback(async |uri: Uri| {
            Refused::nothing(format!("there is nothing at {}", uri.path()), "/v1/openapi.json lists every address")
        })
        .method_not_allowed_fallback(async |method: Method, uri: Uri| {
            let detail = format!("{} does not answer {method}", uri.path());
            Refused::new(Code::WrongMethod, detail, "/v1/openapi.json tells the methods of every address")
        })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(axum::middleware::from_fn_with_state(shared.clone(), admit::admit))
        .with_state(shared)
}
