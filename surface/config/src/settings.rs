//! The resolved configuration in the form its users want: settings for the wiring, the policy for the loop.
//!
//! Made only from sections that passed every check, so every conversion here holds.

use crate::check_api_address;
use crate::section::{Document, Health, LogFormat, LogLevel, Service, Start};
use homeostat_vocabulary as vocabulary;
use homeostat_vocabulary::{EnvironmentValue, Millis, Policy, Probe, SecretReference, ServiceName};
use serde::Serialize;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// The engine's own settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Settings {
    /// What this engine is called.
    pub name: String,
    /// Where everything is kept, absolute.
    pub data_folder: PathBuf,
    /// The least important lines that are logged.
    pub log_level: LogLevel,
    /// How log lines are written.
    pub log_format: LogFormat,
    /// How long the journal is kept.
    pub journal_retention: Millis,
    /// Whether the API answers on TCP.
    pub api_enabled: bool,
    /// Where it listens; always an address of this machine alone. Port 0 takes any free one.
    pub api_listen: SocketAddr,
}

/// The settings of these sections.
pub fn settings(document: &Document) -> Settings {
    let fallback = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
    Settings {
        name: document.engine.name.clone(),
        data_folder: PathBuf::from(&document.engine.data_folder),
        log_level: document.engine.log_level,
        log_format: document.engine.log_format,
        journal_retention: document.engine.journal_retention.0,
        api_enabled: document.api.enabled,
        // An address that cannot be read was refused by the checks.
        api_listen: check_api_address(&document.api.listen).unwrap_or(fallback),
    }
}

/// The policy of these sections.
pub fn policy(document: &Document, folder: &Path) -> Policy {
    let named = document.services.iter().filter_map(|(name, service)| {
        let name: ServiceName = name.parse().ok()?;
        Some((name.clone(), resolve_service(name, service, folder)?))
    });
    Policy {
        services: named.collect(),
        repair: (&document.repair).into(),
        switches: vocabulary::Switches {
            recovery: document.recovery.enabled,
            detection: document.detection.enabled,
            ai_decisions: document.decisions.ai,
        },
        scaling: (&document.scaling).into(),
    }
}

fn resolve_service(name: ServiceName, service: &Service, folder: &Path) -> Option<vocabulary::Service> {
    let environment = service.environment.iter().map(|(key, value)| {
        let value = match value.resolve() {
            EnvironmentValue::Secret(SecretReference::File(path)) => {
                let path = folder.join(path).display().to_string();
                EnvironmentValue::Secret(SecretReference::File(path))
            }
            other => other,
        };
        (key.clone(), value)
    });
    let own_port = service.port.map(|port| ("port".to_owned(), port.0));
    let further = service.ports.iter().map(|(name, port)| (name.clone(), port.0));
    let mut depends_on: Vec<ServiceName> = service.depends_on.iter().filter_map(|name| name.parse().ok()).collect();
    depends_on.sort();
    depends_on.dedup();
    Some(vocabulary::Service {
        name,
        command: service.command.clone()?.0,
        instances: service.instances,
        environment: environment.collect(),
        working_folder: service.working_folder.clone()?,
        ports: own_port.into_iter().chain(further).collect(),
        depends_on,
        health: service.health.as_ref().and_then(resolve_health),
        objectives: vocabulary::Objectives {
            availability_ppm: service.objectives.availability.map(|share| share.0),
            recovery: service.objectives.recovery.map(|period| period.0),
        },
        stop: vocabulary::Stop { signal: service.stop.signal.0, grace: service.stop.grace.0 },
        limits: vocabulary::Limits {
            memory_bytes: service.limits.memory.map(|size| size.0),
            open_files: service.limits.open_files,
            cpu_seconds: service.limits.cpu_time.map(|time| time.0.0.div_ceil(1_000)),
            file_bytes: service.limits.file_size.map(|size| size.0),
        },
        autonomy: service.autonomy,
        start: match service.start {
            Start::AtOnce => vocabulary::StartMode::AtOnce,
            Start::OnRequest => {
                vocabulary::StartMode::OnRequest { idle_stop: service.idle_stop.map(|period| period.0) }
            }
        },
        takes_over: false,
        ends_first: false,
    })
}

fn resolve_health(health: &Health) -> Option<vocabulary::HealthCheck> {
    let http = health.http.clone().map(|url| Probe::Http { url });
    let tcp = health.tcp.clone().map(|address| Probe::Tcp { address });
    let exec = health.exec.clone().map(|words| Probe::Exec { command: words.0 });
    Some(vocabulary::HealthCheck {
        probe: http.or(tcp).or(exec)?,
        interval: health.interval.0,
        timeout: health.timeout.unwrap_or(Health::TIMEOUT).0,
        failures: health.failures,
        successes: health.successes,
        start_grace: health.start_grace.0,
    })
}
