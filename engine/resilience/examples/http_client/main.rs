//! An HTTP client that keeps its promises while four of five servers fail, each in its own way:
//! `cargo run -p homeostat-resilience --example http_client`
//!
//! Read [`client`] for what you would write yourself: how to make an attempt, and what an answer says. All else is one
//! [`Stack`]. The servers are real, on loopback, and change their mood as the example goes on; it ends by itself, and with a
//! failure if one of its promises was broken.

mod client;
mod shops;

use std::collections::BTreeMap;
use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::StreamExt;
use homeostat_reactor::Clock;
use homeostat_resilience::{Attempt, Call, Failure, Stack, StackSettings};
use hyper::StatusCode;

use client::{Ask, HttpError, Reply, advise, send};
use shops::{Mood, PRICES, Shop};

/// Callers at once.
const CALLERS: usize = 8;
/// How long a caller waits for a price before yesterday's is good enough. Generous: the example also runs on busy machines.
const PATIENCE: Duration = Duration::from_secs(3);
/// How long it waits where every server hangs.
const LITTLE_PATIENCE: Duration = Duration::from_millis(300);

/// Attempts a call that the budget allows: 0.4 extra ones for each call of ten seconds, those of the acts before included.
const EXTRA_ATTEMPTS_MAX: f64 = 1.0 + 0.4 * (400.0 + 100.0 + 200.0) / 400.0;

/// The client: one stack for all calls to the shops, and a price list of yesterday.
struct Client {
    clock: Clock,
    shops: Stack<SocketAddr>,
    attempts: AtomicU32,
}

/// What callers got.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    fresh: u32,
    yesterdays: u32,
    wrong: u32,
    taken: u32,
    unclear: u32,
    not_taken: u32,
}

impl Client {
    /// A price: from a shop within the patience, otherwise yesterday's. It may be asked for as often as one likes.
    async fn price(&self, name: &'static str, patience: Duration) -> Result<Reply, Failure<HttpError>> {
        let (ask, call) = (Ask::Price(name), Call::idempotent().within(patience, &self.clock));
        let yesterday = async || {
            let (_, cents) = PRICES.into_iter().find(|(known, _)| *known == name)?;
            // Marked, so that whoever shows it can say so.
            let status = StatusCode::NON_AUTHORITATIVE_INFORMATION;
            Some(Reply { status, retry_after: None, body: format!("{name} {cents}") })
        };
        let attempt = |attempt, shop| self.attempt(attempt, shop, &ask);
        self.shops.call_or(&call, |result| advise(&ask, result), attempt, yesterday).await
    }

    /// An order: taken once or not at all, so the call is not idempotent, and there is nothing instead of it.
    async fn order(&self, name: String) -> Result<Reply, Failure<HttpError>> {
        let (ask, call) = (Ask::Order(name), Call::default().within(PATIENCE, &self.clock));
        let attempt = |attempt, shop| self.attempt(attempt, shop, &ask);
        self.shops.call(&call, |result| advise(&ask, result), attempt).await
    }

    /// One attempt, counted.
    async fn attempt(&self, attempt: Attempt, shop: Arc<SocketAddr>, ask: &Ask) -> Result<Reply, HttpError> {
        self.attempts.fetch_add(1, Ordering::Relaxed);
        send(&self.clock, attempt, *shop, ask).await
    }

    /// Many callers ask for prices.
    async fn ask_prices(&self, calls: u32, patience: Duration) -> Seen {
        let mut seen = Seen::default();
        let mut answers = futures::stream::iter(0..calls)
            .map(|number| async move {
                let (name, cents) = PRICES[number as usize % PRICES.len()];
                (format!("{name} {cents}"), self.price(name, patience).await)
            })
            .buffer_unordered(CALLERS);
        while let Some((right, answer)) = answers.next().await {
            match answer {
                Ok(reply) if reply.body != right => seen.wrong += 1,
                Ok(reply) if reply.status == StatusCode::OK => seen.fresh += 1,
                Ok(_) => seen.yesterdays += 1,
                Err(_) => seen.wrong += 1,
            }
        }
        seen
    }

    /// Many callers order.
    async fn give_orders(&self, calls: u32) -> Seen {
        let mut seen = Seen::default();
        let orders = futures::stream::iter(0..calls).map(|number| self.order(format!("order {number}")));
        let mut answers = orders.buffer_unordered(CALLERS);
        while let Some(answer) = answers.next().await {
            match answer {
                Ok(reply) if reply.status == StatusCode::CREATED => seen.taken += 1,
                Ok(reply) if reply.status.is_server_error() && reply.retry_after.is_none() => seen.unclear += 1,
                Ok(_) | Err(Failure::Inner(HttpError::NotConnected(_))) => seen.not_taken += 1,
                Err(_) => seen.unclear += 1,
            }
        }
        seen
    }

    /// Says what callers of prices got, and gives the attempts a call.
    fn tell_prices(&self, seen: &Seen, calls: u32) -> f64 {
        let attempts = self.attempts_a_call(calls);
        let Seen { fresh, yesterdays, wrong, .. } = seen;
        println!(
            "   {fresh} fresh, {yesterdays} of yesterday, {wrong} wrong or missing; {attempts:.2} attempts a call."
        );
        attempts
    }

    /// Attempts a call since the last time.
    fn attempts_a_call(&self, calls: u32) -> f64 {
        f64::from(self.attempts.swap(0, Ordering::Relaxed)) / f64::from(calls)
    }
}

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let promises = run().await?;
    println!();
    for (promise, held) in &promises {
        println!("{} {promise}", if *held { "held:  " } else { "BROKEN:" });
    }
    Ok(if promises.iter().all(|(_, held)| *held) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A promise, and whether it was held.
type Promise = (&'static str, bool);

/// The whole story; what was promised, and whether it was held.
async fn run() -> Result<Vec<Promise>, Box<dyn Error>> {
    let clock = Clock::machine();
    let settings = StackSettings { deadline_ms: PATIENCE.as_millis() as u64, ..StackSettings::default() };
    let stack = Stack::builder("shops", &clock).settings(settings).build()?;
    let mut shops = BTreeMap::new();
    for name in ["amber", "birch", "cedar", "dune", "elm"] {
        let shop = Shop::open().await?;
        stack.endpoints().insert(name, shop.address);
        shops.insert(name, shop);
    }
    let client = Client { clock, shops: stack, attempts: AtomicU32::new(0) };
    println!("The policies before anything is known:\n\n{}", client.shops.explain());
    let mut promises = all_well(&client).await?;
    promises.extend(orders(&client, &mut shops).await);
    promises.extend(one_is_well(&client, &shops).await);
    println!("\nThe policies now:\n\n{}", client.shops.explain());
    promises.extend(none_answers(&client, &shops).await);
    promises.extend(well_again(&client, &shops).await);
    Ok(promises)
}

async fn all_well(client: &Client) -> Result<Vec<Promise>, Failure<HttpError>> {
    println!("1. Five shops are well. 200 prices.");
    let seen = client.ask_prices(200, PATIENCE).await;
    client.tell_prices(&seen, 200);
    let unknown = client.price("unicorn", PATIENCE).await?;
    println!("   A unicorn: {}. That is an answer: nobody else is asked, and no shop is blamed.", unknown.status);
    let is_answer = unknown.status == StatusCode::NOT_FOUND;
    Ok(vec![("with all shops well every price was fresh", seen.fresh == 200), ("404 is an answer", is_answer)])
}

async fn orders(client: &Client, shops: &mut BTreeMap<&str, Shop>) -> Vec<Promise> {
    println!("2. Elm closes: connections are refused. Cedar takes orders, and then says 500. 100 orders.");
    shops.get_mut("elm").expect("it is there").close().await;
    shops["cedar"].be(Mood::Broken);
    let Seen { taken, not_taken, unclear, .. } = client.give_orders(100).await;
    let attempts = client.attempts_a_call(100);
    println!(
        "   {taken} taken, {not_taken} not, {unclear} unclear and so not repeated; {attempts:.2} attempts a call."
    );
    vec![("no order was taken twice", taken_twice(shops) == 0)]
}

async fn one_is_well(client: &Client, shops: &BTreeMap<&str, Shop>) -> Vec<Promise> {
    println!("3. Birch is busy (503, come back in 1 s), dune sends a wrong page with 200. Amber is left. 400 prices.");
    shops["birch"].be(Mood::Busy);
    shops["dune"].be(Mood::Lying);
    let seen = client.ask_prices(400, PATIENCE).await;
    let attempts = client.tell_prices(&seen, 400);
    vec![
        ("with one of five well nobody saw a wrong price or an error", seen.wrong == 0),
        ("extra attempts stayed within their budget", attempts <= EXTRA_ATTEMPTS_MAX),
    ]
}

async fn none_answers(client: &Client, shops: &BTreeMap<&str, Shop>) -> Vec<Promise> {
    println!("4. All that are left hang. 16 prices, each wanted within {} ms.", LITTLE_PATIENCE.as_millis());
    shops.values().for_each(|shop| shop.be(Mood::Hanging));
    let seen = client.ask_prices(16, LITTLE_PATIENCE).await;
    client.tell_prices(&seen, 16);
    if let Some((name, left)) = shops.iter().find_map(|(name, shop)| Some((name, shop.told()?))) {
        println!("   Each shop was told with the call how long its caller would still wait: {name} last {left} ms.");
    }
    vec![("where nothing answers, yesterday's price does", seen.yesterdays == 16)]
}

async fn well_again(client: &Client, shops: &BTreeMap<&str, Shop>) -> Vec<Promise> {
    println!("5. All but elm are well again. 200 prices.");
    shops.values().for_each(|shop| shop.be(Mood::Well));
    let seen = client.ask_prices(200, PATIENCE).await;
    client.tell_prices(&seen, 200);
    vec![("it recovers by itself", seen.wrong == 0 && seen.fresh >= 100)]
}

/// How many orders were taken more than once, over all shops.
fn taken_twice(shops: &BTreeMap<&str, Shop>) -> usize {
    let mut all: BTreeMap<String, u32> = BTreeMap::new();
    for (order, times) in shops.values().flat_map(Shop::orders) {
        *all.entry(order).or_default() += times;
    }
    all.values().filter(|times| **times > 1).count()
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
