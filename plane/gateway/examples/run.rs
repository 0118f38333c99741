//! A gateway from a file with a section `[gateway]`, in the foreground: `cargo run --release -p homeostat-gateway --example run -- FILE FOLDER`.
//!
//! For trying and measuring the gateway alone; the product is `homeostat gateway`.

use std::path::PathBuf;
use std::process::ExitCode;

use homeostat_gateway::{Options, Written, run};
use homeostat_routing::settings::Gateway;
use serde::Deserialize;

#[derive(Deserialize)]
struct Document {
    gateway: Gateway,
}

/// As in the program itself, so that figures taken of this example are its own.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(file), Some(folder)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: run FILE FOLDER");
        return ExitCode::from(2);
    };
    let reader = move || {
        let text = std::fs::read_to_string(&file).map_err(|error| vec![format!("{}: {error}", file.display())])?;
        let document: Document = toml::from_str(&text).map_err(|error| vec![error.to_string()])?;
        Ok(Written { settings: document.gateway, fingerprint: format!("{} bytes", text.len()) })
    };
    let ready = |addresses: &[(String, std::net::SocketAddr)]| {
        for (name, address) in addresses {
            println!("{name} {address}");
        }
    };
    match run(Options { folder, reader: Box::new(reader), ready: Box::new(ready) }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
