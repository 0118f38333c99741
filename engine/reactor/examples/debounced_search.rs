//! A search field: asks when the typing rests, drops the older question for the newer one, and gives up on a slow answer:
//! `cargo run -p homeostat-reactor --example debounced_search`

use std::time::Duration;

use homeostat_reactor::Clock;
use homeostat_reactor::stream::prelude::*;

const SHOP: [&str; 6] = ["home", "homer", "honey", "horse", "house", "hose"];

/// What is in the field, each so many milliseconds after the one before.
const TYPED: [(u64, &str); 9] = [
    (0, "h"),
    (60, "ho"),
    (400, "hor"),
    (60, "ho"),
    (250, "hon"),
    (60, "ho"),
    (60, "hon"),
    (500, "home"),
    (300, "hom"),
];

/// What begins so, one after the other; short questions take long, and the one for `home` never ends.
fn search(question: &'static str) -> impl Stream<Item = &'static str> {
    let pause = if question == "home" { u64::MAX } else { 300 / question.len() as u64 };
    let found = SHOP.into_iter().filter(move |word| word.starts_with(question));
    tokio_stream::iter(found).then(move |word| async move {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        word
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let clock = Clock::machine();
    let millis = || clock.now().0 / 1_000_000;
    let typed = tokio_stream::iter(TYPED).then(|(pause, text)| async move {
        tokio::time::sleep(Duration::from_millis(pause)).await;
        println!("{:>5} ms  typed   {text}", millis());
        text
    });
    let answers = typed.debounce(Duration::from_millis(150), &clock).distinct().switch_map(|question| {
        println!("{:>5} ms  ask     {question}?", millis());
        let found = search(question).map(move |word| format!("{question}: {word}"));
        found.total_timeout(Duration::from_millis(450), &clock)
    });
    let mut answers = std::pin::pin!(answers);
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(found) => println!("{:>5} ms  found   {found}", millis()),
            Err(late) => println!("{:>5} ms  sorry   {late}", millis()),
        }
    }
}
