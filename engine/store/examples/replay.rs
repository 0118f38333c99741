//! A replay from the journal: takings by product, kept by a consumer, and looked up for any moment of the past.
//! Kill it at any moment and run it again: no order is counted twice or left out. The journal stays in the folder for temporary
//! files, as `homeostat-replay-example`; delete it to begin anew. `cargo run --release -p homeostat-store --example replay`

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Instant;

use futures::{StreamExt, TryStreamExt};
use homeostat_reactor::durable::{Durable, DurableSource, Offset};
use homeostat_store::{Commit, Entry, Journal, JournalEffects, Options, Record};

const ORDERS: u64 = 200_000;
type Takings = BTreeMap<String, u64>;

fn order(number: u64) -> Record {
    let product = ["apples", "pears", "plums"][number as usize % 3];
    Record {
        kind: "order".into(),
        subject: product.into(),
        payload: (number % 100).to_le_bytes().into(),
        ..Record::default()
    }
}

/// Pure: the same records give the same takings, whoever folds them and whenever.
fn count(takings: &mut Takings, entry: Entry) -> JournalEffects {
    let amount = entry.record.payload.try_into().map_or(0, u64::from_le_bytes);
    let total = takings.entry(entry.record.subject.clone()).or_default();
    *total += amount;
    JournalEffects::none().put("takings", entry.record.subject, total.to_string())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let journal = Journal::open(&std::env::temp_dir().join("homeostat-replay-example"), Options::default())?;
    for first in (0..ORDERS).step_by(500) {
        journal.commit(Commit { records: (first..first + 500).map(order).collect(), ..Commit::default() }).await?;
    }
    let source = journal.source()?;

    let (started, before) = (Instant::now(), journal.reader()?.offset("takings")?.unwrap_or(0));
    let consumer = Durable::consume(source.clone(), "takings", Offset::START).fold(Takings::new(), count);
    let now = consumer.catch_up().await?;
    let rate = (now.upto.0 - before) as f64 / started.elapsed().as_secs_f64();
    println!("{} orders consumed, {rate:.0} a second, each with its effect: {:?}", now.upto.0 - before, now.state);

    // The past, as it was half-way: no snapshot of it was ever taken.
    let (started, half, mut then) = (Instant::now(), now.upto.0 as usize / 2, Takings::new());
    let mut past = source.stream_from(Offset::START).take(half);
    while let Some((_, entry)) = past.try_next().await? {
        count(&mut then, entry);
    }
    let rate = half as f64 / started.elapsed().as_secs_f64();
    println!("after {half} orders it was {then:?}, replayed at {rate:.0} a second");
    Ok(())
}
