//! Pipelines as pictures, before and after they have run.

use std::time::Duration;

use futures::{StreamExt, stream};
use homeostat_reactor::pipeline::{ErrorPolicy, LastResort, Pipeline, PipelineSnapshot};
use homeostat_reactor::reactor::Backoff;
use homeostat_reactor::{Clock, ManualClock};

fn orders(clock: Clock) -> Pipeline<u32, u32> {
    let inside = clock.clone();
    let backoff = Backoff { first: Duration::from_millis(100), longest: Duration::from_secs(5), failures_max: 3 };
    Pipeline::<u32>::named("orders")
        .stage("parse", |number: u32| async move { if number == 2 { Err("two") } else { Ok(number) } })
        .concurrency(4)
        .timeout(Duration::from_millis(1_500))
        .on_error(ErrorPolicy::Retry { backoff, then: LastResort::DeadLetter })
        .buffer(8)
        .stage("price \"net\" [€]", move |number: u32| {
            let clock = inside.clone();
            async move {
                clock.sleep(Duration::from_micros(1_250)).await;
                Ok::<_, String>(number)
            }
        })
        .concurrency(2)
        .unordered()
        .on_error(ErrorPolicy::Skip)
        .stage("store", |number: u32| async move { Ok::<_, String>(number) })
        .buffer(1)
        .build(clock)
}

/// As it stands when it has done five orders, of which one was put aside.
async fn after_five_orders() -> PipelineSnapshot {
    let time = ManualClock::new();
    let pipeline = orders(time.clock());
    let run = tokio::spawn(pipeline.run(stream::iter(0..5)).count());
    time.turn(Duration::from_secs(10)).await;
    assert_eq!(run.await.unwrap(), 4);
    pipeline.snapshot()
}

#[test]
fn a_pipeline_prints_as_it_is_planned() {
    // Would break: a picture that leaves out what a stage was told, or whose lines do not meet.
    let expected = r#"orders

   source
   │
   ▼
╭─ parse ─────────────────────────────╮
│ 4 at once, in order · 1.5 s timeout │
│ 3 tries, 100 ms to 5 s apart        ├─▶ dead letters
╰──┬──────────────────────────────────╯
   │ buffer 8
   ▼
╭─ price "net" [€] ───────────────────╮
│ 2 at once, as they come             │
│ one try                             ├─▶ skipped
╰──┬──────────────────────────────────╯
   │ buffer 16
   ▼
╭─ store ─────────────────────────────╮
│ one at a time                       │
│ one try                             ├─▶ the pipeline ends
╰──┬──────────────────────────────────╯
   │ buffer 1
   ▼
   output
"#;
    assert_eq!(orders(Clock::machine()).to_string(), expected, "\n{}", orders(Clock::machine()));
}

#[tokio::test]
async fn a_pipeline_prints_with_its_counts_once_it_has_run() {
    // Would break: an operator who sees a pipeline but not where it jams or fails.
    let expected = r#"orders · at rest

   source
   │
   ▼
╭─ parse ─────────────────────────────╮
│ 4 at once, in order · 1.5 s timeout │
│ 3 tries, 100 ms to 5 s apart        ├─▶ dead letters: 1
│ 5 in · 4 out                        │
│ 3 errors · 2 retried                │
│ 60 ms on average, 300 ms at most    │
╰──┬──────────────────────────────────╯
   │ buffer 0/8
   ▼
╭─ price "net" [€] ───────────────────╮
│ 2 at once, as they come             │
│ one try                             ├─▶ skipped
│ 4 in · 4 out                        │
│ 1.2 ms on average, 1.2 ms at most   │
╰──┬──────────────────────────────────╯
   │ buffer 0/16
   ▼
╭─ store ─────────────────────────────╮
│ one at a time                       │
│ one try                             ├─▶ the pipeline ends
│ 4 in · 4 out                        │
╰──┬──────────────────────────────────╯
   │ buffer 0/1
   ▼
   output

   dead letters lost because nobody read them: 1
"#;
    let snapshot = after_five_orders().await;
    assert_eq!(snapshot.to_string(), expected, "\n{snapshot}");
}

#[tokio::test]
async fn a_pipeline_is_a_mermaid_flowchart() {
    // Would break: a chart that Mermaid refuses, or that a name can break out of.
    let expected = r#"flowchart TD
  subgraph pipeline["orders"]
    source(["source"])
    stage0["parse<br/>4 at once, in order · 1.5 s timeout<br/>3 tries, 100 ms to 5 s apart<br/>5 in · 4 out<br/>3 errors · 2 retried<br/>60 ms on average, 300 ms at most"]
    stage1["price #34;net#34; #91;#8364;#93;<br/>2 at once, as they come<br/>one try<br/>4 in · 4 out<br/>1.2 ms on average, 1.2 ms at most"]
    stage2["store<br/>one at a time<br/>one try<br/>4 in · 4 out"]
    output(["output"])
    source --> stage0
    stage0 -->|"buffer 0/8"| stage1
    stage1 -->|"buffer 0/16"| stage2
    stage2 -->|"buffer 0/1"| output
    failure{{"the pipeline ends"}}
    stage2 -.->|"on error"| failure
    skipped[/"skipped"/]
    stage1 -.->|"on error"| skipped
    letters[("dead letters")]
    stage0 -.->|"after 3 tries: 1"| letters
  end
"#;
    let snapshot = after_five_orders().await;
    assert_eq!(snapshot.mermaid(), expected, "\n{}", snapshot.mermaid());
    let planned = orders(Clock::machine()).mermaid();
    assert!(planned.contains("\"parse<br/>4 at once, in order · 1.5 s timeout<br/>3 tries, 100 ms to 5 s apart\""));
    assert!(planned.contains("-->|\"buffer 8\"|") && planned.contains("-.->|\"after 3 tries\"|"), "{planned}");
}

#[tokio::test]
async fn a_snapshot_travels_as_json() {
    // Would break: a console that cannot show what the engine says.
    let snapshot = after_five_orders().await;
    let json = serde_json::to_string(&snapshot).unwrap();
    assert_eq!(serde_json::from_str::<PipelineSnapshot>(&json).unwrap(), snapshot);
}

#[test]
fn names_cannot_break_a_picture() {
    // Would break: a name with a line break, an escape sequence or a thousand letters that tears the picture apart.
    let name = format!("a\n\u{1b}[31m{}", "x".repeat(1_000));
    let odd =
        Pipeline::<u32>::named(&name).stage(&name, |n: u32| async move { Ok::<_, String>(n) }).build(Clock::machine());
    let picture = odd.to_string();
    assert!(!picture.contains('\u{1b}') && picture.lines().all(|line| line.chars().count() < 90), "{picture}");
    assert!(odd.mermaid().lines().all(|line| line.len() < 200));
}
