//! The service without a port: it adds up, and says so now and then.

use std::io;
use std::thread;
use std::time::Duration;

/// Time between two sums.
const INTERVAL: Duration = Duration::from_secs(1);

/// Works until it is killed.
pub fn run() -> io::Result<()> {
    for customers in 1_u64.. {
        thread::sleep(INTERVAL);
        println!("{customers} customers so far");
    }
    Ok(())
}
