//! Listeners that change, and what else a gateway listens on, while it runs and while another one takes over.

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use crate::house::{House, Origin};

fn shop(origin: &Origin) -> String {
    format!("[gateway.routes.shop]\nto = \"shop\"\n[gateway.upstreams.shop]\nendpoints = [\"{}\"]\n", origin.address)
}

#[test]
fn a_listener_that_cannot_be_had_leaves_the_others_open() {
    // Would break: one address that is taken, written together with a changed limit, takes the whole gateway off the network.
    let origin = Origin::named("shop");
    let house = House::open(&shop(&origin));
    assert!(house.get("/").ends_with("shop"));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let changed = format!(
        "[gateway.limits]\nidle_timeout = \"70s\"\n[gateway.listeners.a]\naddress = \"{}\"\n{}",
        taken.local_addr().unwrap(),
        shop(&origin)
    );
    assert!(house.reload(&changed).starts_with("HTTP/1.1 200"));
    // The listeners follow the settings a moment later.
    for _ in 0..50 {
        std::thread::sleep(std::time::Duration::from_millis(10));
        assert!(TcpStream::connect(house.address).is_ok(), "nobody listens any more");
    }
    assert!(house.get("/").ends_with("shop"));
    // The control says so, until the address is free.
    let complains = || house.order("GET /v1/status", "").contains("\"kind\":\"listener_missing\"");
    assert!(complains());
    let began = std::time::Instant::now();
    drop(taken);
    while complains() {
        assert!(began.elapsed() < std::time::Duration::from_secs(20), "it is still said to be missing");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn a_gateway_whose_numbers_are_scraped_can_be_replaced() {
    // Would break: the new gateway cannot have the address of the numbers, because the old one still has it, and does not start.
    let origin = Origin::named("shop");
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let settings = format!("[gateway.control]\nmetrics = \"{free}\"\n{}", shop(&origin));
    let old = House::open(&settings);
    let (folder, address) = (Arc::clone(&old.folder), old.address);
    let new = House::open_in(folder, &settings, &address.to_string());
    old.ended();
    assert!(new.get("/").ends_with("shop"));
}
