//! The gateway as a service of the engine: declared beside those of the owner, with its settings handed over in a file.
//!
//! Called by the wiring at start and at each reload, and by the gateway itself, which reads the file. Always holds: the file is one
//! that passed every check, and is replaced whole; so a gateway starts and goes on without the engine, its configuration file and
//! its environment, and changed settings restart nothing.

use crate::loaded::{GATEWAY_SERVICE, Loaded};
use homeostat_routing::settings::{Activation, Gateway};
use homeostat_vocabulary::{
    Autonomy, EnvironmentValue, HealthCheck, Limits, Millis, Objectives, Probe, Service, StartMode, Stop, StopSignal,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The settings that are handed over, in the data folder.
const FILE: &str = "gateway.plan.json";

/// Where it takes orders when its settings say nothing else, in the data folder.
const CONTROL: &str = "gateway.sock";

/// The variable in which a gateway is told what it reads only once, so that a change of it is a change of what is run.
const EDITION: &str = "HOMEOSTAT_GATEWAY_EDITION";

/// So long beyond its own limit for requests that end a gateway may take for all else; this only ends one that hangs.
const STOP_MARGIN: Millis = Millis(30_000);

/// The shortest grace: a change of the grace is one of what is run, so customary changes of the limit must not change it.
const STOP_GRACE_MIN: Millis = Millis(120_000);

/// Settings of a gateway as they are handed over.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct HandedOver {
    /// The settings.
    pub settings: Gateway,
    /// Changes whenever the configuration does.
    pub fingerprint: String,
}

impl Loaded {
    /// The gateway's settings, with what follows from the services: requests for one that starts on request are held, and start it.
    #[must_use]
    pub fn hand_over(&self) -> Option<HandedOver> {
        let mut settings = self.gateway.as_ref()?.settings.clone();
        let on_request = self.policy.services.values().filter(|service| service.start != StartMode::AtOnce);
        for name in on_request.map(|service| service.name.to_string()) {
            settings.upstreams.entry(name.clone()).or_default();
            for (own, upstream) in &mut settings.upstreams {
                let elsewhere = !upstream.endpoints.is_empty() || upstream.dns.is_some();
                if upstream.service.as_ref().unwrap_or(own) == &name && !elsewhere {
                    upstream.activation.get_or_insert_with(Activation::default);
                }
            }
        }
        Some(HandedOver { settings, fingerprint: self.fingerprint() })
    }

    /// Where a gateway of this configuration takes orders, whether there is to be one or not.
    #[must_use]
    pub fn gateway_control(&self) -> PathBuf {
        let written = self.gateway.as_ref().and_then(|plan| plan.settings.control.socket.as_ref());
        written.map_or_else(|| self.settings.data_folder.join(CONTROL), PathBuf::from)
    }

    /// Adds the gateway, if there is to be one, to what is looked after, and hands its settings over. It is run by `program`, of which
    /// `edition` tells one state from another, and asked for its health where it takes orders.
    pub fn declare_gateway(&mut self, program: &str, edition: &str) -> io::Result<()> {
        let Some(handed) = self.hand_over() else { return Ok(()) };
        let folder = self.settings.data_folder.clone();
        // Whatever becomes of the settings: a gateway that runs must not be taken for one that nobody wants.
        let edition = format!("{edition}, workers: {:?}", handed.settings.workers);
        let drain = handed.settings.limits.drain.0;
        let grace = Millis(drain.0.saturating_add(STOP_MARGIN.0)).max(STOP_GRACE_MIN);
        let service = service(program, &edition, &self.gateway_control(), &folder, grace);
        self.policy.services.insert(service.name.clone(), service);
        write(&folder, &handed)
    }
}

impl HandedOver {
    /// Reads a file that an engine has written.
    pub fn read(file: &Path) -> Result<Self, String> {
        let text = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
        serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", file.display()))
    }
}

fn write(folder: &Path, handed: &HandedOver) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let fresh = folder.join(format!("{FILE}.new"));
    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(&serde_json::to_vec(handed)?)?;
    file.sync_all()?;
    std::fs::rename(&fresh, folder.join(FILE))
}

fn service(program: &str, edition: &str, control: &Path, folder: &Path, grace: Millis) -> Service {
    let plan = folder.join(FILE).display().to_string();
    let words = [program, "gateway", "run", "--plan", &plan];
    Service {
        name: GATEWAY_SERVICE.parse().expect("a good name"),
        command: words.map(str::to_owned).to_vec(),
        instances: 1,
        environment: BTreeMap::from([(EDITION.to_owned(), EnvironmentValue::Plain(edition.to_owned()))]),
        working_folder: folder.display().to_string(),
        ports: BTreeMap::new(),
        depends_on: Vec::new(),
        health: Some(HealthCheck {
            probe: Probe::Http { url: format!("unix:{}:/v1/status", control.display()) },
            interval: Millis(1_000),
            timeout: Millis(1_000),
            failures: 3,
            successes: 1,
            start_grace: Millis(5_000),
        }),
        objectives: Objectives::default(),
        stop: Stop { signal: StopSignal::Term, grace },
        limits: Limits::default(),
        autonomy: Autonomy::Auto,
        start: StartMode::AtOnce,
        takes_over: true,
        ends_first: true,
    }
}
