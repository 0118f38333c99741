//! Has allocations counted by the program that has an allocator for it, and takes its word for them.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use policy_subjects::Counted;

use super::Length;
use crate::report::Report;

/// The program that counts, beside this one.
const PROGRAM: &str = "homeostat-bench-allocations";

/// Allocations a call, and bytes an endpoint.
pub fn allocations(report: &mut Report, length: &Length) -> Result<()> {
    let program = std::env::current_exe()?.with_file_name(PROGRAM);
    let mut command = Command::new(&program);
    command.args([length.counted.to_string(), length.held.to_string(), length.only.clone()]);
    let output = command.output().with_context(|| format!("running {}", program.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{} failed: {said}", program.display());
    let counted: Vec<Counted> = serde_json::from_slice(&output.stdout).context("reading what was counted")?;
    for Counted { subject, case, metric, unit, value } in counted {
        report.add(&subject, &case, &metric, &unit, &[value]);
    }
    Ok(())
}
