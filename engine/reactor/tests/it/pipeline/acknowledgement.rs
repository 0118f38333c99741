//! What whoever emitted an item learns about it after a pipeline.

use futures::{StreamExt, stream};
use homeostat_reactor::pipeline::{ErrorPolicy, Pipeline};
use homeostat_reactor::{Ack, Class, Clock, Delivery, Moment, Outcome, Receipt, Settlement};

fn deliveries(count: u32) -> (Vec<Delivery<u32>>, Vec<Receipt>) {
    let tracked = |number: u32| {
        let (ack, receipt) = Ack::new();
        (Delivery::new(number, Class::Act, Moment::ZERO).with_trail(ack, tracing::Span::none()), receipt)
    };
    (0..count).map(tracked).unzip()
}

fn refusing_two(policy: ErrorPolicy) -> Pipeline<u32, u32> {
    Pipeline::<u32>::named("orders")
        .stage("check", |number: u32| async move { if number == 2 { Err("two") } else { Ok(number) } })
        .on_error(policy)
        .build(Clock::machine())
}

async fn outcomes(receipts: Vec<Receipt>) -> Vec<Outcome> {
    futures::future::join_all(receipts).await.into_iter().map(|settlement| settlement.outcome).collect()
}

use Outcome::{Abandoned, Done, Dropped, Failed, Skipped};

#[tokio::test]
async fn each_policy_tells_what_became_of_the_item() {
    // Would break: a source that believes an item was handled, or emits it again, against what the policy did.
    for (policy, of_two) in [(ErrorPolicy::Skip, Skipped), (ErrorPolicy::DeadLetter, Dropped)] {
        let (items, receipts) = deliveries(4);
        assert_eq!(refusing_two(policy).run(stream::iter(items)).count().await, 3);
        assert_eq!(outcomes(receipts).await, [Done, Done, of_two, Done]);
    }
    let (items, mut receipts) = deliveries(3);
    assert_eq!(refusing_two(ErrorPolicy::Fail).run(stream::iter(items)).count().await, 3);
    let settlement = receipts.pop().unwrap().await;
    assert_eq!(settlement, Settlement { outcome: Failed, cause: Some("failed: two".to_owned()) });
}

#[tokio::test]
async fn a_dead_letter_answers_for_its_item() {
    // Would break: an item that was put aside safely and is emitted again, or one that is forgotten and counts as done.
    let orders = refusing_two(ErrorPolicy::DeadLetter);
    for rescued in [true, false] {
        let mut letters = orders.dead_letters(4);
        let (items, receipts) = deliveries(3);
        assert_eq!(orders.run(stream::iter(items)).count().await, 2);
        let letter = letters.next().await.unwrap();
        assert_eq!(letter.class, Class::Act);
        if rescued {
            letter.settle(Done);
        } else {
            drop(letter);
        }
        assert_eq!(outcomes(receipts).await, [Done, Done, if rescued { Done } else { Failed }]);
    }
}

#[tokio::test]
async fn an_item_is_done_when_the_sink_says_so() {
    // Would break: an acknowledgement before the effect.
    let orders = refusing_two(ErrorPolicy::Skip);
    let (items, receipts) = deliveries(5);
    let sink = |number: u32| async move { if number < 3 { Ok(()) } else { Err("disk full") } };
    orders.run_to(stream::iter(items), sink).await.unwrap_err();
    assert_eq!(outcomes(receipts).await, [Done, Done, Skipped, Failed, Abandoned]);
}

#[tokio::test]
async fn a_reader_of_deliveries_settles_them_itself() {
    // Would break: a pipeline in the middle of a longer way that answers for its end.
    let orders = refusing_two(ErrorPolicy::Skip);
    let (items, receipts) = deliveries(4);
    let mut run = orders.run(stream::iter(items)).deliveries();
    let first = run.next().await.unwrap().unwrap();
    assert_eq!((first.event, first.class), (0, Class::Act));
    first.fail("later on");
    run.next().await.unwrap().unwrap().settle(Done);
    drop(run);
    assert_eq!(outcomes(receipts).await, [Failed, Done, Skipped, Abandoned]);
}
