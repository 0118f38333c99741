//! The one entry for chores: `cargo xtask tidy`, `cargo xtask test`, `cargo xtask demo`, `cargo xtask bench`,
//! `cargo xtask conformance`.
//!
//! Reads the arguments, calls one chore, turns its answer into an exit code: 0 all well, 1 findings or failures, 2 a wrong call.

use std::io::{Write as _, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use xtask::bench::{self, run_bench};
use xtask::conformance::{self, run_conformance};
use xtask::demo::{self, run_demo};
use xtask::fuzz::{self, run_fuzz};
use xtask::suite::{self, run_suite};
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
    /// Show the product at work: services break, and are repaired on screen
    Demo {
        /// How long; without it, until Ctrl-C
        #[arg(long, value_name = "NUMBER")]
        seconds: Option<u64>,
        /// The language of the story, en or es; without it, LANG decides
        #[arg(long, value_name = "LANGUAGE")]
        lang: Option<String>,
        /// Which faults come when: the same number, the same faults
        #[arg(long, value_name = "NUMBER", default_value_t = 1)]
        seed: u64,
    },
    /// Measure beside the peers; `all` measures everything and writes docs/benchmarks.md
    Bench {
        /// Which benchmark, or `all`
        name: String,
        /// A result in under two minutes, marked as such
        #[arg(long)]
        quick: bool,
        /// Where to write the figures as JSON
        #[arg(long, value_name = "FILE")]
        json: Option<PathBuf>,
        /// Write the section of this benchmark into docs/benchmarks.md: measured in full, so not with --quick or --json
        #[arg(long, conflicts_with_all = ["quick", "json"])]
        page: bool,
        /// Where to keep the data that is measured on: the disk matters
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
    /// Run the gateway and its peers through suites for HTTP, and write docs/conformance.md
    Conformance {
        /// One suite; without it all of them, and the page
        suite: Option<String>,
    },
    /// Look for bytes that break a parser, with libFuzzer
    Fuzz {
        /// Which target of fuzz/, or `all`
        target: String,
        /// How long each, without its build
        #[arg(long, value_name = "NUMBER", default_value_t = 60)]
        seconds: u32,
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
        Chore::Test { filter, keep_going } => run_suite(&suite::Wish { filter, keep_going }),
        Chore::Demo { seconds, lang, seed } => run_demo(&demo::Wish { seconds, language: lang, seed }),
        Chore::Bench { name, quick, json, page, data } => run_bench(&bench::Wish { name, quick, json, page, data }),
        Chore::Conformance { suite } => run_conformance(&conformance::Wish { suite }),
        Chore::Fuzz { target, seconds } => run_fuzz(&fuzz::Wish { target, seconds }),
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
