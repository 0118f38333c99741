//! The journal on its own: a small shop that forgets no order and no mail, however often it is killed.
//!
//! An order and the fact that it was placed are one commit. The mailer follows the journal and stores how far it has
//! come in the same commit as its own record of what it did. Run it twice: it goes on where it stopped.
//!
//!     cargo run -p homeostat-store --example outbox

use homeostat_store::{Commit, Expect, Journal, Options, Put, Reader, Record, StoreError, Verdict};

fn main() -> Result<(), StoreError> {
    let folder = std::env::temp_dir().join("homeostat-store-example");
    let journal = Journal::open(&folder, Options::default())?;
    let reader = journal.reader()?;

    let number = reader.documents("orders")?.len() + 1;
    match place_order(&journal, number) {
        Ok(seq) => println!("order {number} is record {seq}, and it is on disk"),
        // Somebody else placed this number first: nothing of our commit was written.
        Err(StoreError::Conflict { key, .. }) => println!("order {key} is taken"),
        Err(other) => return Err(other),
    }
    send_mails(&journal, &reader)?;
    journal.close();

    match Reader::open(&folder)?.verify(|_| {})? {
        Verdict::Whole(summary) => println!("verified {} records in {}", summary.records, folder.display()),
        Verdict::Broken(broken) => println!("broken: {broken}"),
    }
    Ok(())
}

fn place_order(journal: &Journal, number: usize) -> Result<u64, StoreError> {
    let order = Put {
        space: "orders".into(),
        key: number.to_string(),
        value: Some(b"3 apples".to_vec()),
        expect: Expect::Absent,
    };
    let placed = Record { kind: "order.placed".into(), subject: number.to_string(), ..Record::default() };
    let commit = Commit { records: vec![placed], puts: vec![order], ..Commit::default() };
    Ok(journal.commit_blocking(commit)?.first_seq)
}

fn send_mails(journal: &Journal, reader: &Reader) -> Result<(), StoreError> {
    let done = reader.offset("mailer")?.unwrap_or(0);
    for entry in reader.entries_of_kind("order.placed", done + 1, 100)? {
        println!("mail for order {}", entry.record.subject);
        let sent = Record { kind: "mail.sent".into(), subject: entry.record.subject, ..Record::default() };
        let offsets = vec![("mailer".to_owned(), entry.seq)];
        journal.commit_blocking(Commit { records: vec![sent], offsets, ..Commit::default() })?;
    }
    Ok(())
}
