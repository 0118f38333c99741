//! The disk that holds the journal fails for real: it is full, or may only be read. The engine stops acting and says so; the
//! services run on; on a repaired disk the next engine goes on.
//!
//! The first two need a disk of their own, mounted in a private namespace around a child that is this very program. Where
//! that is not permitted the test says so; the limit on the size of files, which needs no privilege, runs everywhere.

use crate::bed::{Bed, QUICK, homeostat, kill, kiosk, web};
use homeostat_testkit::engine::Engine;
use homeostat_testkit::processes::{self, runs};
use homeostat_testkit::wait_until;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

/// Where the child finds the disk.
const DISK: &str = "DISK";

/// Beyond this no file of the engine may grow: more than its log has, less than its journal.
const FILE_BYTES_MAX: u64 = 32 << 10;

/// The exit code of a set-up that is not permitted here.
const NOT_PERMITTED: i32 = 77;

#[test]
fn on_a_full_disk_the_engine_stops_acting_and_the_services_run_on() {
    // An engine that acts without a journal does what nobody can prove or undo; one that falls silent is taken for well.
    on_a_disk_of_its_own("mount -t tmpfs -o size=8m none \"$DISK\"", "disk::child_fills_the_disk");
}

#[test]
#[ignore = "the child of on_a_full_disk_the_engine_stops_acting_and_the_services_run_on"]
fn child_fills_the_disk() {
    let Some(disk) = disk_of_child() else { return };
    let (mut bed, lives) = bed_with_data_in(&disk.join("data"));
    let ballast = disk.join("ballast");
    fill(&ballast);
    says_that_it_cannot_act(&mut bed, lives);
    begins_no_more(&bed, "full");
    fs::remove_file(&ballast).unwrap();
    bed.start();
    goes_on(bed, lives);
}

#[test]
fn a_death_that_a_full_disk_cannot_take_down_is_seen_all_the_same() {
    // A service that is gone would be shown as running, for want of room to write down that it is not.
    on_a_disk_of_its_own("mount -t tmpfs -o size=8m none \"$DISK\"", "disk::child_kills_on_a_full_disk");
}

#[test]
#[ignore = "the child of a_death_that_a_full_disk_cannot_take_down_is_seen_all_the_same"]
fn child_kills_on_a_full_disk() {
    let Some(disk) = disk_of_child() else { return };
    let (mut bed, [web, till]) = bed_with_data_in(&disk.join("data"));
    let ballast = disk.join("ballast");
    fill(&ballast);
    kill(till);
    wait_until_read_only(&bed);
    assert_eq!(bed.ready("web/0"), web);
    // The disk fails whoever writes first, and that may be before the death is heard of.
    wait_until("it is no longer shown as running", || bed.instance("till/0").is_some_and(|it| it["pid"].is_null()));
    assert_eq!(bed.call("down --keep-services").code, Some(0));
    bed.gone();
    fs::remove_file(&ballast).unwrap();
    bed.start();
    bed.ready_after("till/0", till);
    bed.all_well();
    assert_eq!(bed.ready("web/0"), web, "what was well was disturbed");
    bed.down();
}

#[test]
fn on_a_disk_with_errors_the_engine_stops_acting_and_the_services_run_on() {
    // The kernel takes such a disk out of use for writing, in the middle of whatever is going on.
    let setup = "mount -t tmpfs -o size=80m none \"$DISK\" && truncate -s 64m \"$DISK/image\" \
         && mkfs.ext4 -q \"$DISK/image\" && mkdir \"$DISK/disk\" && mount -o loop \"$DISK/image\" \"$DISK/disk\"";
    on_a_disk_of_its_own(setup, "disk::child_loses_the_disk");
}

#[test]
#[ignore = "the child of on_a_disk_with_errors_the_engine_stops_acting_and_the_services_run_on"]
fn child_loses_the_disk() {
    let Some(folder) = disk_of_child() else { return };
    let disk = folder.join("disk");
    let (mut bed, lives) = bed_with_data_in(&disk.join("data"));
    // What the kernel does by itself at the first error.
    done(Command::new("mount").args(["-o", "remount,abort"]).arg(&disk));
    says_that_it_cannot_act(&mut bed, lives);
    begins_no_more(&bed, "read-only");
    // Such a disk must be taken out to be repaired, and nobody may hold on to it then.
    processes::marked(&bed.data_folder()).into_iter().for_each(kill);
    wait_until("nobody uses the disk", || processes::marked(&bed.data_folder()).is_empty());
    done(Command::new("umount").arg(&disk));
    done(Command::new("mount").args(["-o", "loop"]).arg(folder.join("image")).arg(&disk));
    bed.start();
    for (id, before) in ["web/0", "till/0"].into_iter().zip(lives) {
        bed.ready_after(id, before);
    }
    bed.all_well();
    bed.down();
}

#[test]
fn at_a_limit_of_file_sizes_the_engine_stops_acting_and_the_services_run_on() {
    // The same as on a full disk; needs no privilege, so it is proven on every machine.
    let folder = tempfile::tempdir().unwrap();
    let (mut bed, lives) = bed_with_data_in(&folder.path().join("data"));
    limit_file_sizes(&bed, FILE_BYTES_MAX);
    says_that_it_cannot_act(&mut bed, lives);
    bed.start();
    goes_on(bed, lives);
}

#[test]
fn an_engine_whose_own_log_cannot_be_written_goes_on() {
    // In the background its log lies on the same disk: whoever fails at saying that the disk is full is no help.
    let folder = tempfile::tempdir().unwrap();
    let (mut bed, [web, till]) = bed_with_data_in(&folder.path().join("data"));
    limit_file_sizes(&bed, 1);
    kill(web);
    wait_until_read_only(&bed);
    assert_eq!(bed.call("down --keep-services").code, Some(0));
    bed.gone();
    bed.start();
    goes_on(bed, [web, till]);
}

fn limit_file_sizes(bed: &Bed, bytes_max: u64) {
    let engine = Pid::from_raw(i32::try_from(bed.engine.pid().unwrap()).unwrap());
    prlimit(engine, Resource::Fsize, Rlimit { current: Some(bytes_max), maximum: None }).unwrap();
}

/// An engine that has its data in `data_folder`, and the processes of `web/0` and `till/0`.
fn bed_with_data_in(data_folder: &Path) -> (Bed, [u32; 2]) {
    let services = format!("{}{}", web("web", ""), kiosk("till", "till", ""));
    let text = format!("[engine]\ndata_folder = \"{}\"\n{QUICK}{services}", data_folder.display());
    let mut bed = Bed { engine: Engine::with_data_in(homeostat(), &text, data_folder) };
    // Without this, the kernel would end the engine at a limit of file sizes before it could notice.
    bed.engine.up_by(&["sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh"]);
    bed.wait_for_answer();
    let lives = ["web/0", "till/0"].map(|id| bed.ready(id));
    (bed, lives)
}

/// Everything that must be so while the journal takes no more records, up to `down --keep-services`.
fn says_that_it_cannot_act(bed: &mut Bed, [web, till]: [u32; 2]) {
    let durable = bed.records().len();
    bed.visit("web/0", "/hang");
    wait_until_read_only(bed);
    let status = bed.call("status");
    assert!(status.code == Some(1) && status.out.contains("cannot act"), "{}", status.out);
    assert!(bed.engine.said().contains("H0106"), "{}", bed.engine.said());
    for words in ["pause", "resume", "undo A1", "down"] {
        let refused = bed.call(words);
        assert_eq!(refused.code, Some(4), "{words}: {}{}", refused.out, refused.err);
        assert!(refused.err.contains("H0508"), "{words}: {}", refused.err);
    }
    thread::sleep(Duration::from_secs(1));
    assert!(runs(web) && runs(till), "a service was ended without a journal");
    assert_eq!(bed.records().len(), durable);
    let kept = bed.call("down --keep-services");
    assert_eq!(kept.code, Some(0), "{}", kept.err);
    bed.gone();
    assert!(runs(web) && runs(till));
}

#[track_caller]
fn wait_until_read_only(bed: &Bed) {
    wait_until("the engine says that it cannot act", || {
        assert!(bed.engine.pid().is_some_and(runs), "the engine has ended: {}", bed.engine.said());
        bed.try_get("/api/health").is_some_and(|(status, health)| status == 503 && health["status"] == "read-only")
    });
}

/// A start on a disk that is still broken is refused, and says why.
fn begins_no_more(bed: &Bed, why: &str) {
    let refused = bed.call("up");
    let told = refused.err.contains("H0") && refused.err.to_lowercase().contains(why);
    assert!(refused.code == Some(1) && told, "{:?} {}", refused.code, refused.err);
}

/// A new engine takes over what runs, and repairs what it could not.
fn goes_on(bed: Bed, [web, till]: [u32; 2]) {
    let web = bed.ready_after("web/0", web);
    bed.all_well();
    assert_eq!(bed.ready("till/0"), till, "what was well was disturbed");
    kill(web);
    bed.ready_after("web/0", web);
    bed.all_well();
    bed.down();
}

/// Writes until nothing more goes in.
fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    for portion in [1 << 16, 1 << 12, 1] {
        while file.write_all(&vec![1; portion]).is_ok() {}
    }
}

#[track_caller]
fn done(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn disk_of_child() -> Option<PathBuf> {
    std::env::var_os(DISK).map(PathBuf::from)
}

/// Runs one ignored test of this program with a small disk made by `setup`, in a mount namespace that ends with it.
fn on_a_disk_of_its_own(setup: &str, test: &str) {
    let disk = tempfile::tempdir().unwrap();
    let script = format!("({setup}) || exit {NOT_PERMITTED}; exec \"$@\"");
    for namespace in ["--mount", "-Urm"] {
        let child = Command::new("unshare")
            .args([namespace, "sh", "-c", &script, "sh"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"])
            .env(DISK, disk.path())
            .output();
        let Ok(output) = child else { break };
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        match output.status.code() {
            Some(0) => {
                assert!(text.contains("1 passed"), "the child ran nothing: {text}");
                return;
            }
            // unshare itself says 1 when it is not permitted; a failed test says 101.
            Some(1 | NOT_PERMITTED) => println!("unshare {namespace} is not permitted here: {text}"),
            _ => panic!("{text}"),
        }
    }
    println!("NOT RUN: no such disk is permitted here; the limit of file sizes stands in for it");
}
