//! What a look-up costs in a table of 1,000 routes: `cargo run --release -p homeostat-routing --example find`.
//!
//! The routes are spread over 50 hosts, with fixed paths, captures and prefixes; the requests go to all of them. Each figure is the best of
//! several rounds, because everything else on a machine only ever adds to it.

use homeostat_routing::normal::normal_path;
use homeostat_routing::settings::{Gateway, Respond, Route, Texts};
use homeostat_routing::{Asked, Table};
use http::{HeaderMap, Method};
use std::hint::black_box;
use std::time::Instant;

const HOSTS: usize = 50;
const ROUTES_A_HOST: usize = 20;
const ROUNDS: usize = 30;
const LOOKUPS_A_ROUND: usize = 20_000;

fn main() {
    let table = Table::compile(&settings()).expect("the routes of the example are good");
    let requests: Vec<(String, String)> =
        (0..HOSTS * ROUTES_A_HOST).map(|n| (host(n / ROUTES_A_HOST), path(n))).collect();
    let headers = HeaderMap::new();
    let find = |(host, path): &(String, String)| {
        let asked = Asked { method: &Method::GET, host, path, query: None, headers: &headers };
        table.find(black_box(&asked)).map(|found| found.route.name.len() + found.captures.get(0).len())
    };
    assert!(requests.iter().all(|request| find(request).is_some()), "every request has a route");
    let allocations = allocation_counter::measure(|| {
        for request in &requests {
            black_box(find(request));
        }
    });
    println!("routes                    {}", table.routes().len());
    println!("allocations a look-up     {}", allocations.count_total / requests.len() as u64);
    println!("look-up, all routes       {:6.1} ns", best(&requests, |request| black_box(find(request)).is_some()));
    let nowhere = vec![("nowhere.example.org".to_owned(), "/a/b/c".to_owned())];
    println!("look-up, no route         {:6.1} ns", best(&nowhere, |request| black_box(find(request)).is_some()));
    println!(
        "normal form, usual path   {:6.1} ns",
        best(&requests, |(_, path)| black_box(normal_path(black_box(path))).is_ok())
    );
    let odd = vec![(String::new(), "/a/./%62/../c%2fd".to_owned())];
    println!(
        "normal form, odd path     {:6.1} ns",
        best(&odd, |(_, path)| black_box(normal_path(black_box(path))).is_ok())
    );
}

fn host(n: usize) -> String {
    format!("shop-{n}.example.org")
}

/// A request for the route of this number.
fn path(n: usize) -> String {
    match n % 3 {
        0 => format!("/api/v1/thing-{n}"),
        1 => format!("/users/{n}/orders-{n}"),
        _ => format!("/files-{n}/a/b/c.png"),
    }
}

fn settings() -> Gateway {
    let route = |n: usize| {
        let path = match n % 3 {
            0 => (Some(path(n)), None),
            1 => (Some(format!("/users/{{id}}/orders-{n}")), None),
            _ => (None, Some(format!("/files-{n}"))),
        };
        let host = Texts(vec![host(n / ROUTES_A_HOST)]);
        let route =
            Route { host, path: path.0, path_prefix: path.1, respond: Some(Respond::default()), ..Route::default() };
        (format!("route-{n:04}"), route)
    };
    Gateway { routes: (0..HOSTS * ROUTES_A_HOST).map(route).collect(), ..Gateway::default() }
}

/// The best mean of a round, in nanoseconds.
fn best<T>(inputs: &[T], mut work: impl FnMut(&T) -> bool) -> f64 {
    let mut round = || {
        let begun = Instant::now();
        black_box(inputs.iter().cycle().take(LOOKUPS_A_ROUND).filter(|input| work(input)).count());
        begun.elapsed().as_nanos() as f64 / LOOKUPS_A_ROUND as f64
    };
    (0..ROUNDS).map(|_| round()).fold(f64::INFINITY, f64::min)
}
