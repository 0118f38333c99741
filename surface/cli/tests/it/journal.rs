//! The journal's verbs on real files.

use crate::home::{Home, run_unread};
use crate::sample;
use homeostat_cli::Exit;
use std::os::unix::fs::FileExt;

fn home() -> Home {
    let home = Home::new();
    sample::write(&home.data(), sample::repaired());
    home
}

#[test]
fn a_whole_journal_is_proven() {
    // The proof is what makes a story worth believing.
    insta::assert_snapshot!("verify", home().run("journal verify").all());
    let json: serde_json::Value = serde_json::from_str(&home().run("journal verify --output json").out).unwrap();
    assert_eq!((json["sound"].as_bool(), json["first_seq"].as_u64()), (Some(true), Some(1)));
}

#[test]
fn an_edited_record_is_named() {
    // A forged story would be told as if it were true.
    let home = home();
    let needle = b"killed_from_outside";
    // The record is in the database or still in its write-ahead log, or in both.
    for name in ["journal.db", "journal.db-wal"] {
        let path = home.data().join(name);
        let bytes = std::fs::read(&path).unwrap_or_default();
        let places = bytes.windows(needle.len()).enumerate().filter(|(_, window)| window == needle);
        for (place, _) in places {
            let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
            file.write_all_at(b"killed_from_outsidE", place as u64).unwrap();
        }
    }
    let ran = home.run("journal verify");
    assert_eq!(ran.exit, Exit::Findings);
    insta::assert_snapshot!("verify_broken", ran.all());
    let json: serde_json::Value = serde_json::from_str(&home.run("journal verify --output json").out).unwrap();
    assert_eq!((json["sound"].as_bool(), json["seq"].as_u64()), (Some(false), Some(4)));
}

#[test]
fn the_export_is_one_object_a_line() {
    // Tools that read line by line would break at the first record.
    let home = home();
    let ran = home.run("journal export");
    let lines: Vec<serde_json::Value> = ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines[0]["seq"].as_u64(), lines[0]["kind"].as_str()), (Some(1), Some("signal.seen")));
    assert_eq!(lines[0]["payload"]["fact"], "signal_seen");
    assert_eq!(lines[0]["hash"].as_str().unwrap().len(), 64);
    let from = format!("journal export --from {}", lines.len());
    assert_eq!(home.run(&from).out.lines().count(), 1);
    assert_eq!(run_unread(&home, "journal export"), Exit::Ok, "`| head` ends it quietly");
}

#[test]
fn the_tail_says_each_record_in_a_sentence() {
    // Raw JSON at night is no answer.
    let home = home();
    insta::assert_snapshot!("tail", home.run("journal tail --lines 12").all());
    let json = home.run("journal tail -n 1 --output json").out;
    let line: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(line["trace"], "E17");
}

#[test]
fn a_backup_is_a_journal() {
    // A copy that cannot be read is worse than none.
    let home = home();
    let copy = home.folder.path().join("copy");
    let ran = home.run(&format!("journal backup {}", copy.display()));
    assert_eq!(ran.exit, Exit::Ok, "{}", ran.err);
    let other = Home::new();
    std::fs::remove_dir(other.data()).unwrap();
    std::fs::rename(&copy, other.data()).unwrap();
    assert_eq!(other.run("why E17").out, home.run("why E17").out);
    let again = home.run(&format!("journal backup {}", home.data().display()));
    assert_eq!(again.exit, Exit::Findings, "a journal is never written over: {}", again.err);
}

#[test]
fn without_a_journal_the_error_names_the_folder() {
    // Somebody in the wrong folder should see so at once.
    let ran = Home::new().run("journal verify");
    assert_eq!((ran.exit, ran.out.as_str()), (Exit::Findings, ""));
    insta::assert_snapshot!("no_journal", ran.err);
}
