//! Many real threads at once: one fetch for a cold key, and no value older than the last purge.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use homeostat_cache::{Cache, CacheSettings, Life, Lookup, Terms, Turn, Waited};
use homeostat_reactor::Clock;

type Numbers = Cache<Arc<str>, u64>;

const TERMS: Terms<'static> = Terms {
    life: Life {
        fresh: Duration::from_secs(600),
        while_revalidating: Duration::ZERO,
        on_error: Duration::ZERO,
        kept: Duration::ZERO,
        is_negative: false,
    },
    bytes: 8,
    tags: &["all"],
};

/// As a caller would: look, begin, fetch or wait.
async fn get(numbers: &Numbers, key: &Arc<str>, origin: &AtomicU64, calls: &AtomicU64) -> u64 {
    if let Lookup::Fresh { hit, .. } = numbers.lookup(key) {
        return *hit;
    }
    let fetch = match numbers.begin(key) {
        Turn::Found(hit) => return *hit,
        Turn::Fetch(fetch) => fetch,
        Turn::Wait(waiting) => match waiting.outcome().await {
            Waited::Found(hit) => return *hit,
            Waited::Fetch(fetch) => fetch,
            other => panic!("{other:?}"),
        },
        Turn::Crowded => panic!("crowded"),
    };
    calls.fetch_add(1, Ordering::SeqCst);
    let value = origin.load(Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(2)).await;
    *fetch.insert(value, &TERMS).hit
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_misses_on_real_threads_make_one_fetch() {
    // Would break: the stampede that a cache is there to prevent.
    let numbers = Numbers::new(CacheSettings::default(), Clock::machine()).unwrap();
    let (origin, calls) = (Arc::new(AtomicU64::new(7)), Arc::new(AtomicU64::new(0)));
    for round in 0..20_u64 {
        let tasks: Vec<_> = (0..1_000)
            .map(|_| {
                let (numbers, origin, calls) = (numbers.clone(), Arc::clone(&origin), Arc::clone(&calls));
                tokio::spawn(async move { get(&numbers, &format!("/{round}").into(), &origin, &calls).await })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), 7);
        }
        assert_eq!(calls.load(Ordering::SeqCst), round + 1);
    }
    assert_eq!((numbers.snapshot().flights, numbers.snapshot().waiters), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_who_asks_after_a_purge_gets_what_was_before_it() {
    // Would break: a purge that is undone by a fetch on another thread.
    let numbers = Numbers::new(CacheSettings::default(), Clock::machine()).unwrap();
    let (origin, calls) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    // The last value whose purge is over: what is asked for now must not be older.
    let purged = Arc::new(AtomicU64::new(0));
    let readers: Vec<_> = (0..8)
        .map(|_| {
            let (numbers, origin, calls) = (numbers.clone(), Arc::clone(&origin), Arc::clone(&calls));
            let purged = Arc::clone(&purged);
            tokio::spawn(async move {
                let key: Arc<str> = "/page".into();
                while purged.load(Ordering::SeqCst) < 200 {
                    let least = purged.load(Ordering::SeqCst);
                    let value = get(&numbers, &key, &origin, &calls).await;
                    assert!(value >= least, "{value} is older than {least}");
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for value in 1..=200 {
        origin.store(value, Ordering::SeqCst);
        match value % 4 {
            0 => numbers.purge(&"/page".into()),
            1 => numbers.purge_tag("all"),
            2 => numbers.purge_all(),
            _ => numbers.purge_where(|key| key.starts_with("/p")).unwrap(),
        }
        purged.store(value, Ordering::SeqCst);
        if value % 50 == 0 {
            numbers.sweep_round().await;
        }
        tokio::time::sleep(Duration::from_micros(500)).await;
    }
    for reader in readers {
        reader.await.unwrap();
    }
}
