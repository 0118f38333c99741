//! Windows and figures over the journal: the state after any prefix is the same, whoever folds it, from where and how often.

use std::time::Duration;

use futures::{StreamExt, TryStreamExt};
use homeostat_reactor::Moment;
use homeostat_reactor::aggregate::{Count, Percentiles, Recipe, Sum, Variance};
use homeostat_reactor::durable::{Durable, DurableSource, Effects, Folded, Memory, Offset};
use homeostat_reactor::window::{KeyLimits, RestoreError, SavedWindows, WindowCore, Windows};
use homeostat_store::{Commit, Entry, JournalEffects, Record};
use proptest::prelude::*;

use crate::sandbox::open;

const TOLD: &str = "windows";
const LAG: Duration = Duration::from_secs(2);
const LATENESS: Duration = Duration::from_secs(20);

type Figures = (Count<f64>, Sum, Variance, Percentiles);
type Core = WindowCore<String, f64, Figures>;
type Saved = SavedWindows<String, <Figures as Recipe<f64>>::State>;

fn figures() -> Figures {
    (Count::new(), Sum::new(), Variance::new(), Percentiles::new())
}

/// Fewer keys than there are subjects: some have to leave early.
fn limits() -> KeyLimits {
    KeyLimits::at_most(3).ttl(Duration::from_secs(60))
}

/// The state of the consumer: windows, and how many of them it has told.
struct Totals {
    core: Core,
    told: u64,
}

impl Totals {
    fn new(windows: Windows) -> Self {
        Self { core: Core::new(windows, LATENESS, limits(), figures()), told: 0 }
    }

    fn save(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&(self.core.save(), self.told))
    }

    fn load(windows: Windows, bytes: &[u8]) -> Result<Self, String> {
        let (saved, told): (Saved, u64) = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let core = Core::restore(windows, LATENESS, limits(), figures(), saved);
        Ok(Self { core: core.map_err(|error: RestoreError| error.to_string())?, told })
    }

    /// Takes in a record; a document for each window that this closes.
    fn step(&mut self, entry: Entry) -> JournalEffects {
        let Record { at_ms, subject, payload, .. } = entry.record;
        let (at, value) = (Moment::from_millis(at_ms), f64::from_le_bytes(payload.try_into().unwrap()));
        self.core.advance(at.before(LAG));
        let mut effects = JournalEffects::none();
        while let Some(window) = self.core.next_closed() {
            effects = effects.put(TOLD, format!("{:06}", self.told), format!("{window:?}"));
            self.told += 1;
        }
        let _ = self.core.take(subject, at, &value);
        effects
    }
}

/// What is appended, and how the consumer that then catches up is set up.
#[derive(Debug, Clone)]
struct Life {
    records: Vec<Record>,
    batch: usize,
    snapshots_every: Option<u64>,
}

/// Records of five subjects in some minutes, in any order and some twice, with numbers of every size.
fn life() -> impl Strategy<Value = Life> {
    let number = prop_oneof![-1_000.0..1_000.0_f64, any::<f64>().prop_filter("finite", |number| number.is_finite())];
    let record = (0..5_u8, 0..200_000_u64, number, 1..=2_usize).prop_map(|(subject, at_ms, number, copies)| {
        let (subject, payload) = (format!("subject {subject}"), number.to_le_bytes().into());
        vec![Record { at_ms, subject, payload, ..Record::default() }; copies]
    });
    let records = proptest::collection::vec(record, 0..40).prop_map(|records| records.concat());
    let parts = (records, 1..20_usize, proptest::option::of(0..30_u64));
    parts.prop_map(|(records, batch, snapshots_every)| Life { records, batch, snapshots_every })
}

async fn catch_up<S>(source: &S, windows: Windows, life: &Life) -> Folded<Totals>
where
    S: DurableSource<Item = Entry, Effects = JournalEffects>,
{
    let run = Durable::consume(source.clone(), "totals", Offset::START).fold(Totals::new(windows), Totals::step);
    let run = run.batch(life.batch, Duration::ZERO);
    let run = match life.snapshots_every {
        Some(every) => run.snapshots(every, Totals::save, move |bytes: &[u8]| Totals::load(windows, bytes)),
        None => run,
    };
    run.catch_up().await.unwrap()
}

/// Folds the first `prefix` records as they are in the source now.
async fn replay<S>(source: &S, windows: Windows, prefix: usize) -> Vec<u8>
where
    S: DurableSource<Item = Entry, Effects = JournalEffects>,
{
    let mut totals = Totals::new(windows);
    let records = source.stream_from(Offset::START).take(prefix).try_collect::<Vec<_>>().await.unwrap();
    for (_, entry) in records {
        let _ = totals.step(entry);
    }
    totals.save().unwrap()
}

fn any_windows() -> impl Strategy<Value = Windows> {
    prop::sample::select(vec![
        Windows::sliding(Duration::from_secs(30), Duration::from_secs(10)).unwrap(),
        Windows::session(Duration::from_secs(5)),
        Windows::count(4),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// If this breaks, a replay explains another past than the one that was, or a restart tells other figures.
    #[test]
    fn any_prefix_gives_the_state_of_then(
        windows in any_windows(),
        lives in proptest::collection::vec(life(), 1..6),
        other in any::<prop::sample::Index>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let journal = open(folder.path());
        let (source, memory) = (journal.source().unwrap(), Memory::<Entry, JournalEffects>::new());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        // The state after each prefix, and all effects, as one plain fold has them.
        let (mut plain, mut effects) = (Totals::new(windows), Vec::new());
        let mut states = vec![plain.save().unwrap()];
        let mut ends = Vec::new();
        for life in &lives {
            let known = states.len() as u64 - 1;
            journal.commit_blocking(Commit { records: life.records.clone(), ..Commit::default() }).unwrap();
            let news = runtime.block_on(source.read(Offset(known), usize::MAX)).unwrap();
            prop_assert_eq!(news.len(), life.records.len());
            for (_, entry) in news {
                memory.extend([entry.clone()]);
                effects.push(plain.step(entry));
                states.push(plain.save().unwrap());
            }
            let wanted = states.last().unwrap();
            prop_assert_eq!(&runtime.block_on(catch_up(&source, windows, life)).state.save().unwrap(), wanted);
            prop_assert_eq!(&runtime.block_on(catch_up(&memory, windows, life)).state.save().unwrap(), wanted);
            ends.push(states.len() - 1);
        }
        for prefix in ends.into_iter().chain([other.index(states.len())]) {
            prop_assert_eq!(&runtime.block_on(replay(&source, windows, prefix)), &states[prefix]);
            prop_assert_eq!(&runtime.block_on(replay(&memory, windows, prefix)), &states[prefix]);
        }
        let all = |parts: Vec<JournalEffects>| {
            let mut all = JournalEffects::none();
            parts.into_iter().for_each(|part| all.then(part));
            all
        };
        prop_assert_eq!(all(memory.effects("totals")), all(effects.clone()));
        let told = journal.reader().unwrap().documents(TOLD).unwrap();
        let again = told.into_iter().fold(JournalEffects::none(), |all, told| all.put(TOLD, told.key, told.value));
        prop_assert_eq!(again, all(effects));
    }
}
