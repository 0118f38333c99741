//! Hard cases that a check could get wrong in either direction.

use crate::place::Place;

/// The codes that this service brings.
fn service(text: &str) -> (Vec<&'static str>, String) {
    let place = Place::with(format!("[services.web]\n{text}\n"));
    (place.codes(), place.says())
}

#[test]
fn programs_are_searched_where_the_driver_searches_them() {
    // A check that looks elsewhere refuses good files, or lets bad ones start.
    for good in [
        "command = [\"sh\"]",
        "command = [\"/bin/sh\"]",
        "command = [\"./server\"]",
        "command = [\"server\"]\nenvironment = { PATH = \".\" }",
        "command = [\"./{service}-{instance}\"]",
        "command = [\"./server\"]\nhealth = { exec = [\"true\"] }",
    ] {
        let (codes, said) = service(good);
        assert!(codes.is_empty(), "{said}");
    }
    for bad in [
        "command = [\"server\"]",
        "command = [\"/nowhere/sh\"]",
        "command = [\"./secrets/token\"]",
        "command = [\"./secrets\"]",
        "command = [\"sh\"]\nenvironment = { PATH = \"/nowhere\" }",
        "command = [\"./server\"]\nhealth = { exec = [\"nosuchprogram\"] }",
    ] {
        let (codes, said) = service(bad);
        assert_eq!(codes, ["H0017"], "{said}");
    }
}

#[test]
fn health_addresses_are_understood_in_all_their_forms() {
    // A probe of the wrong address restarts a healthy service.
    let probe = |health: &str| {
        let text = format!(
            "[services.web]\ncommand = [\"./server\"]\nport = \"auto\"\nports.admin = \"auto\"\nhealth = {{ {health} }}"
        );
        let place = Place::with(text);
        let loaded = place.load().map_err(|_| place.codes());
        loaded.map(|loaded| {
            let health = loaded.policy.services.into_values().next().unwrap().health.unwrap();
            serde_json::to_value(health.probe).unwrap()
        })
    };
    for (written, meant) in [
        ("http = \"/health\"", "http://127.0.0.1:{port}/health"),
        ("http = \"http://localhost\"", "http://localhost:80/"),
        ("http = \"http://[::1]:{port:admin}/x?y=z\"", "http://[::1]:{port:admin}/x?y=z"),
        ("http = \"http://127.0.0.1:{port:admin}\"", "http://127.0.0.1:{port:admin}/"),
    ] {
        assert_eq!(probe(written).unwrap()["url"], meant, "{written}");
    }
    for (written, meant) in
        [("tcp = \"{port:admin}\"", "127.0.0.1:{port:admin}"), ("tcp = \"localhost:80\"", "localhost:80")]
    {
        assert_eq!(probe(written).unwrap()["address"], meant, "{written}");
    }
    for bad in [
        "http = \"127.0.0.1:80/x\"",
        "http = \"http://\"",
        "http = \"http://host:99999/\"",
        "http = \"http://host:80/a b\"",
        "tcp = \"localhost\"",
        "tcp = \"\"",
        "tcp = \"0\"",
        "tcp = \"::1:80\"",
    ] {
        assert_eq!(probe(bad), Err(vec!["H0022"]), "{bad}");
    }
}

#[test]
fn the_api_listens_to_this_machine_alone() {
    // Whoever reaches the API can stop services.
    let listen = |address: &str| {
        let place = Place::with("[services.web]\ncommand = [\"./server\"]").flag(&format!("api.listen={address}"));
        place.load().map(|loaded| loaded.settings.api_listen.to_string()).map_err(|_| place.codes())
    };
    assert_eq!(listen("127.0.0.1:0"), Ok("127.0.0.1:0".to_owned()));
    assert_eq!(listen("[::1]:5000"), Ok("[::1]:5000".to_owned()));
    assert_eq!(listen("localhost:6000"), Ok("127.0.0.1:6000".to_owned()));
    for outside in ["0.0.0.0:5000", "[::]:5000", "192.168.0.1:5000"] {
        assert_eq!(listen(outside), Err(vec!["H0024"]), "{outside}");
    }
    for wrong in ["127.0.0.1", "5000", "somewhere:5000", ""] {
        assert_eq!(listen(wrong), Err(vec!["H0007"]), "{wrong}");
    }
}

#[test]
fn ports_are_counted_once_each() {
    // Two services on one port take turns to fail.
    let (codes, said) = service("command = [\"./server\"]\nport = 80\nports = { admin = 80 }");
    assert_eq!(codes, ["H0013"], "{said}");
    let (codes, said) = service("command = [\"./server\"]\nport = 80\ninstances = 1");
    assert!(codes.is_empty(), "{said}");
    let off = Place::with("[api]\nenabled = false\n[services.web]\ncommand = [\"./server\"]\nport = 5000");
    assert!(off.codes().is_empty(), "{}", off.says());
    // Bounds can bring a second instance where one was declared.
    let held = Place::with("[services.web]\ncommand = [\"./server\"]\nport = 80")
        .variable("AUTO_SCALING_ENABLED", "1")
        .variable("MIN_INSTANCES", "2");
    assert_eq!(held.codes(), ["H0014", "H0026"], "{}", held.says());
}

#[test]
fn a_file_from_windows_is_read() {
    // A byte order mark and carriage returns are how some editors save.
    let place = Place::with("\u{feff}[services.web]\r\ncommand = [\"./server\"]\r\nreplicas = 1\r\n");
    assert_eq!(place.codes(), ["H0003"], "{}", place.says());
    assert_eq!(place.problems().iter().next().unwrap().line_and_column(), Some((3, 1)));
}

#[test]
fn many_services_are_checked_in_good_time() {
    // A search for circles that is not linear in practice would make reload wait.
    let services: String = (0..900)
        .map(|number| {
            let on: Vec<String> = (number + 1..(number + 20).min(900)).map(|next| format!("\"s{next}\"")).collect();
            format!("[services.s{number}]\ncommand = [\"./server\"]\ndepends_on = [{}]\n", on.join(", "))
        })
        .collect();
    let place = Place::with(services);
    assert_eq!(place.load().unwrap_or_else(|problems| panic!("{problems}")).policy.services.len(), 900);
}

#[test]
fn the_id_of_a_life_is_known_where_a_life_begins() {
    // The driver fills it in at a start; a health check would ask for it literally.
    let (codes, said) = service("command = [\"./server\", \"{run}\"]\nenvironment.RUN = \"{run}\"");
    assert!(codes.is_empty(), "{said}");
    let (codes, said) = service("command = [\"./server\"]\nhealth = { exec = [\"true\", \"{run}\"] }");
    assert_eq!(codes, ["H0015"], "{said}");
}
