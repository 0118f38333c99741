//! `homeostat-bench gateway` from end to end, with as few requests as possible.

use std::collections::BTreeSet;
use std::process::Command;

// Would break: a part of the benchmark that does not run any more, and a table on the page that is silently empty. Two subjects that
// need nothing installed: proxies of the machine would make a test of it.
#[test]
fn the_bare_proxies_are_measured() {
    let json = tempfile::NamedTempFile::new().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_homeostat-bench"));
    command.args(["gateway", "--smoke", "--subject", "bare-inline,bare-spawned", "--part", "cost,latency"]);
    let output = command.arg("--json").arg(json.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");

    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(json.path()).unwrap()).unwrap();
    assert_eq!((&report["bench"], &report["quick"]), (&"gateway".into(), &true.into()));
    let rows = report["rows"].as_array().unwrap();
    let costs: BTreeSet<(&str, &str)> = rows
        .iter()
        .filter(|row| row["metric"] == "cpu_us_per_request")
        .map(|row| (row["subject"].as_str().unwrap(), row["case"].as_str().unwrap()))
        .collect();
    assert_eq!(costs.len(), 6, "{costs:?} {}", report["not_run"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("### Forwarded, HTTP/1.1: CPU of a request (us)\n"), "{text}");
}
