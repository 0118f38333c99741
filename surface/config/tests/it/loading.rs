//! Loading as a whole.
use crate::place::Place;

#[test]
fn scratch() {
    let place = Place::with(
        r#"
[engin]
name = 3
[api]
listen = "0.0.0.0:5000"
enabled = "yes"
[services.web]
command = "nosuchprogram --port {prot} && x"
depends_on = ["db", "cach"]
health = { http = "/health", interval = "10 parsecs", timeout = 3 }
environment = { DB_PASSWORD = "hunter2", X = "env:NOPE" }
port = 5000
instances = 3
[services.db]
command = ["sleep", "1"]
depends_on = ["web"]
autonomy = "automatic"
[services.cache]
instances = 0
replicas = 3
"#,
    )
    .variable("HOMEOSTAT__SERVICES__WEB__STOP__GRACE", "3x")
    .flag("api.lisen=1");
    println!("{}", place.says());
    let place = Place::with("a = \nb = \"x\n[services.web\ncommand = [\"a\", \n[services.db]\ncommand=1\nfoo=1\n");
    println!("{}", place.says());
    let place = Place::with("[defaults]\nstop={grace=\"1s\"}\nhealth={interval=\"1s\"}\n[services.web]\ncommand = \"sleep {port}\"\nport = \"auto\"\nhealth.http=\"/h\"\nenvironment.A=1").flag("services.web.instances=3").variable("MAX_INSTANCES", "2").variable("AUTO_SCALING_ENABLED","1");
    println!("{}", place.says());
    println!("{}", place.without_folder(&place.load().unwrap().show(true)));
    println!("{}", homeostat_config::reference());
}
