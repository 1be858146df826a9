//! `syndarix doctor`: what this machine has and lacks.

use crate::cli::Global;
use crate::doctor::{Verdict, examine, render};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Looks and tells; broken things make it fail.
pub(crate) async fn run(global: &Global, output: &Output) -> Result<Exit, Failure> {
    let findings = examine(global).await;
    if output.is_json() {
        output.document(&findings)?;
    } else {
        output.text(&render(&findings, output.color()))?;
    }
    let worst = findings.iter().map(|finding| finding.verdict).max();
    Ok(if worst == Some(Verdict::Fail) { Exit::Failed } else { Exit::Done })
}
