//! What the machine has and lacks: each part is looked at by itself and says what to do where something is
//! missing.
//!
//! - [`machine`]: programs, confinement, the clock.
//! - [`data`]: the data directory.
//! - [`reach`]: models and MCP servers.

mod data;
mod machine;
mod reach;

use std::path::Path;

use serde::Serialize;
use syndarix_tools::workspace_server::Isolation;

use crate::cli::Global;
use crate::config;
use crate::service::host::{launcher, work_directory};

/// How one thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// As it should be.
    Ok,
    /// Syndarix works, but not everything does.
    Warn,
    /// Syndarix does not work like this.
    Fail,
}

/// What was found about one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was looked at.
    pub(crate) subject: String,
    /// How it stands.
    pub(crate) verdict: Verdict,
    /// What was found.
    pub(crate) detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hint: Option<String>,
}

impl Finding {
    fn ok(subject: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { subject: subject.into(), verdict: Verdict::Ok, detail: detail.into(), hint: None }
    }

    fn warn(subject: impl Into<String>, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            verdict: Verdict::Warn,
            detail: detail.into(),
            hint: Some(hint.into()),
        }
    }

    fn fail(subject: impl Into<String>, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fail, ..Self::warn(subject, detail, hint) }
    }
}

/// Looks at everything.
pub(crate) async fn examine(global: &Global) -> Vec<Finding> {
    let mut findings = machine::examine(isolation(&global.data_dir).await);
    findings.extend(data::examine(&global.data_dir).await);
    match config::load(global.config.as_deref()) {
        Ok(config) => {
            let from = config
                .path
                .as_ref()
                .map_or_else(|| "no syndarix.toml".to_owned(), |path| path.display().to_string());
            findings.push(Finding::ok("configuration", from));
            findings.extend(reach::examine(&config).await);
        }
        Err(failure) => {
            findings.push(Finding::fail("configuration", failure.chain(), "see `syndarix config check`"));
        }
    }
    findings
}

/// Whether commands can have a root of their own where they would work.
async fn isolation(data_dir: &Path) -> Isolation {
    let data_dir = std::path::absolute(data_dir).unwrap_or_else(|_| data_dir.to_owned());
    let folder = work_directory(&data_dir, &config::process_environment);
    // Nothing is made where nobody works yet: what is above it is on the same file system.
    let there = folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(&folder);
    match launcher() {
        Ok(launcher) => launcher.isolation(there).await,
        Err(failure) => Isolation { missing: Some(failure.chain()), processes_missing: None },
    }
}

/// The findings as text.
pub(crate) fn render(findings: &[Finding], color: bool) -> String {
    let width = findings.iter().map(|finding| finding.subject.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for finding in findings {
        let (word, paint) = match finding.verdict {
            Verdict::Ok => ("ok  ", "\u{1b}[32m"),
            Verdict::Warn => ("warn", "\u{1b}[33m"),
            Verdict::Fail => ("fail", "\u{1b}[31m"),
        };
        let word = if color { format!("{paint}{word}\u{1b}[0m") } else { word.to_owned() };
        text.push_str(&format!("{word}  {:<width$}  {}\n", finding.subject, finding.detail));
        if let Some(hint) = &finding.hint {
            text.push_str(&format!("      {:<width$}  hint: {hint}\n", ""));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn findings_line_up() {
        let findings = [
            Finding::ok("git", "2.47.2"),
            Finding::warn("ollama", "it does not answer", "start it"),
            Finding::fail("data directory", "it cannot be written to", "choose another --data-dir"),
        ];
        expect![[r#"
            ok    git             2.47.2
            warn  ollama          it does not answer
                                  hint: start it
            fail  data directory  it cannot be written to
                                  hint: choose another --data-dir
        "#]]
        .assert_eq(&render(&findings, false));
    }
}
