//! Frequent keys and their file: found in bounded memory, written whole, and read back from a file that may be anything.

use homeostat_cache::FREQUENT_MAX;
use homeostat_cache::warm::{read_keys, write_keys};
use homeostat_reactor::ManualClock;
use std::io::Write;

use crate::pages::{EXACT, for_secs, key, pages};

#[test]
fn the_keys_asked_for_most_come_first_and_fade() {
    // Would break: a restart that warms what nobody wants.
    let pages = pages(&ManualClock::new(), EXACT);
    for name in 0..50 {
        pages.insert(&key(&name.to_string()), String::new(), &for_secs(1_000));
        (0..name).for_each(|_| drop(pages.lookup(name.to_string().as_str())));
    }
    while pages.sweep().step(1_000) {}
    let top: Vec<String> = pages.frequent(3).into_iter().map(|(key, _)| key.to_string()).collect();
    assert_eq!(top, ["49", "48", "47"].map(String::from)[..].to_vec());
    for _ in 0..20 {
        while pages.sweep().step(1_000) {}
    }
    assert!(pages.frequent(10).is_empty());
}

#[test]
fn a_list_comes_back_as_it_was() {
    // Would break: a key with a line break or a letter outside ASCII that spoils the list.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    let keys = ["https://a/x?y=%20", "two\nlines", "żółć", "", "a b"];
    write_keys(&path, keys).unwrap();
    assert_eq!(read_keys(&path).unwrap().collect::<Vec<_>>(), keys);
    write_keys(&path, (0..20_000).map(|_| "k")).unwrap();
    assert_eq!(read_keys(&path).unwrap().count(), FREQUENT_MAX);
}

#[test]
fn a_damaged_list_is_read_as_far_as_it_makes_sense() {
    // Would break: a start that fails, or takes all memory, because of a file.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys");
    let write = |bytes: &[u8]| std::fs::File::create(&path).unwrap().write_all(bytes).unwrap();
    write(b"something else\n");
    assert!(read_keys(&path).is_err());
    write(b"");
    assert!(read_keys(&path).is_err());
    write(b"homeostat-cache keys 1\n/a\n%zz\n%f\n%ff\n/b\ncut of");
    assert_eq!(read_keys(&path).unwrap().collect::<Vec<_>>(), ["/a", "/b"]);
    write(&[b"homeostat-cache keys 1\n".to_vec(), vec![b'x'; 100_000], b"\n/b\n".to_vec()].concat());
    assert_eq!(read_keys(&path).unwrap().count(), 0);
}
