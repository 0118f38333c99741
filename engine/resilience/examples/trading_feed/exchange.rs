//! An exchange, simulated: a real WebSocket server on loopback that has prices, takes orders, and misbehaves as it is told.
//!
//! Orders go wrong by themselves, by their place in a fixed round ([`Intake`]). It never looks for an order that it has already:
//! a second one of the same number is counted, so that the example can prove that there is none.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use homeostat_reactor::{Clock, Moment};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, watch};
use tokio::task::JoinSet;

use crate::feed::Name;
use crate::wire::{Ended, FromExchange, OrderId, Quote, Socket, ToExchange, accept, hear, say};

/// A tick every so often.
const TICK: Duration = Duration::from_millis(20);
/// How old prices are that a slow exchange sends.
const LATE: Duration = Duration::from_millis(350);
/// How long a slow order lies there before it is looked at: longer than its sender waits.
const LIES_FOR: Duration = Duration::from_millis(500);
/// Ticks that a client may be behind; one that is further behind sees a gap.
const BEHIND_MAX: usize = 64;
/// Orders that misbehave come by their place in a round of so many.
const ROUND: u64 = 12;

/// What an exchange does with its prices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// As it should.
    Well,
    /// Leaves numbers out, once.
    Skips,
    /// Sends one tick with a wrong checksum.
    Damages,
    /// Sends one tick with twice the price.
    Jumps,
    /// Sends every tick late.
    IsLate,
    /// Sends nothing, and answers nothing about prices.
    IsSilent,
    /// Leaves numbers out, and does not tell what they were.
    KeepsGap,
    /// Ends all connections, and takes no new ones in.
    IsDead,
}

/// What becomes of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Intake {
    Taken,
    /// Taken, and then the connection drops before the answer.
    TakenAndDropped,
    /// The connection drops, and the order with it.
    Dropped,
    /// It lies there, and is looked at when its sender has given up.
    Lies,
    /// No room: nothing is done.
    Busy,
}

impl Intake {
    const fn of(order: u64) -> Self {
        match order % ROUND {
            2 => Self::TakenAndDropped,
            5 => Self::Dropped,
            8 => Self::Lies,
            10 => Self::Busy,
            _ => Self::Taken,
        }
    }
}

/// The orders of an exchange.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    /// How often each was taken. More than once is what must never be.
    pub taken: BTreeMap<OrderId, u32>,
    /// Those that shall be refused if they still come.
    fenced: BTreeSet<OrderId>,
    /// Those that came after that, and were refused.
    pub came_late: u32,
    /// Those of which the connection dropped when they were taken.
    pub dropped_after: u32,
    /// All that came.
    pub came: u64,
}

impl Ledger {
    /// Takes an order, unless its sender has settled that it shall not.
    fn take(&mut self, id: OrderId) -> FromExchange {
        if self.fenced.contains(&id) {
            self.came_late += 1;
            return FromExchange::Refused;
        }
        *self.taken.entry(id).or_default() += 1;
        FromExchange::Taken
    }

    /// Says what became of an order, for good.
    fn settle(&mut self, id: OrderId) -> FromExchange {
        if self.taken.contains_key(&id) {
            return FromExchange::Taken;
        }
        self.fenced.insert(id);
        FromExchange::Refused
    }
}

/// An exchange that runs until it is dropped.
#[derive(Debug)]
pub struct Exchange {
    /// Its name.
    pub name: Name,
    /// Where it listens.
    pub address: SocketAddr,
    floor: Arc<Floor>,
    _tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Floor {
    clock: Clock,
    mood: watch::Sender<Mood>,
    ticks: broadcast::Sender<Quote>,
    latest: Mutex<u64>,
    ledger: Mutex<Ledger>,
}

impl Exchange {
    /// Opens on a free port, and counts its prices from this number.
    pub async fn open(name: Name, first: u64, clock: &Clock) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let floor = Arc::new(Floor {
            clock: clock.clone(),
            mood: watch::Sender::new(Mood::Well),
            ticks: broadcast::Sender::new(BEHIND_MAX),
            latest: Mutex::new(first),
            ledger: Mutex::default(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(make_prices(Arc::clone(&floor)));
        tasks.spawn(take_clients(listener, Arc::clone(&floor)));
        Ok(Self { name, address, floor, _tasks: tasks })
    }

    /// Does so from now on.
    pub fn be(&self, mood: Mood) {
        self.floor.mood.send_replace(mood);
    }

    /// Its orders.
    pub fn ledger(&self) -> Ledger {
        lock(&self.floor.ledger).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The price of the world at a moment: up and down between 100.00 and 105.00, so that both exchanges agree on it.
const fn price_at(now: Moment) -> u64 {
    let step = now.0 / TICK.as_nanos() as u64 % 1_000;
    10_000 + if step < 500 { step } else { 1_000 - step }
}

async fn make_prices(floor: Arc<Floor>) {
    loop {
        floor.clock.sleep(TICK).await;
        let mood = *floor.mood.borrow();
        let skipped = if matches!(mood, Mood::Skips | Mood::KeepsGap) { 2 } else { 0 };
        let number = {
            let mut latest = lock(&floor.latest);
            *latest += 1 + skipped;
            *latest
        };
        let cents = price_at(floor.clock.now());
        let mut quote = Quote::new(number, cents, Duration::ZERO);
        match mood {
            Mood::IsSilent | Mood::IsDead => continue,
            Mood::Damages => quote.checksum ^= 1,
            Mood::Jumps => quote = Quote::new(number, cents * 2, Duration::ZERO),
            Mood::IsLate => quote = Quote::new(number, cents, LATE),
            Mood::Well | Mood::Skips | Mood::KeepsGap => {}
        }
        // Nobody listens: then nobody misses it. What happens once is over when somebody has seen it.
        let is_seen = floor.ticks.send(quote).is_ok();
        if is_seen && matches!(mood, Mood::Skips | Mood::Damages | Mood::Jumps) {
            floor.mood.send_if_modified(|now| std::mem::replace(now, Mood::Well) != Mood::Well);
        }
    }
}

async fn take_clients(listener: TcpListener, floor: Arc<Floor>) {
    let mut clients = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while clients.try_join_next().is_some() {}
        clients.spawn(serve(stream, Arc::clone(&floor)));
    }
}

async fn serve(stream: TcpStream, floor: Arc<Floor>) {
    let mut mood = floor.mood.subscribe();
    if *mood.borrow() == Mood::IsDead {
        return;
    }
    let Ok(mut socket) = accept(stream).await else { return };
    let mut ticks = None;
    loop {
        let end = tokio::select! {
            request = hear(&mut socket) => match request {
                Ok(request) => floor.answer(request, &mut socket, &mut ticks).await,
                Err(ended) => Err(ended),
            },
            quote = next(&mut ticks) => say(&mut socket, &FromExchange::Tick(quote)).await,
            () = async { drop(mood.wait_for(|mood| *mood == Mood::IsDead).await) } => Err(Ended),
        };
        if end.is_err() {
            return;
        }
    }
}

/// The next tick for somebody who subscribed; one who is too far behind goes on where there still is one.
async fn next(ticks: &mut Option<broadcast::Receiver<Quote>>) -> Quote {
    let Some(ticks) = ticks else { return pending().await };
    loop {
        match ticks.recv().await {
            Ok(quote) => return quote,
            Err(broadcast::error::RecvError::Lagged(_)) => {}
            Err(broadcast::error::RecvError::Closed) => return pending().await,
        }
    }
}

impl Floor {
    async fn answer(
        &self,
        request: ToExchange,
        socket: &mut Socket,
        ticks: &mut Option<broadcast::Receiver<Quote>>,
    ) -> Result<(), Ended> {
        match request {
            ToExchange::Subscribe => {
                *ticks = Some(self.ticks.subscribe());
                Ok(())
            }
            ToExchange::Snapshot => {
                if matches!(*self.mood.borrow(), Mood::IsSilent | Mood::KeepsGap) {
                    return Ok(());
                }
                let quote = Quote::new(*lock(&self.latest), price_at(self.clock.now()), Duration::ZERO);
                say(socket, &FromExchange::Snapshot(quote)).await
            }
            ToExchange::Order { id, .. } => self.take_in(id, socket).await,
            ToExchange::Settle { id } => {
                let answer = lock(&self.ledger).settle(id);
                say(socket, &answer).await
            }
        }
    }

    async fn take_in(&self, id: OrderId, socket: &mut Socket) -> Result<(), Ended> {
        let intake = {
            let mut ledger = lock(&self.ledger);
            ledger.came += 1;
            Intake::of(ledger.came)
        };
        match intake {
            Intake::Busy => return say(socket, &FromExchange::Busy).await,
            Intake::Dropped => return Err(Ended),
            Intake::Lies => self.clock.sleep(LIES_FOR).await,
            Intake::Taken | Intake::TakenAndDropped => {}
        }
        let answer = lock(&self.ledger).take(id);
        if intake == Intake::TakenAndDropped {
            lock(&self.ledger).dropped_after += 1;
            return Err(Ended);
        }
        say(socket, &answer).await
    }
}
