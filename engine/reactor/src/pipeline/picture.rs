//! A pipeline as a picture for a terminal: a box for each stage, with what it was told and what it has done.
//!
//! A pure function of a snapshot. Names are the user's: they are shortened, and cleared of what would break the lines.

use std::fmt;
use std::time::Duration;

use super::metrics::{PipelineSnapshot, StageCounts, StagePlan, StageSnapshot};
use super::policy::{ErrorPolicy, LastResort};

/// The longest name drawn, in characters: what is longer makes boxes that wrap.
const NAME_CHARS_MAX: usize = 48;

/// A box is at least this wide, so that stages with little to say line up.
const BOX_CHARS_MIN: usize = 32;

impl fmt::Display for PipelineSnapshot {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let live = self.is_live();
        writeln!(formatter, "{}{}", shown(&self.name), self.standing())?;
        writeln!(formatter)?;
        writeln!(formatter, "   source")?;
        let boxes: Vec<Frame> = self.stages.iter().map(|stage| Frame::of(stage, live)).collect();
        let width = boxes.iter().map(Frame::width).max().unwrap_or(0).max(BOX_CHARS_MIN);
        for (place, drawn) in boxes.iter().enumerate() {
            match place.checked_sub(1) {
                None => writeln!(formatter, "   │")?,
                Some(before) => writeln!(formatter, "   │ {}", self.stages[before].queue(live))?,
            }
            writeln!(formatter, "   ▼")?;
            drawn.draw(formatter, width)?;
        }
        if let Some(last) = self.stages.last() {
            writeln!(formatter, "   │ {}", last.queue(live))?;
        }
        writeln!(formatter, "   ▼")?;
        writeln!(formatter, "   output")?;
        if self.letters_lost > 0 {
            writeln!(formatter)?;
            writeln!(formatter, "   dead letters lost because nobody read them: {}", self.letters_lost)?;
        }
        Ok(())
    }
}

impl PipelineSnapshot {
    /// Whether it has counts worth showing.
    pub(super) fn is_live(&self) -> bool {
        self.runs > 0 || self.stages.iter().any(|stage| stage.counts.entered > 0)
    }

    fn standing(&self) -> &'static str {
        match (self.is_live(), self.runs, self.closed) {
            (false, _, false) => "",
            (_, 0, true) => " · closed",
            (_, _, true) => " · closing",
            (true, 0, false) => " · at rest",
            (true, _, false) => " · running",
        }
    }
}

impl StageSnapshot {
    /// The queue behind it.
    pub(super) fn queue(&self, live: bool) -> String {
        match live {
            true => format!("buffer {}/{}", self.counts.waiting, self.plan.buffer),
            false => format!("buffer {}", self.plan.buffer),
        }
    }

    /// How many inputs it has given up, in the one way that its policy has.
    pub(super) fn given_up(&self) -> u64 {
        match self.plan.on_error.last_resort() {
            LastResort::Fail => self.counts.failed,
            LastResort::Skip => self.counts.skipped,
            LastResort::DeadLetter => self.counts.dead_lettered,
        }
    }
}

/// A stage, ready to be drawn.
struct Frame {
    name: String,
    lines: Vec<String>,
    /// The line that the way out of failed inputs leaves from, and where it leads.
    exit: (usize, String),
}

impl Frame {
    fn of(stage: &StageSnapshot, live: bool) -> Self {
        let mut lines = settings(&stage.plan);
        let exit = (lines.len() - 1, exit(stage));
        if live {
            lines.extend(counts(&stage.counts));
        }
        Self { name: shown(&stage.plan.name), lines, exit }
    }

    fn width(&self) -> usize {
        let lines = self.lines.iter().map(|line| chars(line) + 2);
        lines.max().unwrap_or(0).max(chars(&self.name) + 4)
    }

    fn draw(&self, formatter: &mut fmt::Formatter<'_>, width: usize) -> fmt::Result {
        let rest = width - chars(&self.name) - 3;
        writeln!(formatter, "╭─ {} {}╮", self.name, "─".repeat(rest))?;
        for (number, line) in self.lines.iter().enumerate() {
            let pad = " ".repeat(width - 2 - chars(line));
            match &self.exit {
                (from, to) if *from == number => writeln!(formatter, "│ {line}{pad} ├─▶ {to}")?,
                _ => writeln!(formatter, "│ {line}{pad} │")?,
            }
        }
        writeln!(formatter, "╰──┬{}╯", "─".repeat(width - 3))
    }
}

/// What a stage was told: how it works, and in the last line what it does about failures.
pub(super) fn settings(plan: &StagePlan) -> Vec<String> {
    let order = if plan.ordered { "in order" } else { "as they come" };
    let how = match plan.concurrency {
        1 => "one at a time".to_owned(),
        many => format!("{many} at once, {order}"),
    };
    let timeout = plan.timeout.map(|limit| format!(" · {} timeout", short(limit)));
    let failures = match (plan.on_error, plan.on_error.attempts_max()) {
        (ErrorPolicy::Retry { backoff, .. }, tries @ 2..) => {
            format!("{tries} tries, {} to {} apart", short(backoff.first), short(backoff.longest))
        }
        _ => "one try".to_owned(),
    };
    vec![how + &timeout.unwrap_or_default(), failures]
}

/// Where inputs go that fail, and how many have.
fn exit(stage: &StageSnapshot) -> String {
    let to = match stage.plan.on_error.last_resort() {
        LastResort::Fail => "the pipeline ends",
        LastResort::Skip => "skipped",
        LastResort::DeadLetter => "dead letters",
    };
    match stage.given_up() {
        0 => to.to_owned(),
        count => format!("{to}: {count}"),
    }
}

/// What a stage has done: only what there is.
pub(super) fn counts(counts: &StageCounts) -> Vec<String> {
    let mut flow = vec![format!("{} in", counts.entered), format!("{} out", counts.passed)];
    flow.extend(some(counts.in_flight, "in flight"));
    flow.extend(some(counts.cancelled, "cancelled"));
    let errors = [
        some(counts.errors, if counts.errors == 1 { "error" } else { "errors" }),
        some(counts.panicked, "panicked"),
        some(counts.timed_out, "timed out"),
        some(counts.retried, "retried"),
    ];
    let errors: Vec<String> = errors.into_iter().flatten().collect();
    let mut lines = vec![flow.join(" · ")];
    if !errors.is_empty() {
        lines.push(errors.join(" · "));
    }
    if let Some(mean_ns) = counts.time.total_ns.checked_div(counts.time.count).filter(|mean_ns| *mean_ns > 0) {
        let [mean, max] = [mean_ns, counts.time.max_ns].map(|ns| short(Duration::from_nanos(ns)));
        lines.push(format!("{mean} on average, {max} at most"));
    }
    lines
}

fn some(count: u64, what: &str) -> Option<String> {
    (count > 0).then(|| format!("{count} {what}"))
}

/// A duration in its largest fitting unit, with one digit after the point where that says something.
fn short(duration: Duration) -> String {
    let ns = duration.as_nanos();
    let (unit_ns, unit) = match ns {
        0..1_000 => (1, "ns"),
        1_000..1_000_000 => (1_000, "µs"),
        1_000_000..1_000_000_000 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    match (ns / unit_ns, ns * 10 / unit_ns % 10) {
        (whole, tenth) if tenth > 0 && whole < 100 => format!("{whole}.{tenth} {unit}"),
        (whole, _) => format!("{whole} {unit}"),
    }
}

/// A name as it can be drawn: on one line, not too long.
pub(super) fn shown(name: &str) -> String {
    let clean = name.chars().map(|char| if char.is_control() { ' ' } else { char });
    match chars(name) {
        0..=NAME_CHARS_MAX => clean.collect(),
        _ => clean.take(NAME_CHARS_MAX - 1).chain(['…']).collect(),
    }
}

fn chars(text: &str) -> usize {
    text.chars().count()
}
