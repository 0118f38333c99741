//! The examples that readers copy from must pass the check, with the program they name on the `PATH`.

use crate::bed::homeostat;
use homeostat_testkit::programs;
use std::path::Path;
use std::process::Command;

#[test]
fn the_kiosk_of_the_demo_passes_the_check() {
    // Whoever starts from the example would begin with an error.
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/kiosk/homeostat.toml");
    let kiosk = programs::program("homeostat-kiosk", "homeostat-kiosk");
    let folder = kiosk.parent().expect("a program is in a folder");
    let path = format!("{}:/usr/bin:/bin", folder.display());
    let checked =
        Command::new(homeostat()).arg("--config").arg(&example).arg("check").env("PATH", path).output().unwrap();
    let said = String::from_utf8_lossy(&checked.stderr);
    assert_eq!(checked.status.code(), Some(0), "{said}");
    assert!(said.is_empty(), "the example has warnings: {said}");
}
