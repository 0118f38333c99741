//! The gateway in the wiring: run as a process of its own, declared to the engine as a service, and kept in step by a link.

use anyhow::Context;
use homeostat_cli::{CliError, Exit, GatewayOrder};
use homeostat_config::{GATEWAY_SERVICE, HandedOver, Loaded, Source};
use homeostat_controller::Event;
use homeostat_driver_gateway::Heard;
use homeostat_gateway::{Options, Reader, Written, run as run_gateway};
use homeostat_shell::Told;
use homeostat_vocabulary::Command;
use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Who asks for services that requests wait for, as the journal names it.
const BY: &str = "gateway";

/// Runs a gateway in the foreground until it has ended.
pub fn run(order: GatewayOrder) -> Result<(), CliError> {
    let (folder, reader): (PathBuf, Reader) = match order {
        GatewayOrder::Alone { source, folder } => (folder, Box::new(move || read_alone(&source).map(written))),
        GatewayOrder::Planned(file) => {
            let folder = file.parent().unwrap_or(Path::new(".")).to_owned();
            (folder, Box::new(move || HandedOver::read(&file).map(written).map_err(|what| vec![what])))
        }
    };
    let ready = |addresses: &[(String, SocketAddr)]| {
        for (name, address) in addresses {
            tracing::info!(name, %address, "the gateway listens");
        }
    };
    let ended = run_gateway(Options { folder, reader, ready: Box::new(ready) });
    let failed = |what: String| CliError::Engine { code: None, what: what.into(), remedy: None, exit: Exit::Findings };
    ended.map_err(|error| failed(error.to_string()))
}

fn read_alone(source: &Source) -> Result<HandedOver, Vec<String>> {
    let loaded = homeostat_config::load(source).map_err(|problems| problems.one_line_each())?;
    loaded.hand_over().ok_or_else(|| vec!["there is no section [gateway]".to_owned()])
}

fn written(HandedOver { settings, fingerprint }: HandedOver) -> Written {
    Written { settings, fingerprint }
}

/// Adds the gateway, if there is to be one, to what the engine looks after.
pub fn declare(loaded: &mut Loaded) -> anyhow::Result<()> {
    let program = std::env::current_exe().context("finding this program")?.display().to_string();
    // The binary may have been replaced while the engine ran: the one at its place is meant.
    let program = program.strip_suffix(" (deleted)").unwrap_or(&program);
    loaded.declare_gateway(program, &edition()?).context("handing the gateway its settings")
}

/// Tells this very program from one that is installed in its place: a gateway of another edition is taken over from.
fn edition() -> anyhow::Result<String> {
    // Of the file that runs, even when another stands at its place by now.
    let file = std::fs::metadata("/proc/self/exe").context("looking at this program")?;
    Ok(format!("{}, {} bytes of {} s", env!("CARGO_PKG_VERSION"), file.len(), file.mtime()))
}

/// What the gateway has the engine know, as the engine hears it.
pub fn told(heard: Heard) -> Told {
    match heard {
        Heard::Wanted(service) => Event::Command { command: Command::Activate { service }, by: BY.to_owned() }.into(),
        Heard::Traffic(reports) => Event::Traffic(reports).into(),
        Heard::Complaints(complaints) => {
            let service = GATEWAY_SERVICE.parse().expect("a good name");
            Event::Complaints { service, complaints }.into()
        }
    }
}
