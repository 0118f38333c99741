//! The rules of the feed and of the orders under everything that an exchange and a network can do, in any order.

use std::collections::BTreeMap;
use std::time::Duration;

use homeostat_reactor::Moment;
use proptest::prelude::*;

use crate::feed::{Fault, Feed, Heard, Price, SILENT_AFTER, SNAPSHOT_WITHIN, STALE_AFTER, Stale};
use crate::orders::{OrderBook, State};
use crate::wire::{OrderId, Quote};

const NAMES: [&str; 2] = ["north", "south"];

fn quote(number: u64, cents: u64) -> Quote {
    Quote::new(number, cents, Duration::ZERO)
}

fn at(millis: u64) -> Moment {
    Moment::from_millis(millis)
}

#[test]
fn a_gap_is_closed_by_a_snapshot_and_by_nothing_else() {
    // Would break: a price computed on ticks of which one is missing.
    let mut feed = Feed::default();
    feed.join(at(0), "north");
    assert_eq!(feed.tick(at(1), quote(4, 100)), Heard::Waiting);
    assert_eq!(feed.snapshot(at(2), quote(5, 100)), Heard::Used);
    assert_eq!(feed.tick(at(3), quote(5, 100)), Heard::Known);
    assert_eq!(feed.tick(at(4), quote(6, 101)), Heard::Used);
    assert_eq!(feed.tick(at(5), quote(8, 102)), Heard::Missing);
    assert_eq!(feed.tick(at(6), quote(7, 102)), Heard::Waiting);
    assert_eq!(feed.price(at(6)), Ok(Price { cents: 101, at: at(4) }));
    assert_eq!(feed.snapshot(at(7), quote(9, 103)), Heard::Used);
    assert_eq!(feed.tick(at(8), quote(10, 103)), Heard::Used);
}

#[test]
fn an_exchange_is_left_when_something_is_overdue() {
    // Would break: a client that waits for ever for a snapshot or for a word.
    let mut feed = Feed::default();
    feed.join(at(0), "north");
    assert_eq!(feed.overdue(at(0) + SNAPSHOT_WITHIN), None);
    assert_eq!(feed.overdue(at(1) + SNAPSHOT_WITHIN), Some(Fault::NoSnapshot));
    feed.snapshot(at(0), quote(1, 100));
    assert_eq!(feed.overdue(at(0) + SILENT_AFTER), None);
    assert_eq!(feed.overdue(at(1) + SILENT_AFTER), Some(Fault::Silent));
}

#[test]
fn an_old_price_is_no_price_however_late_it_came() {
    // Would break: an order at a price of half a second ago, because the tick had just arrived.
    let mut feed = Feed::default();
    assert_eq!(feed.price(at(1_000)), Err(Stale { age: None }));
    feed.join(at(1_000), "north");
    feed.snapshot(at(1_000), quote(1, 100));
    assert!(feed.price(at(1_000) + STALE_AFTER).is_ok());
    assert!(feed.price(at(1_001) + STALE_AFTER).is_err());
    let late = Quote::new(2, 100, STALE_AFTER * 2);
    assert_eq!(feed.tick(at(1_010), late), Heard::Used);
    assert_eq!(feed.price(at(1_010)), Err(Stale { age: Some(STALE_AFTER * 2) }));
    let (mut number, mut heard) = (3, Heard::Used);
    while heard == Heard::Used && number < 100 {
        heard = feed.tick(at(1_010 + number), Quote::new(number, 100, STALE_AFTER * 2));
        number += 1;
    }
    assert_eq!(heard, Heard::Bad(Fault::Late));
}

#[test]
fn a_price_that_jumps_or_is_damaged_is_not_used() {
    // Would break: an order at twice the price.
    let mut feed = Feed::default();
    feed.join(at(0), "north");
    feed.snapshot(at(0), quote(1, 100));
    assert_eq!(feed.tick(at(1), quote(2, 200)), Heard::Bad(Fault::OutOfBand));
    assert_eq!(feed.tick(at(1), Quote { cents: 101, ..quote(2, 100) }), Heard::Bad(Fault::Damaged));
    assert_eq!(feed.price(at(1)).map(|price| price.cents), Ok(100));
}

proptest! {
    #[test]
    fn no_number_is_used_twice_or_after_a_higher_one(
        events in prop::collection::vec((0_u8..5, 0_usize..2, 0_u64..30, 90_u64..130, 0_u64..400), 1..300),
    ) {
        // Would break: a tick that counts double after a failover, or one that comes back from a gap.
        let mut feed = Feed::default();
        let (mut now, mut name) = (at(0), NAMES[0]);
        let mut used: BTreeMap<&str, u64> = BTreeMap::new();
        feed.join(now, name);
        for (kind, which, number, cents, pause) in events {
            now = now + Duration::from_millis(pause);
            let heard = match kind {
                0 => {
                    name = NAMES[which];
                    feed.join(now, name);
                    Heard::Known
                }
                1 => feed.snapshot(now, quote(number, cents)),
                2 => feed.tick(now, Quote { checksum: 0, ..quote(number, cents) }),
                // What comes next more often than chance would have it, so that streams are followed for a while.
                3 => feed.tick(now, quote(feed.used(name).map_or(number, |used| used + 1), cents)),
                _ => feed.tick(now, quote(number, cents)),
            };
            let last = feed.used(name);
            if heard == Heard::Used {
                let last = last.expect("one was used");
                prop_assert!(used.insert(name, last).is_none_or(|before| before < last));
            } else {
                prop_assert_eq!(last, used.get(name).copied());
            }
            if let Ok(price) = feed.price(now) {
                prop_assert!(now.since(price.at) <= STALE_AFTER);
            }
        }
    }

    #[test]
    fn an_order_is_never_where_two_may_have_it(
        events in prop::collection::vec((0_u8..8, 1_u64..6, 0_usize..2), 1..300),
    ) {
        // Would break: an order that is sent again while the first may have arrived, or after somebody has it.
        let mut book = OrderBook::default();
        let mut out: BTreeMap<OrderId, u32> = BTreeMap::new();
        let price = || Ok(Price { cents: 100, at: at(0) });
        for (kind, id, which) in events {
            let id = OrderId(id);
            match kind {
                0 => drop(book.decide(price())),
                1 | 2 => if book.sending(id, NAMES[which]).is_ok() {
                    *out.entry(id).or_default() += 1;
                },
                3 => {
                    // Only who was asked can say that he did not begin.
                    if book.all().any(|(of, state)| of == id && matches!(state, State::Sent(_))) {
                        *out.entry(id).or_default() -= 1;
                    }
                    book.never_began(id);
                }
                4 => book.settle(id, which == 0),
                5 => book.ended(id),
                6 => drop(book.begin_asking()),
                _ => book.not_told(id),
            }
            prop_assert!(out.values().all(|times| *times <= 1));
            let open = |state| !matches!(state, State::Taken(_) | State::Off);
            prop_assert_eq!(book.open(), book.all().filter(|(_, state)| open(*state)).count());
            // What may be somewhere is never sent again.
            for (of, state) in book.all().filter(|(_, state)| !matches!(state, State::New)).collect::<Vec<_>>() {
                prop_assert!(book.sending(of, NAMES[0]).is_err(), "{:?}", state);
            }
        }
    }
}
