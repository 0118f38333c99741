//! A pipeline as a Mermaid flowchart, for documents and the console.
//!
//! A pure function of a snapshot. Names are the user's: every character that could mean something to Mermaid is written by its
//! number.

use std::fmt::Write;

use super::metrics::{PipelineSnapshot, StageSnapshot};
use super::picture::{counts, settings, shown};
use super::policy::LastResort;

impl PipelineSnapshot {
    /// A picture of it as a Mermaid flowchart, with counts once it has run.
    pub fn mermaid(&self) -> String {
        let live = self.is_live();
        let mut chart = format!("flowchart TD\n  subgraph pipeline[\"{}\"]\n", escaped(&self.name));
        line(&mut chart, "source([\"source\"])");
        for (number, stage) in self.stages.iter().enumerate() {
            line(&mut chart, &format!("stage{number}[\"{}\"]", label(stage, live)));
        }
        line(&mut chart, "output([\"output\"])");
        line(&mut chart, "source --> stage0");
        for (number, stage) in self.stages.iter().enumerate() {
            let next = number + 1;
            let to = if next == self.stages.len() { "output".to_owned() } else { format!("stage{next}") };
            line(&mut chart, &format!("stage{number} -->|\"{}\"| {to}", stage.queue(live)));
        }
        self.exits(&mut chart);
        chart.push_str("  end\n");
        chart
    }

    /// Where failed inputs go: one node for each way that is there.
    fn exits(&self, chart: &mut String) {
        let ways = [
            (LastResort::Fail, "failure", "failure{{\"the pipeline ends\"}}"),
            (LastResort::Skip, "skipped", "skipped[/\"skipped\"/]"),
            (LastResort::DeadLetter, "letters", "letters[(\"dead letters\")]"),
        ];
        for (way, name, node) in ways {
            let from = |stage: &(usize, &StageSnapshot)| stage.1.plan.on_error.last_resort() == way;
            let mut stages = self.stages.iter().enumerate().filter(from).peekable();
            if stages.peek().is_some() {
                line(chart, node);
            }
            for (number, stage) in stages {
                line(chart, &format!("stage{number} -.->|\"{}\"| {name}", exit(stage)));
            }
        }
    }
}

fn exit(stage: &StageSnapshot) -> String {
    let tries = match stage.plan.on_error.attempts_max() {
        1 => "on error".to_owned(),
        tries => format!("after {tries} tries"),
    };
    match stage.given_up() {
        0 => tries,
        count => format!("{tries}: {count}"),
    }
}

fn label(stage: &StageSnapshot, live: bool) -> String {
    let mut lines = vec![escaped(&stage.plan.name)];
    lines.extend(settings(&stage.plan));
    if live {
        lines.extend(counts(&stage.counts));
    }
    lines.join("<br/>")
}

fn line(chart: &mut String, text: &str) {
    chart.push_str("    ");
    chart.push_str(text);
    chart.push('\n');
}

/// A name between quotes: letters, digits, spaces and underscores stay, everything else is written by its number.
fn escaped(name: &str) -> String {
    let mut escaped = String::with_capacity(name.len());
    for char in shown(name).chars() {
        match char {
            ' ' | '_' => escaped.push(char),
            letter if letter.is_alphanumeric() => escaped.push(letter),
            other => {
                // Writing to a string cannot fail.
                let _ = write!(escaped, "#{};", u32::from(other));
            }
        }
    }
    escaped
}
