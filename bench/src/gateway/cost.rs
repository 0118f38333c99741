//! What a request costs: the processor time of all processes of a subject, user and system, divided by the requests.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::timeout;

use super::load::{Crowd, Question};
use super::subjects::Running;
use crate::reactor::child::cpu_of_tree;
use crate::reactor::peers::run;

/// Connections of the load client: enough to keep one worker busy.
const CONNECTIONS: usize = 32;
/// Of HTTP/2, where each carries several requests at once: as many requests are under way in all.
const H2_CONNECTIONS: usize = 4;
const H2_STREAMS: usize = CONNECTIONS / H2_CONNECTIONS;
/// Before a round, so many requests are made that do not count, as a share of those that do.
const WARM_UP_SHARE: usize = 10;
/// A round that takes longer is given up: it takes a second or two.
const PATIENCE: Duration = Duration::from_secs(60);
/// After the last answer a subject still closes what it has to; its time is read when it has come to rest.
const REST: Duration = Duration::from_millis(20);

/// How requests come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1 in the clear.
    Clear,
    /// HTTP/1.1 over TLS.
    Tls,
    /// HTTP/2 over TLS.
    H2,
}

impl Protocol {
    /// All, in the order of the tables.
    pub const ALL: [Self; 3] = [Self::Clear, Self::Tls, Self::H2];

    /// Its name in the tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clear => "HTTP/1.1",
            Self::Tls => "HTTP/1.1 over TLS",
            Self::H2 => "HTTP/2 over TLS",
        }
    }
}

/// What one round showed.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// Processor time of a request.
    pub cpu_us: f64,
    /// Requests a second by the wall's clock.
    pub per_second: f64,
}

/// Makes so many requests and reads what the subject used for them.
pub fn measure(subject: &Running, protocol: Protocol, path: &str, body_bytes: usize, requests: usize) -> Result<Cost> {
    let question = Question::new(path, body_bytes, &subject.lines);
    match protocol {
        Protocol::Clear => in_the_clear(subject, &question, requests),
        Protocol::Tls => with_h2load(subject, path, requests, &["--h1", "-c", &CONNECTIONS.to_string()]),
        Protocol::H2 => {
            let fixed = ["-c", &H2_CONNECTIONS.to_string(), "-m", &H2_STREAMS.to_string()];
            with_h2load(subject, path, requests, &fixed)
        }
    }
    .with_context(|| format!("{}, {}, {path}", subject.kind.name(), protocol.name()))
}

fn in_the_clear(subject: &Running, question: &Question, requests: usize) -> Result<Cost> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let measured = async {
        let mut crowd = Crowd::open(subject.clear, CONNECTIONS).await?;
        crowd.ask(question, requests / WARM_UP_SHARE).await?;
        tokio::time::sleep(REST).await;
        let (cpu, began) = (cpu_of_tree(subject.pid), std::time::Instant::now());
        crowd.ask(question, requests).await?;
        let took = began.elapsed();
        tokio::time::sleep(REST).await;
        cost(cpu_of_tree(subject.pid).saturating_sub(cpu), took, requests)
    };
    let measured = runtime.block_on(async { timeout(PATIENCE, measured).await });
    measured.context("it did not answer in time")?
}

/// h2load makes new connections each time: their handshakes are in the figure, which is why it makes many requests over few.
fn with_h2load(subject: &Running, path: &str, requests: usize, arguments: &[&str]) -> Result<Cost> {
    let cpu = cpu_of_tree(subject.pid);
    let began = std::time::Instant::now();
    let said = run(Command::new("h2load")
        .args(arguments)
        .args(["-n", &requests.to_string()])
        .args(subject.lines.iter().flat_map(|line| ["-H", line]))
        .arg(format!("https://{}{path}", subject.tls)))?;
    let took = began.elapsed();
    let good = said.lines().find(|line| line.starts_with("status codes:")).unwrap_or_default();
    let became = said.lines().find(|line| line.starts_with("requests:")).unwrap_or_default();
    ensure!(good.contains(&format!(" {requests} 2xx")), "not every answer was a 200: {became}");
    std::thread::sleep(REST);
    cost(cpu_of_tree(subject.pid).saturating_sub(cpu), took, requests)
}

fn cost(cpu: Duration, took: Duration, requests: usize) -> Result<Cost> {
    ensure!(!cpu.is_zero(), "the kernel does not tell what a process has used: there is no schedstat");
    Ok(Cost { cpu_us: cpu.as_secs_f64() * 1e6 / requests as f64, per_second: requests as f64 / took.as_secs_f64() })
}
