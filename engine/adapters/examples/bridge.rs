//! Orders posted over HTTP; rules send all of them to the journal and the large ones to a feed that somebody follows:
//! `cargo run -p homeostat-adapters --example bridge`

use std::{borrow::Cow, io::Write, net::TcpStream};

use futures::StreamExt;
use homeostat_adapters::http::{HttpLimits, receive};
use homeostat_adapters::websocket::{
    Arrival, Feed, FeedLimits, FeedSink, Liveness, ReceiveOptions, Start, follow, serve,
};
use homeostat_adapters::{Door, Remote, journal::JournalSink, rules_file::RulesFile};
use homeostat_reactor::route::{Router, Target};
use homeostat_reactor::{Clock, Event, Outcome};
use homeostat_store::{Journal, Options, Record};

#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Order(String, u32);
impl Event for Order {
    fn kind(&self) -> &'static str {
        "order"
    }
    fn attribute(&self, name: &str) -> Option<Cow<'_, str>> {
        (name == "size").then(|| if self.1 < 10 { "small" } else { "large" }.into())
    }
}

const RULES: &str =
    "default = ['journal']\nrule = [{ name = 'large', when.attributes.size = 'large', to = ['journal', 'feed'] }]";
const HEAD: &str = "POST / HTTP/1.1\r\nconnection: close\r\ncontent-type: application/x-ndjson\r\nprefer: wait=5\r\n";
const ORDERS: &str = "[\"apples\", 3]\n[\"bricks\", 900]\n[\"clocks\", 12]";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (clock, folder, feed) = (Clock::machine(), tempfile::tempdir()?, Feed::new(FeedLimits::default()));
    let journal = Journal::open(folder.path(), Options::default())?;
    let record = |order: &Order| Record { subject: order.0.clone(), ..Record::default() };
    let router = Router::builder()
        .target(Target::sink(JournalSink::new("journal", journal.clone(), record)))
        .target(Target::sink(FeedSink::new("feed", feed.clone())))
        .rules(RulesFile::parse("rules.toml", RULES.to_owned())?.rules().clone())
        .start()?;
    let (posted, orders) = receive::<Order>(Door::local(0), HttpLimits::default(), clock.clone()).await?;
    let followed = serve(&feed, Door::local(0), Liveness::default(), clock.clone()).await?;
    let (near, mut tasks) = (router.clone(), tokio::task::JoinSet::new());
    tasks.spawn(async move { near.run(orders).await });
    let mut client = TcpStream::connect(posted.address())?;
    write!(client, "{HEAD}content-length: {}\r\n\r\n{ORDERS}", ORDERS.len())?;
    println!("posted:   {}", std::io::read_to_string(client)?.lines().last().unwrap_or_default());
    let remote = Remote::new(&format!("ws://{}/", followed.address()))?;
    let large = follow::<Order>(remote, Start::Oldest, ReceiveOptions::default(), clock);
    for arrival in large.take(2).collect::<Vec<_>>().await {
        let Arrival::Event { delivery, origin } = arrival else { continue };
        println!("followed: number {} is {:?}", origin.number, delivery.settle(Outcome::Done));
    }
    let subjects = journal.reader()?.entries(1, 10)?.into_iter().map(|entry| entry.record.subject);
    println!("journal:  {:?}\n{}", subjects.collect::<Vec<_>>(), router.mermaid());
    Ok(())
}
