//! Times the calls: the processor time of the threads that make them, as the kernel counts it, in rounds in which every subject has
//! its turn.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use policy_subjects::{Answer, Subject, asked, healthy, refusing};

use super::Length;
use crate::machine::thread_cpu;
use crate::reactor::child::{processors, stay_on};
use crate::report::Report;

/// Calls before anything is timed, of each kind: until what is learned is learned, and what grows has grown.
const WARM_UP: u64 = 2_000;
/// Calls that tell how many make up a batch.
const PROBE: u64 = 200;
/// A batch is never larger, however fast the calls are.
const BATCH_MAX: f64 = 1_000_000.0;

/// What some calls took.
#[derive(Debug, Clone, Copy, Default)]
struct Spent {
    calls: u64,
    answered: u64,
    /// How often what stands behind the policy was asked.
    asked: u64,
    cpu: Duration,
    wall: Duration,
}

impl Spent {
    fn cpu_ns(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e9 / self.calls as f64
    }

    fn wall_ns(&self) -> f64 {
        self.wall.as_secs_f64() * 1e9 / self.calls as f64
    }

    fn calls_per_s(&self) -> f64 {
        self.calls as f64 / self.wall.as_secs_f64()
    }
}

/// A way to call a subject.
#[derive(Debug, Clone, Copy)]
struct Way {
    answer: Answer,
    threads: usize,
}

const AT_ONCE: Way = Way { answer: Answer::AtOnce, threads: 1 };
const WAITS: Way = Way { answer: Answer::WaitsOnce, threads: 1 };
const TWO_THREADS: Way = Way { answer: Answer::AtOnce, threads: 2 };

/// The rounds of one subject called in one way.
struct Series<'a> {
    subject: &'a Subject,
    way: Way,
    calls: u64,
    rounds: Vec<Spent>,
}

impl Series<'_> {
    fn samples(&self, value: impl Fn(&Spent) -> f64) -> Vec<f64> {
        self.rounds.iter().map(value).collect()
    }
}

/// Healthy calls: at once, after a wait, and from two threads.
pub fn healthy_calls(report: &mut Report, length: &Length) -> Result<()> {
    let subjects = chosen(healthy(), length);
    let mut ways = vec![AT_ONCE, WAITS];
    if processors()?.len() > 1 {
        ways.push(TWO_THREADS);
    } else {
        report.not_run.push("two threads: this machine has one processor".to_owned());
    }
    let series = measure(&subjects, &ways, length)?;
    for series in &series {
        let (name, case) = (series.subject.name, series.subject.policy);
        // Not how many came through: two threads that ask for the same are given one answer by a coalescer, as they should.
        let all_answered = series.rounds.iter().all(|spent| spent.answered == spent.calls);
        ensure!(all_answered, "{case} of {name} refused healthy calls: {:?}", series.rounds);
        let cpu = series.samples(Spent::cpu_ns);
        let rate = series.samples(Spent::calls_per_s);
        match (series.way.answer, series.way.threads) {
            (Answer::WaitsOnce, _) => report.add(name, case, "waiting_cpu_ns", "ns", &cpu),
            (_, 1) => {
                report.add(name, case, "at_once_cpu_ns", "ns", &cpu);
                report.add(name, case, "calls_per_s", "calls/s", &rate);
                report.add(name, case, "future_bytes", "bytes", &[series.subject.future_bytes as f64]);
            }
            _ => {
                report.add(name, case, "two_threads_cpu_ns", "ns", &cpu);
                report.add(name, case, "two_threads_calls_per_s", "calls/s", &rate);
            }
        }
    }
    Ok(())
}

/// Calls that are refused.
pub fn refusals(report: &mut Report, length: &Length) -> Result<()> {
    let subjects = chosen(refusing(), length);
    for series in &measure(&subjects, &[AT_ONCE], length)? {
        let (name, case) = (series.subject.name, series.subject.policy);
        ensure!(series.rounds.iter().all(|spent| spent.answered == 0), "{case} of {name} let a call through");
        report.add(name, case, "refusal_cpu_ns", "ns", &series.samples(Spent::cpu_ns));
        report.add(name, case, "refusal_wall_ns", "ns", &series.samples(Spent::wall_ns));
        report.add(name, case, "asked_behind", "calls", &series.samples(|spent| spent.asked as f64));
    }
    Ok(())
}

fn chosen(subjects: Vec<Subject>, length: &Length) -> Vec<Subject> {
    subjects.into_iter().filter(|subject| subject.policy.contains(&length.only)).collect()
}

fn measure<'a>(subjects: &'a [Subject], ways: &[Way], length: &Length) -> Result<Vec<Series<'a>>> {
    let mut series = Vec::new();
    for way in ways {
        for subject in subjects {
            let warm_up = if length.batch.is_zero() { PROBE } else { WARM_UP };
            // By the wall's time: a subject that sleeps must not take for ever.
            let probe = call(subject, *way, warm_up.min(PROBE))?;
            let calls = (length.batch.as_secs_f64() * 1e9 / probe.wall_ns()).clamp(1.0, BATCH_MAX) as u64;
            call(subject, *way, warm_up.min(calls))?;
            series.push(Series { subject, way: *way, calls, rounds: Vec::new() });
        }
    }
    for round in 1..=length.rounds {
        eprintln!("round {round} of {}", length.rounds);
        for series in &mut series {
            let spent = call(series.subject, series.way, series.calls)?;
            series.rounds.push(spent);
        }
    }
    Ok(series)
}

/// So many calls from each of the threads, each on a processor and a runtime of its own.
fn call(subject: &Subject, way: Way, calls: u64) -> Result<Spent> {
    let all = processors()?;
    // The last ones: interrupts are mostly served by the first.
    let first = all.len().checked_sub(way.threads).context("this machine has too few processors")?;
    let together = Barrier::new(way.threads);
    let spent: Vec<Result<Spent>> = std::thread::scope(|scope| {
        let start = |processor: &usize| {
            let (processor, together) = (*processor, &together);
            scope.spawn(move || call_on(subject, way.answer, calls, processor, together))
        };
        let threads: Vec<_> = all[first..].iter().map(start).collect();
        threads.into_iter().map(|thread| thread.join().expect("a thread that calls does not panic")).collect()
    });
    spent.into_iter().try_fold(Spent::default(), |sum, spent| {
        let spent = spent?;
        Ok(Spent {
            calls: sum.calls + spent.calls,
            answered: sum.answered + spent.answered,
            asked: sum.asked + spent.asked,
            cpu: sum.cpu + spent.cpu,
            wall: sum.wall.max(spent.wall),
        })
    })
}

fn call_on(subject: &Subject, answer: Answer, calls: u64, processor: usize, together: &Barrier) -> Result<Spent> {
    // Waited for in any case, or the other thread would wait for ever.
    let ready = stay_on(&[processor]).and_then(|()| {
        tokio::runtime::Builder::new_current_thread().enable_time().build().context("starting a runtime")
    });
    let work = subject.calls(answer, calls);
    together.wait();
    let runtime = ready?;
    let (began, cpu_before, asked_before) = (Instant::now(), thread_cpu(), asked());
    // As a task, as calls are made in programs: what waits is woken through the queue of the runtime and not by a system call.
    let answered = runtime.block_on(runtime.spawn(work)).context("making calls")?;
    let (wall, cpu) = (began.elapsed(), thread_cpu().saturating_sub(cpu_before));
    Ok(Spent { calls, answered, asked: asked() - asked_before, cpu, wall })
}
