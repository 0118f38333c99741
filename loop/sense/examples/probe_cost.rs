//! Measures the processor time of a thousand http probes: `cargo run --release -p homeostat-sense --example probe_cost`.
//!
//! A second process answers, so that only the prober's own time is counted. Nothing is asserted.

use homeostat_sense::{Prober, Watch};
use homeostat_vocabulary::{HealthCheck, Millis, Probe, Timestamp};
use rustix::time::{ClockId, clock_gettime};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::Arc;

const CHECKS: u16 = 1_000;
const PROBES: u32 = 10_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if std::env::args().nth(1).as_deref() == Some("answer") {
        return answer();
    }
    let mut server = Command::new(std::env::current_exe()?).arg("answer").stdout(Stdio::piped()).spawn()?;
    let mut line = String::new();
    BufReader::new(server.stdout.take().ok_or("no output")?).read_line(&mut line)?;
    let port: u16 = line.trim().parse()?;
    let result =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(measure(port));
    server.kill()?;
    server.wait()?;
    result
}

async fn measure(port: u16) -> Result<(), Box<dyn std::error::Error>> {
    for (name, probe) in [
        ("http", Probe::Http { url: "http://127.0.0.1:{port}/".to_owned() }),
        ("tcp", Probe::Tcp { address: "127.0.0.1:{port}".to_owned() }),
    ] {
        let (sender, mut signals) = tokio::sync::mpsc::channel(4_096);
        let mut prober = Prober::new(sender, Arc::new(|| Timestamp(0)), 1);
        let check = HealthCheck {
            probe,
            interval: Millis(1_000),
            timeout: Millis(5_000),
            failures: 3,
            successes: 1,
            start_grace: Millis(0),
        };
        for index in 0..CHECKS {
            prober.watch(Watch {
                instance: format!("web/{index}").parse()?,
                run: format!("run-{index}").parse()?,
                ports: BTreeMap::from([("port".to_owned(), port)]),
                check: check.clone(),
                working_folder: "/".into(),
            });
        }
        for _ in 0..CHECKS {
            signals.recv().await.ok_or("the prober ended")?;
        }
        let before = processor_us();
        for _ in 0..PROBES {
            signals.recv().await.ok_or("the prober ended")?;
        }
        let each_thousand_ms = (processor_us() - before) / i64::from(PROBES);
        println!("{name}: {each_thousand_ms} ms of processor time for 1,000 probes ({} lost)", prober.dropped());
    }
    Ok(())
}

fn processor_us() -> i64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec * 1_000_000 + time.tv_nsec / 1_000
}

fn answer() -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?.port());
    for stream in listener.incoming() {
        let mut stream = stream?;
        let mut request = [0_u8; 1024];
        if stream.read(&mut request).is_ok_and(|length| length > 0) {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
        }
    }
    Ok(())
}
