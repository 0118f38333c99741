//! The benchmark of massive failure with two subjects of its own, for two seconds.

use std::process::Command;

// Would break: a benchmark that is only found to be broken when its figures are wanted.
#[test]
fn two_subjects_are_measured_beside_the_oracle() {
    let ended = Command::new(env!("CARGO_BIN_EXE_homeostat-bench"))
        .args(["massive", "--subject", "direct-random,homeostat", "--schedule", "static80", "--profile", "lognormal"])
        .args(["--load", "0.05", "--seconds", "2"])
        .output()
        .expect("the benchmark starts");
    let text = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let good = |subject: &str| -> f64 {
        let line = text.lines().find(|line| line.split_whitespace().next() == Some(subject));
        let figure = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
        figure.unwrap_or_else(|| panic!("{subject} has no goodput in {text}"))
    };
    // What chance gives, what knowledge gives, and the rest between them: no figure of a busy machine is asserted closer.
    assert!(good("direct-random") < 60.0, "{text}");
    assert!(good("oracle") > 80.0, "{text}");
    assert!(good("homeostat") > 0.0, "{text}");
}
