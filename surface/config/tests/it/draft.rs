//! The first file that `init` writes: short, good as it stands, and without anything that is not ours to copy.

use crate::place::Place;
use homeostat_config::scan::{Listener, Process, Scan, compose, host};
use std::net::{IpAddr, Ipv4Addr};

/// A host with a few things on it.
fn busy_host() -> Scan {
    let listener = |port, name: Option<&str>| Listener {
        port,
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        process: name.map(|name| Process { pid: 7, name: name.to_owned() }),
    };
    Scan {
        listeners: vec![
            listener(22, None),
            listener(5000, Some("flask")),
            listener(5001, Some("other")),
            listener(5432, Some("postgres")),
            listener(6379, Some("redis-server")),
        ],
        has_systemd: true,
        units: vec!["shop.service".to_owned()],
        container_socket: Some("/run/docker.sock".into()),
    }
}

/// Writes a draft into the folder of `place` and checks it; answers the text.
fn drafted(place: Place, scan: &Scan, services: usize) -> (Place, String) {
    let draft = compose(scan, place.folder(), &place.environment);
    let place = place.file("homeostat.toml", &draft.text);
    let loaded = place.load().unwrap_or_else(|problems| panic!("{problems}\n{}", draft.text));
    assert_eq!((loaded.policy.services.len(), draft.services), (services, services), "{}", draft.text);
    assert!((10..=60).contains(&draft.text.lines().count()), "{}", draft.text);
    let text = place.without_folder(&draft.text);
    (place, text)
}

#[test]
fn an_empty_folder_gets_an_example() {
    // The first file somebody sees must be good, and show the next step.
    let (place, text) = drafted(Place::with(""), &Scan::default(), 0);
    assert_eq!(place.codes(), ["H0027"]);
    insta::assert_snapshot!("draft_empty", text);
}

#[test]
fn a_procfile_becomes_services_and_what_is_missing_becomes_comments() {
    // A first file that fails `check` would be the first impression.
    let procfile = "# ours\nweb: ./server --port $PORT\nworker: ./server work\nrelease: ./migrate\nclock: nosuchprogram tick\n\
                    mail: ./server --password=hunter2\nBad Name!: ./server {prot}\n";
    let (_place, text) = drafted(Place::with("").file("Procfile", procfile), &busy_host(), 2);
    assert!(!text.contains("hunter2"), "{text}");
    insta::assert_snapshot!("draft_procfile", text);
}

#[test]
fn other_folders_say_what_they_run_too() {
    // Node and Rust folders need no Procfile.
    let node = Place::with("").file("package.json", r#"{"name":"@shop/front-end","scripts":{"start":"node ."}}"#);
    let node = node.file("bin/npm", "#!/bin/sh\n");
    let (_node, text) = drafted(node, &Scan::default(), usize::from(std::path::Path::new("/usr/bin/npm").exists()));
    assert!(text.contains("[services.front-end]"), "{text}");
    let rust = Place::with("").file("Cargo.toml", "[package]\nname = \"shop\"\n").file("src/main.rs", "");
    let (_rust, text) = drafted(rust, &Scan::default(), 0);
    assert!(text.contains("# From Cargo.toml, not ready yet") && text.contains("# [services.shop]"), "{text}");
    let noise = Place::with("").file("Procfile", [0xff, 0xfe]).file("package.json", "[").file("Cargo.toml", "= =");
    drafted(noise, &Scan::default(), 0);
}

#[test]
fn this_host_brings_a_good_file_too() {
    // Real hosts have names and ports that nobody thought of.
    let place = Place::with("");
    let draft = compose(&host(), place.folder(), &place.environment);
    let place = place.file("homeostat.toml", &draft.text);
    assert!(place.load().is_ok(), "{}\n{}", place.says(), draft.text);
}

#[test]
fn the_gateway_in_the_comments_is_a_good_one() {
    // Would break: whoever takes the marks away as he is told is told that it is wrong.
    let (place, text) = drafted(Place::with("").file("Procfile", "web: ./server --port $PORT\n"), &busy_host(), 1);
    let (before, gateway) = text.split_once("# [gateway]\n").unwrap();
    let (gateway, after) = gateway.split_once("\n\n").unwrap();
    let lines: String = gateway.lines().map(|line| format!("{}\n", line.strip_prefix("# ").unwrap())).collect();
    let place = place.file("homeostat.toml", format!("{before}[gateway]\n{lines}\n{after}"));
    let loaded = place.load().unwrap_or_else(|_| panic!("{}", place.says()));
    let plan = loaded.gateway.unwrap();
    assert_eq!(plan.table.routes().len(), 1);
    assert_eq!(plan.settings.all_listeners()[0].1.address, "127.0.0.1:8080");
    assert!(place.codes().is_empty(), "{}", place.says());
}
