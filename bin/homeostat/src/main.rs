//! The one program: wiring only. What it is started as is decided here; everything else is in the crates it connects.

mod boot;
mod clock;
mod engine;
mod memory;
mod reload;

use std::process::ExitCode;

fn main() -> ExitCode {
    // First of all, before anything is allocated that a small shim would have to carry along.
    if let Some(code) = homeostat_driver_process::shim::dispatch() {
        return code;
    }
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let source = homeostat_config::Source { path: std::env::args().nth(1).map(Into::into), environment: std::env::vars().collect(), overrides: vec![] };
    let loaded = match homeostat_config::load(&source) { Ok(l) => l, Err(p) => { eprintln!("{:#?}", p.one_line_each()); return ExitCode::from(2) } };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    match runtime.block_on(boot::run(source, loaded)) { Ok(_) => ExitCode::SUCCESS, Err(e) => { eprintln!("{e:#}"); ExitCode::FAILURE } }
}
