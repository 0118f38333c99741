//! The one entry for chores: `cargo xtask tidy`, `cargo xtask test`, `cargo xtask demo`, `cargo xtask bench`.
//!
//! Reads the arguments, calls one chore, turns its answer into an exit code: 0 all well, 1 findings or failures, 2 a wrong call.

use std::io::{Write as _, stdout};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use xtask::suite::{Wish, run_suite};
use xtask::tidy;
use xtask::workspace::{Tree, root};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The chores of Homeostat", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Run every check and every test; closes with `N passed, N failed`
    Test {
        /// Only the tests that match: a nextest expression, or a part of their names; leaves the checks out
        #[arg(long, value_name = "EXPR")]
        filter: Option<String>,
        /// Go on after a step that failed (always so when CI is set)
        #[arg(long)]
        keep_going: bool,
    },
    /// Check the law of the architecture and of the house
    Tidy {
        /// Print the findings as JSON
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    let done = match Arguments::parse().chore {
        Chore::Test { filter, keep_going } => run_suite(&Wish { filter, keep_going }),
        Chore::Tidy { json } => run_tidy(json),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run_tidy(json: bool) -> Result<bool> {
    let findings = tidy::judge(&Tree::load(&root())?);
    let refused = tidy::refusals(&findings);
    let told = if json {
        serde_json::to_string_pretty(&findings).context("findings are plain data")?
    } else {
        findings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    // Whoever reads may have seen enough; that is no failure of the check.
    let _ = writeln!(stdout(), "{told}");
    eprintln!("{} rules: {refused} refused, {} noted", tidy::RULES.len(), findings.len() - refused);
    Ok(refused == 0)
}
