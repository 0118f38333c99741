//! Every fact and every saga event has a sentence in both languages.

use crate::sample;
use homeostat_saga::Event;
use homeostat_store::{Entry, Record};
use homeostat_story::{Catalogue, Language, Story, line_of};
use homeostat_vocabulary::Fact;

/// Fails to compile when a fact is added: then add it to `sample::every_fact`, too.
fn number_of(fact: &Fact) -> usize {
    match fact {
        Fact::EngineStarted { .. } => 0,
        Fact::EngineStopped { .. } => 1,
        Fact::PolicyApplied { .. } => 2,
        Fact::PolicyRejected { .. } => 3,
        Fact::SignalSeen { .. } => 4,
        Fact::EpisodeOpened { .. } => 5,
        Fact::FindingMade { .. } => 6,
        Fact::HypothesesFormed { .. } => 7,
        Fact::PlanMade { .. } => 8,
        Fact::GuardsAsked { .. } => 9,
        Fact::ActionApproved { .. } => 10,
        Fact::ActionDropped { .. } => 11,
        Fact::ActionBegun { .. } => 12,
        Fact::ActionEnded { .. } => 13,
        Fact::VerificationBegun { .. } => 14,
        Fact::OutcomeMeasured { .. } => 15,
        Fact::LessonLearned { .. } => 16,
        Fact::Escalated { .. } => 17,
        Fact::EpisodeClosed { .. } => 18,
        Fact::ActingPaused { .. } => 19,
        Fact::ActingResumed { .. } => 20,
        Fact::InstanceHeld { .. } => 21,
        Fact::InstanceReleased { .. } => 22,
        Fact::ShutdownRequested { .. } => 23,
        Fact::ActionResumed { .. } => 24,
        Fact::AlarmRaised { .. } => 25,
        Fact::ServiceActivated { .. } => 26,
        Fact::ServiceRested { .. } => 27,
    }
}

const KINDS: usize = 28;

/// Every sentence, in one language.
fn said(language: Language) -> String {
    let catalogue = Catalogue::of(language);
    let entry = |record: Record| Entry { seq: 1, record, hash: [0; 32] };
    let mut text = String::new();
    let facts = sample::every_fact().into_iter().map(|fact| sample::record_of(&fact, sample::START));
    let events = sample::every_event();
    let events = events.into_iter().map(|event: Event| sample::saga_record("A2-5f0c", "E1", sample::START, event));
    for record in facts.chain(events) {
        let kind = record.kind.clone();
        let line = line_of(&entry(record), catalogue);
        text.push_str(&format!("{kind:22} {} {}\n", line.tone.symbol(), line.text));
    }
    text
}

#[test]
fn every_fact_has_a_sentence() {
    // A fact without a sentence would be a hole in every story; a missing argument stops this test.
    let mut known = [false; KINDS];
    for fact in sample::every_fact() {
        known[number_of(&fact)] = true;
    }
    assert_eq!(known, [true; KINDS], "a kind of fact is missing in the sample");
    let (english, spanish) = (said(Language::English), said(Language::Spanish));
    assert!(!english.contains("{$") && !spanish.contains("{$"), "an argument is missing");
    insta::assert_snapshot!("every_sentence_en", english);
    insta::assert_snapshot!("every_sentence_es", spanish);
}

#[test]
fn every_fact_can_stand_in_a_story_with_its_details() {
    // A detail without a sentence would only be missed on the day when somebody asks why; a missing one stops this test.
    for (record, language) in sample::every_fact()
        .iter()
        .map(|fact| sample::record_of(fact, sample::START))
        .flat_map(|record| Language::ALL.map(|language| (record.clone(), language)))
    {
        let record = Record { trace: "E1".to_owned(), ..record };
        let kind = record.kind.clone();
        let story = Story::tell(&[Entry { seq: 1, record, hash: [0; 32] }]).unwrap();
        let told = story.in_language(Catalogue::of(language)).to_string();
        assert!(told.contains("E1"), "{kind}: {told}");
    }
}
