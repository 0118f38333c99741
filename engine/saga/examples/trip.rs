//! Books a trip of three steps in a journal on disk; the car is not to be had, so what was booked is taken back.
//!
//! Run it with `cargo run -p homeostat-saga --example trip`. It prints what the engine tells its owner.

use homeostat_saga::{
    Answer, Call, Definition, Hands, JournalLedger, Nature, NewSaga, Runner, RunnerOptions, SagaEvent, StepDefinition,
    Stored, Undo, Verb,
};
use homeostat_store::{Journal, Options};
use serde_json::json;

struct Agency;

impl Hands for Agency {
    async fn call(&self, call: Call) -> Answer {
        match (call.verb, call.name.as_str()) {
            (Verb::Do, "car") => Answer::Failed { error: "no car left".into(), retryable: false },
            // A real driver would hand the key to the booking service, which books once for each key.
            (Verb::Do, name) => Answer::Done(json!(format!("{name} {}", &call.key.as_str()[..8]))),
            (Verb::Undo, _) => Answer::Done(json!(null)),
            (Verb::Probe, _) => Answer::NeverHappened,
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("homeostat-trip-{}", std::process::id()));
    let journal = Journal::open(&folder, Options::default())?;
    let step = |name: &str| StepDefinition::new(name, json!({}), Undo::Call(json!({})), Nature::Idempotent);
    let definition = Stored::new(Definition::new("trip", 1, ["flight", "hotel", "car"].map(step).to_vec()))?;

    let (sender, mut events) = tokio::sync::mpsc::channel(64);
    let ledger = JournalLedger::new(journal.clone());
    let runner = Runner::recover(ledger, Agency, RunnerOptions::default(), sender).await?;
    runner.submit(NewSaga { id: "trip-1".into(), trace: "t1".into(), target: "ana".into(), definition }).await?;
    while let Some(event) = events.recv().await {
        match event {
            SagaEvent::StepEnded { name, verb, answer, .. } => println!("{verb} {name}: {answer:?}"),
            SagaEvent::TurnedBack { cause, .. } => println!("turning back: {cause}"),
            SagaEvent::Ended { end, .. } => {
                println!("{end:?}");
                break;
            }
            _ => {}
        }
    }
    println!("{} records in the journal", journal.reader()?.entries_of_trace("t1", 100)?.len());
    journal.close();
    std::fs::remove_dir_all(folder)?;
    Ok(())
}
