//! Orders through three named stages, drawn while they run: `cargo run -p homeostat-reactor --example pipeline`

use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use homeostat_reactor::Clock;
use homeostat_reactor::pipeline::{ErrorPolicy, LastResort, Pipeline};

const ORDERS: u32 = 300;

#[derive(Debug, Clone)]
struct Order {
    number: u32,
    cents: u32,
}

async fn read(line: String) -> Result<Order, String> {
    let (number, cents) = line.split_once(' ').ok_or("no amount")?;
    let parsed = |text: &str| text.parse().map_err(|error| format!("`{text}`: {error}"));
    Ok(Order { number: parsed(number)?, cents: parsed(cents)? })
}

/// A bank that is slow, says no to every fortieth order, and never answers about the hundredth.
async fn charge(order: Order) -> Result<Order, &'static str> {
    let wait_ms = if order.number == 100 { 60_000 } else { 5 + u64::from(order.number % 20) };
    tokio::time::sleep(Duration::from_millis(wait_ms)).await;
    if order.number % 40 == 39 { Err("card refused") } else { Ok(order) }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let orders = Pipeline::<String>::named("orders")
        .stage("read", read)
        .on_error(ErrorPolicy::Skip)
        .stage("charge", charge)
        .concurrency(8)
        .timeout(Duration::from_millis(100))
        .on_error(ErrorPolicy::retry(2, LastResort::DeadLetter))
        .stage("book", |order: Order| async move { Ok::<_, String>(order.cents) })
        .build(Clock::machine());
    println!("As planned:\n\n{orders}");

    let mut letters = orders.dead_letters(64);
    let lines = stream::iter(0..ORDERS).map(|number| format!("{number} {}", if number == 7 { "?" } else { "1250" }));
    let total = orders.run(lines).try_fold(0_u32, |total, cents| async move { Ok(total + cents) });
    let watching = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        println!("Under way:\n\n{orders}");
    };
    let (total, ()) = futures::join!(total, watching);
    println!("At the end:\n\n{orders}\nBooked: {} cents", total?);
    while let Some(letter) = letters.try_next() {
        println!("Put aside by `{}`: {:?}: {}", letter.stage, letter.input::<Order>(), letter.cause);
    }
    println!("\nFor a document:\n\n{}", orders.mermaid());
    Ok(())
}
