//! Guarantee 10: a saga is finished by the definition stored with it, or refused loudly.

use homeostat_saga::{
    AlarmKind, Definition, Fault, MemoryLedger, Nature, Reply, Saga, SagaError, SagaEvent, SagaId, StepDefinition,
    Stored,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::definitions::{of, saga, step, trip};
use crate::hands::{Fake, Owner, eventually};
use crate::harness::{Crash, Run};
use crate::world::Mood;

/// A ledger with saga `a` begun and left after its first intent, and its document changed by `change`.
async fn left_behind(change: impl FnOnce(&mut Value)) -> MemoryLedger {
    let ledger = MemoryLedger::new();
    let owner = Owner::start(ledger.clone(), Fake::willing()).await;
    ledger.fail_at(ledger.writes() + 2, Fault::Lost);
    owner.runner.submit(trip("a")).await.unwrap();
    eventually("the crash", || ledger.failed()).await;
    drop(owner);
    ledger.reopen();
    ledger.tamper(|contents| {
        let (_, document) = contents.open.get_mut(&SagaId::from("a")).unwrap();
        let mut value: Value = serde_json::from_slice(document).unwrap();
        change(&mut value);
        *document = serde_json::to_vec(&value).unwrap();
    });
    ledger
}

async fn is_refused(what: &str, change: impl FnOnce(&mut Value)) {
    let ledger = left_behind(change).await;
    let (id, before) = (SagaId::from("a"), ledger.contents().open);
    let hands = Fake::willing();
    let mut owner = Owner::start(ledger.clone(), hands.clone()).await;
    let event = owner.until(|event| matches!(event, SagaEvent::Alarm(_))).await;
    let SagaEvent::Alarm(alarm) = event else { unreachable!("it was matched") };
    assert_eq!((alarm.kind, alarm.id), (AlarmKind::Refused, Some("a".into())), "{what}");
    let again = owner.runner.submit(trip("a")).await;
    assert!(matches!(again, Err(SagaError::Refused { .. })), "{what}: {again:?}");
    owner.runner.submit(saga("later", "trip", vec![step("x", Nature::Idempotent)])).await.unwrap();
    owner.run(saga("elsewhere", "other", vec![step("y", Nature::Idempotent)])).await;
    assert_eq!(hands.names(), ["do y"], "{what}: its target stays held, the rest goes on");
    assert_eq!(ledger.contents().open.get(&id), before.get(&id), "{what}: it is left untouched");
}

#[tokio::test]
async fn guarantee_10_what_this_version_cannot_read_is_refused_loudly() {
    // Breaks when a document of another version is half understood, acted upon, overwritten or dropped.
    is_refused("a newer format", |saga| saga["format"] = json!(2)).await;
    is_refused("a field of a newer writer", |saga| saga["colour"] = json!("blue")).await;
    is_refused("a changed definition", |saga| {
        saga["definition"]["definition"]["steps"][1]["name"] = json!("hostel");
    })
    .await;
    is_refused("another hash", |saga| saga["definition"]["hash"] = json!("00")).await;
    is_refused("another version", |saga| saga["definition"]["version"] = json!(9)).await;
    is_refused("no steps", |saga| saga["steps"] = json!([])).await;
}

/// A definition as an older or newer writer would have stored it, with its own hash.
fn restored(change: impl FnOnce(&mut Value)) -> impl FnOnce(&mut Value) {
    |saga| {
        let definition = &mut saga["definition"]["definition"];
        change(definition);
        // The hash is that of the text as stored, whoever wrote it: recompute it the way any writer would.
        let hash = independent_hash(definition);
        saga["definition"]["hash"] = json!(hash);
    }
}

fn independent_hash(value: &Value) -> String {
    fn sorted(value: &Value) -> Value {
        match value {
            Value::Object(fields) => {
                let mut keys: Vec<_> = fields.iter().collect();
                keys.sort_by_key(|(key, _)| key.as_str());
                Value::Object(keys.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect())
            }
            Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
            other => other.clone(),
        }
    }
    use sha2::Digest;
    let digest = sha2::Sha256::digest(sorted(value).to_string().as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn guarantee_10_a_newer_definition_language_is_refused_by_an_old_reader() {
    // Breaks when an old binary ignores a safety field that a newer one wrote into a step.
    is_refused("an unknown step field", restored(|definition| definition["steps"][0]["quorum"] = json!(2))).await;
    is_refused("an unknown nature", restored(|definition| definition["steps"][0]["nature"] = json!("sometimes"))).await;
}

#[tokio::test]
async fn guarantee_10_an_older_definition_is_finished_by_a_new_reader() {
    // Breaks when a field that older writers did not know, and that has a default, makes their sagas unreadable.
    let older = restored(|definition| {
        for step in definition["steps"].as_array_mut().unwrap() {
            step.as_object_mut().unwrap().shift_remove("pivot");
        }
    });
    let ledger = left_behind(older).await;
    let mut owner = Owner::start(ledger, Fake::willing()).await;
    owner.until_ended("a").await;
}

#[test]
fn guarantee_10_an_upgraded_binary_finishes_by_the_stored_definition() {
    // Breaks when the definition of the running binary replaces the one the saga began with.
    let mut run = Run::new(MemoryLedger::new(), 1, Box::new(|_| Mood::Willing));
    run.submit(trip("a"));
    run.crashes.push_back(Crash::AfterCall(1));
    while run.restarts == 0 {
        run.turn();
    }
    // The new binary knows a shorter trip under the same name and a higher version.
    let shorter = Definition::new("test", 2, vec![step("flight", Nature::Idempotent)]);
    let ticket = run.submit(of("a", "trip", shorter.clone()));
    run.until_quiet();
    assert_eq!(run.replies[&ticket], Err(SagaError::IdReused("a".into())), "an id is not taken over silently");
    assert_eq!(run.calls_made(), ["do flight", "do flight", "do hotel", "do car"]);
    let ticket = run.submit(of("b", "trip", shorter));
    run.until_quiet();
    assert_eq!(run.replies[&ticket], Ok(Reply::Accepted));
    assert_eq!(run.calls_made().len(), 5, "a new saga follows the new one");
}

#[test]
fn guarantee_10_the_hash_ignores_key_order_and_nothing_else() {
    // Breaks when a writer that orders keys differently is refused, or a changed value is not noticed.
    let with = |input: Value| {
        let step = StepDefinition { input, ..step("x", Nature::Idempotent) };
        Definition::new("d", 1, vec![step]).hash()
    };
    assert_eq!(with(json!({ "a": 1, "b": [1, 2] })), with(json!({ "b": [1, 2], "a": 1 })));
    assert_ne!(with(json!({ "a": 1, "b": [1, 2] })), with(json!({ "a": 1, "b": [2, 1] })));
    assert_ne!(with(json!({ "a": 1 })), with(json!({ "a": "1" })));
    let definition = Definition::new("d", 1, vec![step("x", Nature::Idempotent)]);
    assert_eq!(definition.hash(), independent_hash(&serde_json::to_value(&definition).unwrap()));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn guarantee_10_any_input_survives_the_document(number in any::<f64>(), text in ".*", large in any::<u64>()) {
        // Breaks when a float or a strange string comes back changed, and the saga is refused for its hash.
        prop_assume!(number.is_finite());
        let input = json!({ "number": number, "text": text, "large": large, "small": -1 });
        let step = StepDefinition { input, ..step("x", Nature::Idempotent) };
        let stored = Stored::new(Definition::new("d", 1, vec![step])).unwrap();
        let text = serde_json::to_string(&stored).unwrap();
        let back: Result<Stored, _> = serde_json::from_str(&text);
        prop_assert!(back.is_ok(), "{:?}", back);
        let back = back.unwrap();
        prop_assert_eq!(back.definition(), stored.definition());
    }
}

#[test]
fn guarantee_10_nonsense_is_refused_not_panicked_at() {
    // Breaks when damaged bytes in a document bring the engine down.
    for bytes in [&b""[..], b"{", b"null", b"[]", b"{\"format\":1}", b"\xff\xfe", b"{\"format\":1,\"target\":\"t\"}"] {
        assert!(matches!(Saga::from_document(&"a".into(), bytes), Err(SagaError::Refused { .. })));
    }
}
