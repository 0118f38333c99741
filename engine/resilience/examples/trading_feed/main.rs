//! Trading on the prices of two exchanges that misbehave in every way an exchange can:
//! `cargo run -p homeostat-resilience --example trading_feed`
//!
//! Read the rules first: [`feed`] says which prices may be used, [`orders`] which orders may be sent; neither knows of sockets.
//! [`session`] and [`desk`] do as they say, through the policies. [`exchange`] is simulated, and real on the wire. It ends by
//! itself, and with a failure if one of its promises was broken.

mod desk;
mod exchange;
mod feed;
mod orders;
#[cfg(test)]
mod rules;
mod session;
mod wire;

use std::collections::BTreeMap;
use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use homeostat_reactor::Clock;
use homeostat_resilience::stack::Limit;
use homeostat_resilience::{Deadline, DeadlineSettings, Stack, StackSettings};
use tokio::sync::watch;

use desk::Desk;
use exchange::{Exchange, Mood};
use feed::{Fault, Feed, Name};
use orders::{OrderBook, State};
use session::{Follower, Status};

/// How long an act may take; tried again once or twice if the exchange was left for another reason just then.
const ACT_WITHIN: Duration = Duration::from_secs(3);
const TRIES: u32 = 3;
/// So many prices are used in peace between two acts.
const PEACE: usize = 15;

/// An exchange, as the client knows it.
#[derive(Debug, Clone, Copy)]
pub struct Venue {
    /// Its name.
    pub name: Name,
    /// Where it is.
    pub address: SocketAddr,
}

/// What the exchange does that is followed just then, how it is told, and what must come of it: that it is left for this reason, or
/// that it is kept.
const ACTS: [(Mood, &str, Option<Fault>); 7] = [
    (Mood::Skips, "leaves two numbers out", None),
    (Mood::KeepsGap, "leaves numbers out and does not tell them", Some(Fault::NoSnapshot)),
    (Mood::Damages, "sends a price with a wrong checksum", Some(Fault::Damaged)),
    (Mood::Jumps, "sends twice the price", Some(Fault::OutOfBand)),
    (Mood::IsLate, "sends prices 350 ms late", Some(Fault::Late)),
    (Mood::IsSilent, "falls silent", Some(Fault::Silent)),
    (Mood::IsDead, "ends all connections and takes none", Some(Fault::Closed)),
];

/// A promise, and whether it was held.
type Promise = (&'static str, bool);

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let promises = run().await?;
    println!();
    for (promise, held) in &promises {
        println!("{} {promise}", if *held { "held:  " } else { "BROKEN:" });
    }
    Ok(if promises.iter().all(|(_, held)| *held) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The whole story; what was promised, and whether it was held.
async fn run() -> Result<Vec<Promise>, Box<dyn Error>> {
    let clock = Clock::machine();
    let exchanges = [Exchange::open("north", 1, &clock).await?, Exchange::open("south", 70_000, &clock).await?];
    let venues = exchanges.each_ref().map(|exchange| Venue { name: exchange.name, address: exchange.address });
    let feed = Arc::new(Mutex::new(Feed::default()));
    let (told, status) = watch::channel(Status::default());
    let follower = Follower {
        clock: clock.clone(),
        venues: stack("feed", &clock, &venues)?,
        feed: Arc::clone(&feed),
        status: told,
    };
    let desk = Arc::new(Desk {
        clock: clock.clone(),
        venues: stack("orders", &clock, &venues)?,
        by_name: venues.into_iter().map(|venue| (venue.name, venue)).collect(),
        feed,
        book: Mutex::new(OrderBook::default()),
        question: Deadline::new("questions", DeadlineSettings::default(), clock.clone()),
    });
    let follows = tokio::spawn(follower.run());
    let (stop, stopped) = watch::channel(false);
    let trades = tokio::spawn(Arc::clone(&desk).run(stopped));

    let mut stage = Stage { clock: clock.clone(), exchanges: &exchanges, status, desk: &desk };
    let mut all_as_expected = true;
    for (mood, does, expected) in ACTS {
        all_as_expected &= stage.act(mood, does, expected).await;
    }
    let none_while_silent = stage.both_silent().await;
    stop.send_replace(true);
    let is_settled = clock.within(ACT_WITHIN, trades).await.is_some();
    follows.abort();
    println!("\nOrders went through these policies:\n\n{}", desk.venues.explain());
    let mut promises = vec![
        ("every fault was noticed, and answered as it should be", all_as_expected),
        ("without a fresh price no order was decided", none_while_silent),
        ("every order was settled at last", is_settled),
    ];
    promises.extend(audit(&desk, &exchanges, &stage.status.borrow().used));
    Ok(promises)
}

/// Both exchanges behind one stack. Never two attempts at a time: to join twice is of no use, and to order twice is forbidden.
fn stack(name: &str, clock: &Clock, venues: &[Venue]) -> Result<Stack<Venue>, Box<dyn Error>> {
    let settings = StackSettings { parallel_max: 1, limit: Limit::Off, deadline_ms: 1_000, ..StackSettings::default() };
    let stack = Stack::builder(name, clock).settings(settings).build()?;
    venues.iter().for_each(|venue| stack.endpoints().insert(venue.name, *venue));
    Ok(stack)
}

/// Where the acts are played.
struct Stage<'a> {
    clock: Clock,
    exchanges: &'a [Exchange; 2],
    status: watch::Receiver<Status>,
    desk: &'a Desk,
}

impl<'a> Stage<'a> {
    /// Has the exchange that is followed misbehave, and tells what came of it; whether that was as expected.
    async fn act(&mut self, mood: Mood, does: &str, expected: Option<Fault>) -> bool {
        for _ in 0..TRIES {
            let Some(exchange) = self.peace().await else { return false };
            let before = self.status.borrow().clone();
            let too_old = self.desk.book(|book| book.too_old);
            let began = self.clock.now();
            exchange.be(mood);
            let answered = move |status: &Status| match expected {
                None => status.closed > before.closed,
                Some(fault) => status.left[before.left.len()..].contains(&(exchange.name, fault)),
            };
            let is_answered = self.wait(answered).await;
            let after = self.clock.now().since(began).as_millis();
            exchange.be(Mood::Well);
            if is_answered {
                let what = expected.map_or_else(
                    || "a snapshot closed the gap".to_owned(),
                    |fault| format!("it was left, because {fault}"),
                );
                let refused = self.desk.book(|book| book.too_old) - too_old;
                let refused =
                    if refused == 0 { String::new() } else { format!("; {refused} times no order: price too old") };
                println!("{:<5} {does}: after {after} ms {what}{refused}.", exchange.name);
                return true;
            }
        }
        println!("      {does}: nothing came of it.");
        false
    }

    /// Has both fall silent; whether no order was decided once the price was too old.
    async fn both_silent(&mut self) -> bool {
        if self.peace().await.is_none() {
            return false;
        }
        self.exchanges.iter().for_each(|exchange| exchange.be(Mood::IsSilent));
        self.clock.sleep(feed::STALE_AFTER * 2).await;
        let decided = |desk: &Desk| desk.book(|book| (book.all().count(), book.too_old));
        let (orders, too_old) = decided(self.desk);
        self.clock.sleep(Duration::from_millis(600)).await;
        let (orders_later, too_old_later) = decided(self.desk);
        self.exchanges.iter().for_each(|exchange| exchange.be(Mood::Well));
        println!(
            "both  fall silent: {} orders decided, {} times none: price too old.",
            orders_later - orders,
            too_old_later - too_old
        );
        let is_back = self.peace().await.is_some();
        println!("both  are well again: prices are {}.", if is_back { "used again" } else { "NOT used again" });
        is_back && orders == orders_later && too_old_later > too_old
    }

    /// Waits until prices were used for a while, and gives the exchange that is followed.
    async fn peace(&mut self) -> Option<&'a Exchange> {
        let enough = self.status.borrow().used.len() + PEACE;
        let is_peace = self.wait(|status| status.used.len() >= enough && status.follows.is_some()).await;
        let follows = self.status.borrow().follows.filter(|_| is_peace)?;
        self.exchanges.iter().find(|exchange| exchange.name == follows)
    }

    /// Waits for something to be seen of the feed.
    async fn wait(&mut self, is_seen: impl FnMut(&Status) -> bool) -> bool {
        let status = &mut self.status;
        self.clock.within(ACT_WITHIN, async { status.wait_for(is_seen).await.is_ok() }).await == Some(true)
    }
}

/// Compares what the client believes with what the exchanges have.
fn audit(desk: &Desk, exchanges: &[Exchange; 2], used: &[(Name, u64)]) -> Vec<Promise> {
    let ledgers = exchanges.each_ref().map(Exchange::ledger);
    let mut taken = BTreeMap::new();
    for (id, times) in ledgers.iter().flat_map(|ledger| &ledger.taken) {
        *taken.entry(*id).or_insert(0) += times;
    }
    let orders: BTreeMap<_, _> = desk.book(|book| book.all().collect());
    let believed: Vec<_> =
        orders.iter().filter(|(_, state)| matches!(state, State::Taken(_))).map(|(id, _)| *id).collect();
    let sum = |count: fn(&exchange::Ledger) -> u32| ledgers.iter().map(count).sum::<u32>();
    let (unclear, too_old) = desk.book(|book| (book.unclear, book.too_old));
    println!(
        "{} prices used, {} orders decided, {too_old} not decided because the price was too old.",
        used.len(),
        orders.len()
    );
    println!(
        "{} orders taken, {} of them with no answer. {unclear} were unclear and asked about; {} came later still: refused.",
        taken.len(),
        sum(|ledger| ledger.dropped_after),
        sum(|ledger| ledger.came_late)
    );
    let in_order = |name: Name| {
        let numbers = used.iter().filter(|(of, _)| *of == name).map(|(_, number)| number);
        numbers.is_sorted_by(|earlier, later| earlier < later)
    };
    vec![
        ("no price was used twice or out of order", exchanges.iter().all(|exchange| in_order(exchange.name))),
        ("no order was taken twice, at one exchange or at both", taken.values().all(|times| *times == 1)),
        (
            "the exchanges have the orders that the client believes in, and no others",
            taken.keys().copied().eq(believed),
        ),
        ("the connection dropped after orders were taken, and they were found", sum(|ledger| ledger.dropped_after) > 0),
    ]
}

#[cfg(test)]
mod tests {
    #[tokio::test(flavor = "multi_thread")]
    async fn it_keeps_its_promises() {
        // Would break: an example that people copy from and that does not do what it says.
        let promises = super::run().await.expect("the example runs");
        assert_eq!(promises.len(), 7);
        assert_eq!(promises.into_iter().filter(|(_, held)| !held).collect::<Vec<_>>(), []);
    }
}
