//! Our reactor as a subject: every lane and mailbox loses nothing, as the channel it is compared with.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use homeostat_reactor::stream::prelude::*;
use homeostat_reactor::window::{EventTime, KeyLimits, WindowExt, Windows};
use homeostat_reactor::{Class, Lane, Moment, Overflow, Reactor, events};

use super::events::{KEYS, LATENESS_MS, Reading, Readings, Tally, Total, WINDOW_MS, is_wanted, scaled};

/// As deep as the channel of the floor, in each class.
const LANE: Lane = Lane { capacity: 4096, overflow: Overflow::Block };
/// As many at once as the channel of the floor gives.
const BATCH: usize = 256;
/// No batch waits for more than what waits already.
const BATCH_WAIT: Duration = Duration::ZERO;
/// How long the last events may take after the last was emitted.
const PATIENCE: Duration = Duration::from_secs(60);

events! {
    /// What happens in the benchmark.
    #[derive(Debug)]
    pub enum Happening { Reading }

    fn class(&self) -> Class {
        let Self::Reading(reading) = self;
        reading.class
    }
}

fn start() -> Reactor<Happening> {
    let builder = Class::ALL.into_iter().fold(Reactor::builder(), |builder, class| builder.lane(class, LANE));
    builder.start()
}

/// A tally that one handler writes.
#[derive(Debug, Default)]
struct Sum {
    values: AtomicU64,
    events: AtomicU64,
}

impl Sum {
    /// One handler calls this, so plain loads and stores are enough.
    fn add(&self, values: u64, events: u64) {
        self.values.store(self.values.load(Ordering::Relaxed) + values, Ordering::Relaxed);
        self.events.store(self.events.load(Ordering::Relaxed) + events, Ordering::Relaxed);
    }

    fn tally(&self) -> Tally {
        Tally { checksum: self.values.load(Ordering::Relaxed), results: self.events.load(Ordering::Relaxed) }
    }
}

/// One handler, called for each event.
pub async fn one_by_one(events: usize) -> Result<Tally> {
    let sum = Arc::new(Sum::default());
    let (reactor, handled) = (start(), Arc::clone(&sum));
    let summing = reactor.on::<Reading>().named("sum").lossless().each(move |reading: Reading| {
        handled.add(u64::from(reading.value), 1);
        std::future::ready(())
    });
    summing.detach();
    emit_all(reactor, events).await?;
    Ok(sum.tally())
}

/// One handler, called for a batch of what waits.
pub async fn batches(events: usize) -> Result<Tally> {
    let sum = Arc::new(Sum::default());
    let (reactor, handled) = (start(), Arc::clone(&sum));
    let summing =
        reactor.on::<Reading>().named("sum").lossless().batches(BATCH, BATCH_WAIT, move |batch: Vec<Reading>| {
            handled.add(batch.iter().map(|reading| u64::from(reading.value)).sum(), batch.len() as u64);
            std::future::ready(())
        });
    summing.detach();
    emit_all(reactor, events).await?;
    Ok(sum.tally())
}

/// The stream of five operators. A watermark closes the windows, as urgent events overtake the others.
pub async fn stream(events: usize) -> Result<Tally> {
    let reactor = start();
    let time = EventTime::of(|reading: &Reading| Moment::from_millis(reading.at_ms));
    let mut windows = reactor
        .on::<Reading>()
        .named("stream")
        .lossless()
        .events()
        .taken()
        .map(scaled)
        .filter(is_wanted)
        .group_by(|reading| reading.key, KeyLimits::at_most(KEYS as usize))
        .window(Windows::tumbling(Duration::from_millis(WINDOW_MS)), time.lag(Duration::from_millis(LATENESS_MS)))
        .reduce(|reading| u64::from(reading.value), |sum, value| sum + value);
    let adding = tokio::spawn(async move {
        let mut tally = Tally::default();
        while let Some(window) = windows.next().await {
            let start = window.start.since(Moment::ZERO).as_millis();
            let number = u64::try_from(start).unwrap_or(u64::MAX) / WINDOW_MS;
            tally.add(number, window.key, Total { sum: window.output, count: window.count });
        }
        tally
    });
    emit_all(reactor, events).await?;
    adding.await.context("the stream failed")
}

/// Emits from a task of its own and waits until everything was handled.
async fn emit_all(reactor: Reactor<Happening>, events: usize) -> Result<()> {
    let emitter = reactor.emitter();
    let emitting = tokio::spawn(async move {
        for reading in Readings::new().take(events) {
            emitter.emit(reading).await?;
        }
        anyhow::Ok(())
    });
    emitting.await.context("the emitting task failed")??;
    let report = reactor.shutdown(PATIENCE).await;
    ensure!(report.is_clean(), "the reactor did not finish: {report:?}");
    Ok(())
}
