//! The benchmark of the gateway: what a request costs beside nginx, HAProxy, Envoy, Varnish and hyper alone.
//!
//! `cargo xtask bench gateway`, or a part of it: `homeostat-bench gateway --part cost --subject nginx,bare-inline`. All subjects of a
//! part run at once, each with one worker, in front of the same backend; rounds are interleaved, so that what else the machine does
//! meets all of them.

mod aims;
mod backend;
mod bare;
mod certificate;
mod cost;
mod files;
mod latency;
mod live;
mod load;
mod memory;
mod notes;
pub mod page;
mod parts;
mod pass;
mod subjects;

use std::collections::BTreeMap;

use anyhow::Result;

pub use self::backend::{BackendArguments, be_backend};
pub use self::bare::{BareArguments, be_bare};
use self::certificate::Certificate;
use self::parts::{Field, Length, Part};
use self::pass::Pass;
use self::subjects::SubjectKind;
use crate::Common;
use crate::machine::{Machine, library_version};
use crate::massive::child::Actor;
use crate::report::Report;

/// The name of this benchmark, and of its section on the page.
pub const NAME: &str = "gateway";

/// What the benchmark of the gateway takes.
#[derive(Debug, clap::Args)]
pub struct GatewayArguments {
    #[command(flatten)]
    pub common: Common,
    /// Measures only these subjects
    #[arg(long, value_delimiter = ',')]
    subject: Vec<SubjectKind>,
    /// Measures only these parts
    #[arg(long, value_delimiter = ',')]
    part: Vec<Part>,
    /// Makes as few requests as possible: shows that everything runs, and nothing about how fast
    #[arg(long, hide = true)]
    smoke: bool,
}

/// Measures what was asked for.
pub fn run(arguments: &GatewayArguments) -> Result<Report> {
    let quick = arguments.common.quick || arguments.smoke;
    let files = files::raise_limit();
    let kinds = if arguments.subject.is_empty() { subjects::ALL.to_vec() } else { arguments.subject.clone() };
    let mut versions = BTreeMap::from(["hyper", "tokio"].map(|name| (name.to_owned(), library_version(name))));
    let mut not_run = Vec::new();
    let found = subjects::find_all(&kinds, &mut versions, &mut not_run);
    let mut report = Report::new(NAME, quick, Machine::describe(&arguments.common.data_folder(), versions));
    report.not_run = not_run;
    report.notes = notes::notes();
    let sizes: Vec<String> = parts::BODIES.iter().map(|(bytes, _)| bytes.to_string()).collect();
    let (backend, ready): (_, backend::Ready) =
        Actor::start(&["gateway-backend".to_owned(), "--bodies".to_owned(), sizes.join(",")])?;
    let (certificate, pass) = (Certificate::make()?, Pass::make()?);
    let field = Field { found: &found, backend: ready.port, certificate: &certificate, pass: &pass, files };
    let length = Length::of(arguments.common.quick, arguments.smoke);
    let wanted = |part: &Part| arguments.part.is_empty() || arguments.part.contains(part);
    for part in Part::ALL.into_iter().filter(wanted) {
        part.measure(&field, &length, &mut report)?;
    }
    drop(backend);
    Ok(report)
}
