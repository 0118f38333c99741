//! Windows, by key, by time and count: what goes in comes out once, whatever the order, and nothing goes missing unseen.

mod clocks;
mod kept;
mod laws;
mod limits;
mod streams;

use std::collections::BTreeMap;

use homeostat_reactor::Moment;
use homeostat_reactor::aggregate::{Count, Of, Recipe, Sum};
use homeostat_reactor::window::{Part, Windowed};

/// An event of a key, at a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Click {
    user: u8,
    at: u64,
}

fn click(user: u8, at: u64) -> Click {
    Click { user, at }
}

fn moment(click: &Click) -> Moment {
    Moment::from_secs(click.at)
}

/// Two aggregates at once: how many, and the sum of their seconds.
type Both = (Count<Click>, Of<Sum, fn(&Click) -> f64>);

fn both() -> Both {
    (Count::new(), Sum::new().of((|click| click.at as f64) as fn(&Click) -> f64))
}

type Out = Windowed<u8, <Both as Recipe<Click>>::Output>;

/// A window as (user, start, end, events, part), in seconds.
fn told(window: &Out) -> (u8, u64, u64, u64, Part) {
    assert_eq!(window.output.0, window.count, "the aggregate counts what the window does");
    (window.key, secs(window.start), secs(window.end), window.count, window.part)
}

fn secs(moment: Moment) -> u64 {
    moment.0 / 1_000_000_000
}

/// What stands when every update has taken the place of what it corrects, by user, start and end; early parts are apart.
#[derive(Debug, Default, PartialEq, Eq)]
struct Settled {
    windows: BTreeMap<(u8, u64, u64), u64>,
    early: u64,
}

fn settle<'a>(windows: impl IntoIterator<Item = &'a Out>) -> Settled {
    let mut settled = Settled::default();
    for (user, start, end, count, part) in windows.into_iter().map(told) {
        match part {
            Part::Early => settled.early += count,
            Part::Final => {
                let before = settled.windows.insert((user, start, end), count);
                assert_eq!(before, None, "told as final after it was told");
            }
            Part::Update => {
                let known = settled.windows.len();
                settled.windows.retain(|(other, from, to), _| *other != user || *from < start || *to > end);
                assert_ne!(settled.windows.len(), known, "an update has something to correct");
                settled.windows.insert((user, start, end), count);
            }
        }
    }
    settled
}
