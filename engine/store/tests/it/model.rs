//! The journal against a model in memory: whatever is committed, in whatever order, reopened or pruned in between,
//! both say the same.

use std::collections::BTreeMap;

use homeostat_store::{Commit, Document, Expect, Journal, Options, Put, Record, Retention, StoreError};
use proptest::prelude::*;

use crate::sandbox::{open, whole};

#[derive(Debug, Clone)]
enum Step {
    Commit(Commit),
    Reopen,
    Prune { records_max: u64 },
}

/// What the journal should contain.
#[derive(Default)]
struct Model {
    records: Vec<Record>,
    first_kept: u64,
    documents: BTreeMap<(String, String), (u64, Vec<u8>)>,
    offsets: BTreeMap<String, u64>,
    version_floor: u64,
}

impl Model {
    /// Applies a commit and returns the versions, or the first consumer or document that is not as expected.
    fn commit(&mut self, commit: &Commit) -> Result<Vec<u64>, (String, String)> {
        for (consumer, expected) in &commit.expected_offsets {
            if self.offsets.get(consumer) != expected.as_ref() {
                return Err(("offset of".to_owned(), consumer.clone()));
            }
        }
        for put in &commit.puts {
            let name = (put.space.clone(), put.key.clone());
            let found = self.documents.get(&name).map(|(version, _)| *version);
            let holds = match put.expect {
                Expect::Any => true,
                Expect::Absent => found.is_none(),
                Expect::Version(version) => found == Some(version),
            };
            if !holds {
                return Err(name);
            }
        }
        self.records.extend(commit.records.iter().cloned());
        self.offsets.extend(commit.offsets.iter().cloned());
        Ok(commit.puts.iter().map(|put| self.put(put)).collect())
    }

    fn put(&mut self, put: &Put) -> u64 {
        let name = (put.space.clone(), put.key.clone());
        let before = self.documents.get(&name).map(|(version, _)| *version);
        match &put.value {
            Some(value) => {
                let version = before.unwrap_or(self.version_floor) + 1;
                self.documents.insert(name, (version, value.clone()));
                version
            }
            None => {
                self.documents.remove(&name);
                self.version_floor = self.version_floor.max(before.unwrap_or(0));
                0
            }
        }
    }

    fn compare(&self, journal: &Journal) {
        let reader = journal.reader().unwrap();
        let entries = reader.entries(0, usize::MAX).unwrap();
        let expected = (1_u64..).zip(&self.records).filter(|(seq, _)| *seq > self.first_kept);
        assert!(entries.iter().map(|entry| (entry.seq, &entry.record)).eq(expected));
        for space in ["a", "b"] {
            let expected: Vec<Document> = self
                .documents
                .iter()
                .filter(|((found, _), _)| found == space)
                .map(|((_, key), (version, value))| Document {
                    key: key.clone(),
                    version: *version,
                    value: value.clone(),
                })
                .collect();
            assert_eq!(reader.documents(space).unwrap(), expected);
        }
        for consumer in ["x", "y"] {
            assert_eq!(reader.offset(consumer).unwrap(), self.offsets.get(consumer).copied());
        }
        for kind in ["k", "l"] {
            let found: Vec<u64> =
                reader.entries_of_kind(kind, 0, usize::MAX).unwrap().iter().map(|entry| entry.seq).collect();
            let expected: Vec<u64> =
                entries.iter().filter(|entry| entry.record.kind == kind).map(|entry| entry.seq).collect();
            assert_eq!(found, expected);
        }
    }
}

fn records() -> impl Strategy<Value = Vec<Record>> {
    let record = (any::<u32>(), 0..5_u8, "[kl]", "\\PC{0,8}", "[tu]?", proptest::collection::vec(any::<u8>(), 0..300))
        .prop_map(|(at_ms, class, kind, subject, trace, payload)| Record {
            at_ms: at_ms.into(),
            class,
            kind,
            subject,
            trace,
            payload,
        });
    proptest::collection::vec(record, 0..6)
}

fn puts() -> impl Strategy<Value = Vec<Put>> {
    let expect = prop_oneof![
        3 => Just(Expect::Any),
        1 => Just(Expect::Absent),
        2 => (1..6_u64).prop_map(Expect::Version),
    ];
    let value = proptest::option::weighted(0.7, proptest::collection::vec(any::<u8>(), 0..40));
    let names = (prop_oneof!["a", "b"], prop_oneof!["1", "2", "3"]);
    proptest::collection::btree_map(names, (value, expect), 0..3).prop_map(|puts| {
        puts.into_iter().map(|((space, key), (value, expect))| Put { space, key, value, expect }).collect()
    })
}

fn step() -> impl Strategy<Value = Step> {
    let consumer = || prop_oneof!["x", "y"];
    let offsets = proptest::collection::vec((consumer(), 0..3_u64), 0..3);
    let expected = proptest::option::weighted(0.3, (consumer(), proptest::option::of(0..3_u64)));
    let commit = (records(), puts(), offsets, expected).prop_map(|(records, puts, offsets, expected)| {
        Step::Commit(Commit { records, puts, offsets, expected_offsets: expected.into_iter().collect() })
    });
    prop_oneof![8 => commit, 1 => Just(Step::Reopen), 1 => (0..30_u64).prop_map(|records_max| Step::Prune { records_max })]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// If this breaks, some order of commits, conflicts, deletions, prunings and reopenings gives a wrong answer.
    #[test]
    fn journal_agrees_with_the_model(steps in proptest::collection::vec(step(), 1..40)) {
        let folder = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut journal = open(folder.path());
        let mut model = Model::default();
        for step in steps {
            match step {
                Step::Commit(commit) => {
                    let expected = model.commit(&commit);
                    let found = match journal.commit_blocking(commit) {
                        Ok(committed) => Ok(committed.versions),
                        Err(StoreError::Conflict { space, key, .. }) => Err((space, key)),
                        Err(StoreError::OffsetMoved { consumer, .. }) => Err(("offset of".to_owned(), consumer)),
                        Err(other) => panic!("{other}"),
                    };
                    prop_assert_eq!(found, expected);
                }
                Step::Reopen => {
                    journal.close();
                    journal = Journal::open(folder.path(), Options::default()).unwrap();
                }
                Step::Prune { records_max } => {
                    let retention = Retention { records_max: Some(records_max), records_min: 1, age_max: None };
                    runtime.block_on(journal.prune(retention, 0)).unwrap();
                    let last = model.records.len() as u64;
                    model.first_kept = model.first_kept.max(last.saturating_sub(records_max.max(1)));
                }
            }
        }
        model.compare(&journal);
        whole(folder.path());
    }
}
