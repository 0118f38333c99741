//! The one program: wiring only. What it is started as is decided here; everything else is in the crates it connects.

mod boot;
mod gateway;
mod reload;

use homeostat_api::ApiError;
use homeostat_cli::{CliError, Exit, Foreground, Surroundings, UpOrder, Voice};
use homeostat_config::{LogFormat, LogLevel};
use homeostat_shell::ShellError;
use homeostat_store::StoreError;
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// Threads of the engine: one for its own turns and one for probes, answers and drivers. Blocking work has its own.
const WORKER_THREADS: usize = 2;

/// A request through the gateway allocates some two dozen times, which takes half as long as with the C library's own.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // First of all, before anything is allocated that a small shim would have to carry along.
    if let Some(code) = homeostat_driver_process::shim::dispatch() {
        return code;
    }
    homeostat_cli::run(std::env::args_os(), Surroundings::of_process(), start).into()
}

fn start(what: Foreground) -> Result<(), CliError> {
    match what {
        Foreground::Engine(order) => up(*order),
        Foreground::Gateway(order) => {
            let voice = Voice::begin();
            log(LogLevel::Info, LogFormat::Text, voice.clone());
            let ended = gateway::run(order);
            voice.finish();
            ended
        }
    }
}

/// Runs an engine in the foreground until it has ended.
fn up(mut order: UpOrder) -> Result<(), CliError> {
    let voice = Voice::begin();
    log(order.loaded.settings.log_level, order.loaded.settings.log_format, voice.clone());
    gateway::declare(&mut order.loaded).map_err(told)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKER_THREADS).enable_all().build();
    let runtime = runtime.map_err(|error| CliError::threads(&error))?;
    let ended = runtime.block_on(boot::run(order, voice.clone()));
    // Blocking work that is still out, such as a read of a disk that does not answer, must not keep the program alive.
    runtime.shutdown_background();
    let ended = ended.map(|services_kept| tracing::info!(services_kept, "the engine has ended")).map_err(told);
    voice.finish();
    ended
}

/// An error of the engine as the command line tells it: with the code of the part it comes from.
fn told(error: anyhow::Error) -> CliError {
    let error = match error.downcast::<StoreError>() {
        Ok(error) => return CliError::Store(error),
        Err(error) => error,
    };
    let of_api = error.downcast_ref::<ApiError>().map(ApiError::code);
    let code = of_api.or_else(|| error.downcast_ref::<ShellError>().and_then(ShellError::code));
    CliError::Engine {
        code: code.map(str::to_owned),
        what: format!("{error:#}").into(),
        remedy: None,
        exit: Exit::Findings,
    }
}

fn log(level: LogLevel, format: LogFormat, voice: Voice) {
    let filter = EnvFilter::new(level.as_str());
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(move || voice.clone()).with_target(false);
    // A log on a full disk must not end whoever logs: saying that it cannot be written would panic there.
    let log = log.log_internal_errors(false);
    match format {
        LogFormat::Text => log.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).init(),
        LogFormat::Json => log.json().init(),
    }
}
