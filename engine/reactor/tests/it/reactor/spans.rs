//! Spans that follow an event from its emission through its handlers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use homeostat_reactor::Reactor;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use super::{Order, Shop, soon};

/// What was traced: names of spans with their parents, who follows from whom, and the spans in which something was said.
#[derive(Debug, Default)]
struct Traced {
    spans: Vec<(&'static str, Option<u64>)>,
    follows: Vec<(u64, u64)>,
    entered: HashMap<std::thread::ThreadId, Vec<u64>>,
    said_in: Vec<Option<u64>>,
}

#[derive(Clone, Default)]
struct Tracer(Arc<Mutex<Traced>>);

impl Subscriber for Tracer {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "homeostat_reactor" || metadata.target() == "test"
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut traced = self.0.lock().unwrap();
        traced.spans.push((span.metadata().name(), span.parent().map(Id::into_u64)));
        Id::from_u64(traced.spans.len() as u64)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, span: &Id, follows: &Id) {
        self.0.lock().unwrap().follows.push((span.into_u64(), follows.into_u64()));
    }

    fn event(&self, event: &Event<'_>) {
        if event.metadata().target() == "test" {
            let mut traced = self.0.lock().unwrap();
            let here = traced.entered.get(&std::thread::current().id()).and_then(|entered| entered.last()).copied();
            traced.said_in.push(here);
        }
    }

    fn enter(&self, span: &Id) {
        self.0.lock().unwrap().entered.entry(std::thread::current().id()).or_default().push(span.into_u64());
    }

    fn exit(&self, _: &Id) {
        self.0.lock().unwrap().entered.entry(std::thread::current().id()).or_default().pop();
    }
}

#[tokio::test]
async fn spans_follow_an_event_from_emit_through_its_handlers() {
    // Would break: a trace that ends where the event is emitted, or that loses the handler where it waits.
    let tracer = Tracer::default();
    let _default = tracing::subscriber::set_default(tracer.clone());
    let reactor = Reactor::<Shop>::builder().start();
    let _one = reactor.on::<Order>().named("one").each(|_| async {
        tracing::info!(target: "test", "before it waits");
        tokio::task::yield_now().await;
        tracing::info!(target: "test", "after");
    });
    soon(reactor.emitter().emit_tracked(Order(1)).await.unwrap()).await;
    let traced = std::mem::take(&mut *tracer.0.lock().unwrap());
    assert_eq!(traced.spans, [("event", None), ("handle", Some(1))]);
    assert_eq!(traced.said_in, [Some(2), Some(2)]);
}

#[tokio::test]
async fn the_span_of_a_batch_follows_from_all_its_events() {
    // Would break: batches that nobody finds in the traces of their events.
    let tracer = Tracer::default();
    let _default = tracing::subscriber::set_default(tracer.clone());
    let reactor = Reactor::<Shop>::builder().start();
    let _batches = reactor.on::<Order>().batches(3, Duration::from_secs(600), |_| {
        tracing::info!(target: "test", "as it is called");
        async {
            tracing::info!(target: "test", "before it waits");
            tokio::task::yield_now().await;
            tracing::info!(target: "test", "after");
        }
    });
    let mut receipts = Vec::new();
    for number in 0..3 {
        receipts.push(reactor.emitter().emit_tracked(Order(number)).await.unwrap());
    }
    for receipt in receipts {
        soon(receipt).await;
    }
    let traced = std::mem::take(&mut *tracer.0.lock().unwrap());
    assert_eq!(traced.spans, [("event", None), ("event", None), ("event", None), ("handle", Some(1))]);
    assert_eq!(traced.follows, [(4, 2), (4, 3)]);
    assert_eq!(traced.said_in, [Some(4); 3]);
}
