//! What the driver's tests run: the shim, an engine that can be killed, and a service that misbehaves as no shell can.
//!
//! Started by `tests/it` alone. Like the real program, its main lets the shim dispatch first.

use homeostat_act::{Driver, StartOrder};
use homeostat_driver_process::{Options, ProcessDriver};
use homeostat_vocabulary::{InstanceId, RunId, Service, Timestamp};
use std::error::Error;
use std::net::{Ipv4Addr, TcpListener};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

fn main() -> ExitCode {
    if let Some(code) = homeostat_driver_process::shim::dispatch() {
        return code;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["engine", data_folder, service, run] => engine(data_folder, service, run),
        ["leaks-port", port] => leaks_port(port),
        ["takes-desk", socket] => takes_desk(socket),
        _ => Err("no such verb".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("testbed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Starts copy zero of a service and lives until it is killed.
fn engine(data_folder: &str, service: &str, run: &str) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let (signals, _nobody_listens) = tokio::sync::mpsc::channel(16);
        let clock = || {
            let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            Timestamp(u64::try_from(since_epoch.as_millis()).unwrap_or(0))
        };
        let driver = ProcessDriver::new(Options::new(data_folder.into(), signals, Arc::new(clock)))?;
        let service: Service = serde_json::from_str(service)?;
        let instance = InstanceId::new(service.name.clone(), 0);
        let run: RunId = run.parse()?;
        driver.start(StartOrder { instance, run, service }).await?;
        println!("started");
        std::future::pending::<()>().await;
        Ok(())
    })
}

/// Answers for its health in the place of whoever did, and ends nobody.
fn takes_desk(socket: &str) -> Result<(), Box<dyn Error>> {
    let _desk = std::os::unix::net::UnixListener::bind(socket)?;
    println!("listening");
    loop {
        std::thread::sleep(Duration::from_secs(3_600));
    }
}

/// Listens for a moment, then closes its port and lives on.
fn leaks_port(port: &str) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.parse()?))?;
    println!("listening");
    let (_client, _) = listener.accept()?;
    drop(listener);
    println!("closed");
    loop {
        std::thread::sleep(Duration::from_secs(3_600));
    }
}
