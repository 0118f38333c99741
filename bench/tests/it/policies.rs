//! `homeostat-bench policies` from end to end, with as few calls as possible.

use std::collections::BTreeSet;
use std::process::Command;

/// Would break: a policy or a peer that does not run any more, and a table on the page that is silently empty.
#[test]
fn every_policy_and_peer_is_measured() {
    let json = tempfile::NamedTempFile::new().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_homeostat-bench"));
    let output = command.args(["policies", "--smoke", "--json"]).arg(json.path()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");

    let report: serde_json::Value = serde_json::from_slice(&std::fs::read(json.path()).unwrap()).unwrap();
    assert_eq!((&report["bench"], &report["quick"]), (&"policies".into(), &true.into()));
    let rows = report["rows"].as_array().unwrap();
    let has = |metric: &str, subject: &str| -> BTreeSet<&str> {
        let rows = rows.iter().filter(|row| row["metric"] == metric && row["subject"] == subject);
        rows.map(|row| row["case"].as_str().unwrap()).collect()
    };
    for metric in ["at_once_cpu_ns", "waiting_cpu_ns", "at_once_allocations", "waiting_allocations", "future_bytes"] {
        assert_eq!((has(metric, "homeostat").len(), has(metric, "tower-resilience").len()), (14, 10), "{metric}");
        assert_eq!(has(metric, "failsafe"), BTreeSet::from(["breaker"]), "{metric}");
    }
    for subject in ["homeostat", "tower-resilience"] {
        let refused = has("refusal_cpu_ns", subject);
        assert!(refused.is_superset(&["open breaker", "full bulkhead", "spent rate"].into()), "{subject}: {refused:?}");
        assert!(has("held_bytes", subject).contains("state of an endpoint"), "{subject}");
    }
    assert!(!has("choice_cpu_ns", "homeostat").is_empty());

    let text = String::from_utf8_lossy(&output.stdout);
    for title in ["Aims", "A healthy call", "A refusal", "Choosing an endpoint", "What is held"] {
        assert!(text.contains(&format!("### {title}\n")), "{title} is missing in {text}");
    }
}
