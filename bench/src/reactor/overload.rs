//! A handler that is offered more than it can take, by emitters that do not wait for it to catch up.
//!
//! The child's side of the flood and of the degradation. The handler has one processor for itself, the emitters share another:
//! what is measured is the line between them, not who gets the processor.

use std::collections::BTreeMap;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use clap::ValueEnum;
use homeostat_reactor::{Class, PerClass};
use tokio::sync::oneshot;

use super::child::{Figures, perform, processors, stay_on};
use super::events::{Readings, Tally};
use super::lines::{Channel, DropOldest, Handler, Inlet, Line, Ours, Span, Ticket, lock, tenths};
use crate::report::quantile;

/// How often an emitter that is ahead of its time emits again what is due.
const BURST_EVERY: Duration = Duration::from_millis(1);
/// Between two critical events of the flood.
const CRITICAL_EVERY_NS: u64 = 1_000_000;

/// What is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Load {
    /// Bulk events, and 1,000 critical ones a second from an emitter of their own.
    Flood,
    /// Events of all classes, in the mix of the throughput cases.
    Mixed,
}

/// Between emitters and handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// On one thread, as the others.
    Ours,
    /// On a runtime of two threads, which may use the emitters' processor too.
    OursOnTwo,
    Channel,
    DropOldest,
    /// Nothing: how many events a second the handler takes by itself.
    Nothing,
}

/// What a child is told.
#[derive(Debug, Clone, clap::Args)]
pub struct OverloadArguments {
    #[arg(value_enum)]
    pub kind: Kind,
    #[arg(value_enum)]
    pub load: Load,
    /// Events offered in a second, without the critical ones of a flood
    pub offered_per_s: f64,
    /// How long the handler is busy with an event
    pub busy_us: u64,
    /// For how long
    pub length_ms: u64,
}

/// Is a subject.
pub fn be_subject(arguments: &OverloadArguments) -> Result<()> {
    let run = |length_ms| {
        let arguments = OverloadArguments { length_ms, ..arguments.clone() };
        match arguments.kind {
            Kind::Ours | Kind::OursOnTwo => run::<Ours>(&arguments),
            Kind::Channel => run::<Channel>(&arguments),
            Kind::DropOldest => run::<DropOldest>(&arguments),
            Kind::Nothing => Ok(alone(&arguments)),
        }
    };
    perform(|| run(arguments.length_ms.min(200)).map(drop), || Ok((Tally::default(), run(arguments.length_ms)?)))
}

/// The handler with the next event always at hand.
fn alone(arguments: &OverloadArguments) -> Figures {
    let span = Span::begin(Duration::from_millis(arguments.length_ms));
    let handler = Handler::new(span, Duration::from_micros(arguments.busy_us));
    while span.now_ns() < span.to_ns {
        lock(&handler).handle(Ticket { class: Class::Bulk, at_ns: 0 });
    }
    let handled = lock(&handler).handled[Class::Bulk];
    BTreeMap::from([("handled_per_s".to_owned(), handled as f64 / span.seconds())])
}

/// What an emitter has offered.
#[derive(Debug, Default)]
struct Offered {
    /// In the part that counts.
    counted: PerClass<u64>,
    /// Critical events at any time.
    critical: u64,
    /// Critical events that were due and could not be emitted before the end: how long each had waited by then.
    unsent: Vec<u32>,
}

fn run<L: Line>(arguments: &OverloadArguments) -> Result<Figures> {
    let all = processors()?;
    let [handling, emitting, ..] = all[..] else { return Err(anyhow!("two processors are needed")) };
    let span = Span::begin(Duration::from_millis(arguments.length_ms));
    let handler = Handler::new(span, Duration::from_micros(arguments.busy_us));
    let (tell_way, ways) = sync_channel(1);
    let (tell_done, done) = oneshot::channel::<()>();
    let (served, kind) = (handler.clone(), arguments.kind);
    let serving = std::thread::spawn(move || {
        let mut runtime = match kind {
            Kind::OursOnTwo => tokio::runtime::Builder::new_multi_thread(),
            _ => {
                stay_on(&[handling])?;
                tokio::runtime::Builder::new_current_thread()
            }
        };
        let runtime = runtime.worker_threads(2).enable_time().build()?;
        runtime.block_on(async move {
            let (line, way) = L::open(served);
            tell_way.send(way).map_err(|_| anyhow!("nobody wants to emit"))?;
            let _ = done.await;
            line.finish().await
        })
    });
    let way: L::Way = ways.recv().context("the line did not open")?;
    let mut emitters = vec![emitter(emitting, offer_steadily(way.clone(), span, arguments.clone()))];
    if arguments.load == Load::Flood {
        emitters.push(emitter(emitting, offer_critical(way.clone(), span)));
    }
    drop(way);
    let mut offered = Vec::new();
    for emitter in emitters {
        offered.push(emitter.join().map_err(|_| anyhow!("an emitter panicked"))??);
    }
    let _ = tell_done.send(());
    serving.join().map_err(|_| anyhow!("the handler panicked"))??;
    let mut handler = lock(&handler);
    Ok(figures(span, &mut handler, &offered))
}

/// A thread on the emitters' processor.
fn emitter<F>(processor: usize, emitting: F) -> std::thread::JoinHandle<Result<Offered>>
where
    F: Future<Output = Offered> + Send + 'static,
{
    std::thread::spawn(move || {
        stay_on(&[processor])?;
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        Ok(runtime.block_on(emitting))
    })
}

/// Emits what is due, at an even rate; after it was made to wait, all that has become due.
async fn offer_steadily<I: Inlet>(way: I, span: Span, arguments: OverloadArguments) -> Offered {
    let mut offered = Offered::default();
    let mut classes = Readings::new().map(|reading| match arguments.load {
        Load::Flood => Class::Bulk,
        Load::Mixed => reading.class,
    });
    let mut sent = 0_u64;
    loop {
        let now_ns = span.now_ns();
        if now_ns >= span.to_ns {
            return offered;
        }
        let due = (now_ns as f64 / 1e9 * arguments.offered_per_s) as u64;
        while sent < due {
            let at_ns = span.now_ns();
            if at_ns >= span.to_ns {
                return offered;
            }
            let class = classes.next().unwrap_or(Class::Bulk);
            way.offer(Ticket { class, at_ns }).await;
            sent += 1;
            offered.counted[class] += u64::from(span.counts(at_ns));
            offered.critical += u64::from(class == Class::Critical);
        }
        // The thread sleeps: it has nothing else to run.
        std::thread::sleep(BURST_EVERY.saturating_sub(Duration::from_nanos(span.now_ns() - now_ns)));
    }
}

/// Emits a critical event every millisecond. One that is due while the emitter still waits with another counts from when it was
/// due: a line that makes its emitters wait must not look quick for it.
async fn offer_critical<I: Inlet>(way: I, span: Span) -> Offered {
    let mut offered = Offered::default();
    for number in 0..span.to_ns / CRITICAL_EVERY_NS {
        let due_ns = number * CRITICAL_EVERY_NS;
        let now_ns = span.now_ns();
        if now_ns >= span.to_ns {
            offered.unsent.push(tenths(now_ns.saturating_sub(due_ns)));
            continue;
        }
        let at_ns = if now_ns < due_ns {
            std::thread::sleep(Duration::from_nanos(due_ns - now_ns));
            span.now_ns()
        } else {
            due_ns
        };
        way.offer(Ticket { class: Class::Critical, at_ns }).await;
        offered.critical += 1;
        offered.counted[Class::Critical] += u64::from(span.counts(at_ns));
    }
    offered
}

fn figures(span: Span, handler: &mut Handler, offered: &[Offered]) -> Figures {
    let mut figures = Figures::new();
    let mut tell = |name: &str, value: f64| {
        figures.insert(name.to_owned(), value);
    };
    for class in Class::ALL {
        let counted: u64 = offered.iter().map(|part| part.counted[class]).sum();
        tell(&format!("offered_per_s_{class}"), counted as f64 / span.seconds());
        tell(&format!("handled_per_s_{class}"), handler.handled[class] as f64 / span.seconds());
    }
    let sent: u64 = offered.iter().map(|part| part.critical).sum();
    tell("critical_lost", sent.saturating_sub(handler.critical) as f64);
    handler.waits.extend(offered.iter().flat_map(|part| &part.unsent));
    for (name, share) in [("p50", 0.5), ("p99", 0.99), ("p999", 0.999), ("max", 1.0)] {
        tell(&format!("critical_{name}_us"), quantile(&mut handler.waits, share) / 10.0);
    }
    figures
}
