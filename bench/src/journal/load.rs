//! The load: producers that each publish a record, wait until it is durable, and publish the next.
//!
//! The same producers, queue and answers for every subject that is written to by one thread, so that the subjects
//! differ only in what that thread does.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::sync::{mpsc, oneshot};

use crate::machine::process_cpu;
use crate::report::quantile;

/// Bytes of payload in every record.
pub const PAYLOAD_BYTES: usize = 200;
pub const PRODUCERS: usize = 64;

/// The grouping of the hand-written peers, as ours by default.
const QUEUE_MAX: usize = 8192;
const GROUP_RECORDS_MAX: usize = 512;
const GROUP_WAIT_MAX: Duration = Duration::from_millis(2);

/// The first part of a round is not counted: files grow and caches fill.
const WARM_UP: Duration = Duration::from_millis(300);

/// The fields every record has in every subject.
pub const KIND: &str = "bench.record";
pub const CLASS: u8 = 2;

/// A record as the producers make it.
#[derive(Debug, Clone)]
pub struct Sample {
    pub at_ms: u64,
    pub subject: String,
    pub payload: Vec<u8>,
}

impl Sample {
    /// One of many different records that no compression shrinks.
    pub fn new(number: u64) -> Self {
        let mut seed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut payload = Vec::with_capacity(PAYLOAD_BYTES);
        while payload.len() < PAYLOAD_BYTES {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            payload.extend_from_slice(&seed.to_le_bytes());
        }
        Self { at_ms: number, subject: format!("service-{}", number % 40), payload }
    }

    /// All fields as one value, for the stores that know only keys and values.
    pub fn encode(&self) -> Vec<u8> {
        let mut value = Vec::with_capacity(PAYLOAD_BYTES + 64);
        value.extend_from_slice(&self.at_ms.to_le_bytes());
        value.push(CLASS);
        for field in [KIND.as_bytes(), self.subject.as_bytes(), &self.payload] {
            value.extend_from_slice(&(field.len() as u32).to_le_bytes());
            value.extend_from_slice(field);
        }
        value
    }
}

/// What one round gave.
#[derive(Debug, Clone, Copy)]
pub struct Round {
    pub records_per_s: f64,
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub cpu_us_per_record: f64,
}

/// Publishes without blocking a thread; the future ends when the record is durable.
pub trait Publish: Clone + Send + Sync + 'static {
    fn publish(&self, sample: Sample) -> impl Future<Output = anyhow::Result<()>> + Send;
}

/// Publishes on the calling thread, durable when it returns.
pub trait PublishBlocking: Send + Sync + 'static {
    fn publish(&self, sample: &Sample) -> anyhow::Result<()>;
}

/// Writes a group and syncs it once.
pub trait WriteGroup: Send + 'static {
    fn write_group(&mut self, samples: &[Sample]) -> anyhow::Result<()>;
}

/// When to count and when to stop.
struct Window {
    stop: AtomicBool,
    counts: AtomicBool,
}

/// Runs tasks that each keep one record in flight.
pub fn run_tasks<P: Publish>(target: &P, in_flight: usize, length: Duration) -> anyhow::Result<Round> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build()?;
    let window = Arc::new(Window { stop: AtomicBool::new(false), counts: AtomicBool::new(false) });
    runtime.block_on(async {
        let mut tasks = Vec::new();
        for producer in 0..in_flight {
            let (target, window) = (target.clone(), Arc::clone(&window));
            tasks.push(tokio::spawn(async move {
                let mut latencies_us = Vec::new();
                let mut number = (producer as u64) << 32;
                while !window.stop.load(Ordering::Relaxed) {
                    number += 1;
                    let sample = Sample::new(number);
                    let started = Instant::now();
                    let counts = window.counts.load(Ordering::Relaxed);
                    target.publish(sample).await?;
                    if counts {
                        latencies_us.push(micros(started.elapsed()));
                    }
                }
                anyhow::Ok(latencies_us)
            }));
        }
        let measured = measure(&window, length, tokio::time::sleep).await;
        let mut latencies_us = Vec::new();
        for task in tasks {
            latencies_us.extend(task.await.context("a producer failed")??);
        }
        Ok(measured.round(&mut latencies_us))
    })
}

/// Runs one thread for each producer.
pub fn run_threads<P: PublishBlocking>(target: &Arc<P>, length: Duration) -> anyhow::Result<Round> {
    let window = Arc::new(Window { stop: AtomicBool::new(false), counts: AtomicBool::new(false) });
    let threads: Vec<_> = (0..PRODUCERS)
        .map(|producer| {
            let (target, window) = (Arc::clone(target), Arc::clone(&window));
            std::thread::spawn(move || {
                let mut latencies_us = Vec::new();
                let mut number = (producer as u64) << 32;
                while !window.stop.load(Ordering::Relaxed) {
                    number += 1;
                    let sample = Sample::new(number);
                    let started = Instant::now();
                    let counts = window.counts.load(Ordering::Relaxed);
                    target.publish(&sample)?;
                    if counts {
                        latencies_us.push(micros(started.elapsed()));
                    }
                }
                anyhow::Ok(latencies_us)
            })
        })
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let measured = runtime.block_on(measure(&window, length, tokio::time::sleep));
    let mut latencies_us = Vec::new();
    for thread in threads {
        let part = thread.join().map_err(|_| anyhow::anyhow!("a producer panicked"))?;
        latencies_us.extend(part?);
    }
    Ok(measured.round(&mut latencies_us))
}

struct Measured {
    wall: Duration,
    cpu: Duration,
}

async fn measure<F: Future<Output = ()>>(window: &Window, length: Duration, sleep: impl Fn(Duration) -> F) -> Measured {
    sleep(WARM_UP).await;
    let (started, cpu) = (Instant::now(), process_cpu());
    window.counts.store(true, Ordering::Relaxed);
    sleep(length).await;
    window.counts.store(false, Ordering::Relaxed);
    let measured = Measured { wall: started.elapsed(), cpu: process_cpu() - cpu };
    window.stop.store(true, Ordering::Relaxed);
    measured
}

impl Measured {
    fn round(&self, latencies_us: &mut [u32]) -> Round {
        let records = latencies_us.len() as f64;
        Round {
            records_per_s: records / self.wall.as_secs_f64(),
            p50_ms: quantile(latencies_us, 0.50) / 1000.0,
            p99_ms: quantile(latencies_us, 0.99) / 1000.0,
            cpu_us_per_record: self.cpu.as_secs_f64() * 1e6 / records.max(1.0),
        }
    }
}

fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

/// The queue in front of a hand-written group commit.
#[derive(Clone)]
pub struct Grouped {
    queue: mpsc::Sender<(Sample, oneshot::Sender<()>)>,
}

impl Grouped {
    /// Starts the writing thread; it ends when the last handle is dropped.
    pub fn start(mut store: impl WriteGroup) -> (Self, std::thread::JoinHandle<anyhow::Result<()>>) {
        let (queue, mut waiting) = mpsc::channel::<(Sample, oneshot::Sender<()>)>(QUEUE_MAX);
        let thread = std::thread::spawn(move || {
            let (mut samples, mut answers) = (Vec::new(), Vec::new());
            while let Some((sample, answer)) = waiting.blocking_recv() {
                let deadline = Instant::now() + GROUP_WAIT_MAX;
                samples.push(sample);
                answers.push(answer);
                while samples.len() < GROUP_RECORDS_MAX
                    && Instant::now() < deadline
                    && let Ok((sample, answer)) = waiting.try_recv()
                {
                    samples.push(sample);
                    answers.push(answer);
                }
                store.write_group(&samples)?;
                samples.clear();
                for answer in answers.drain(..) {
                    let _ = answer.send(());
                }
            }
            Ok(())
        });
        (Self { queue }, thread)
    }
}

impl Publish for Grouped {
    async fn publish(&self, sample: Sample) -> anyhow::Result<()> {
        let (answer, answered) = oneshot::channel();
        self.queue.send((sample, answer)).await.context("the writer has ended")?;
        answered.await.context("the writer has ended")
    }
}
