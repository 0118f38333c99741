//! Listeners that change, and what else a gateway listens on, while it runs and while another one takes over.

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use homeostat_wire::Body;
use homeostat_wire::client::{ClientLimits, Connection, Shelf};
use homeostat_wire::tls::{ClientTls, Roots};

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

struct Nowhere;

impl Shelf for Nowhere {
    fn put(&self, _: Connection) {}
}

#[test]
fn changed_certificates_that_cannot_be_used_are_complained_of_until_they_can() {
    // Would break: a renewal that went wrong is noticed the day the old certificate is over, or takes the listener along.
    let files = tempfile::tempdir().unwrap();
    let path = |name: &str| files.path().join(name).display().to_string();
    let own = rcgen::generate_simple_self_signed(vec!["shop.test".to_owned()]).unwrap();
    std::fs::write(path("shop.pem"), own.cert.pem()).unwrap();
    std::fs::write(path("roots.pem"), own.cert.pem()).unwrap();
    std::fs::write(path("shop.key"), own.signing_key.serialize_pem()).unwrap();
    let origin = Origin::named("shop");
    let tls = format!("{{ certificate = \"{}\", key = \"{}\" }}", path("shop.pem"), path("shop.key"));
    let listener = format!("[gateway.listeners.tls]\naddress = \"127.0.0.1:0\"\ntls = {tls}\n");
    let house = House::open(&format!("{listener}{}", shop(&origin)));
    let is_served = || {
        let roots = Roots::File(path("roots.pem").into());
        let tls = ClientTls::new(&roots, "shop.test", None, false).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let connection =
                Connection::open(house.addresses["tls"], Some(&tls), ClientLimits::default()).await.unwrap();
            let asked = http::Request::builder().uri("/").header("host", "shop.test").body(Body::empty()).unwrap();
            connection.send(asked, Arc::new(Nowhere)).await.unwrap().status() == 200
        })
    };
    let status = || house.order("GET /v1/status", "");
    let wait = |what: &str, wanted: bool| {
        let began = std::time::Instant::now();
        while status().contains("\"kind\":\"certificates_refused\"") != wanted {
            assert!(began.elapsed() < std::time::Duration::from_secs(30), "{what}: {}", status());
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    };
    assert!(is_served() && status().contains("\"complaints\":[]"));
    let other = rcgen::generate_simple_self_signed(vec!["shop.test".to_owned()]).unwrap();
    std::fs::write(path("shop.key"), other.signing_key.serialize_pem()).unwrap();
    wait("a key of another certificate", true);
    let told = status();
    assert!(told.contains("`tls`") && told.contains("shop.key") && !told.contains("PRIVATE"), "{told}");
    assert!(is_served(), "with what it had");
    std::fs::write(path("shop.key"), own.signing_key.serialize_pem()).unwrap();
    wait("put right", false);
    assert!(is_served());
}
