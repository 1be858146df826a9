//! The git tools. They run inside the confinement, so that whatever the worktree's own configuration names
//! stays there.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::catalog::{GitCommit, GitDiff, GitLog};
use super::command::Commands;
use crate::git::command::SETTINGS;

/// How long a git command may take.
const TIMEOUT: Duration = Duration::from_mins(2);

/// The trailer by which a repeated commit finds itself.
const TRAILER: &str = "Syndarix-Effect";

/// How many candidates a repeated commit looks at: `P/run-1#1.1` is also found in `P/run-1#1.10`.
const SEARCHED: &str = "-n100";

/// Commits shown when the call does not say.
const DEFAULT_LIMIT: u32 = 20;

/// The git tools of one worktree.
#[derive(Debug, Clone, Copy)]
pub(super) struct Git<'a> {
    pub(super) commands: &'a Commands,
    pub(super) cancelled: &'a CancellationToken,
}

impl Git<'_> {
    pub(super) async fn status(&self) -> Result<String, String> {
        let text = self.must(&["status", "--short", "--branch", "--untracked-files=all"]).await?;
        let changes = text.lines().filter(|line| !line.starts_with("##")).count();
        Ok(if changes == 0 { format!("{text}nothing to commit") } else { text })
    }

    pub(super) async fn diff(&self, call: &GitDiff) -> Result<String, String> {
        let base = self.commit_id(call.base.as_deref().unwrap_or("HEAD")).await?;
        // New files are part of what changed; `add --intent-to-add` makes git show them without staging.
        self.must(&["add", "--intent-to-add", "--all"]).await?;
        let text = self.must(&["diff", "--no-color", "--no-ext-diff", "--no-textconv", &base, "--"]).await?;
        Ok(if text.is_empty() { "no difference".into() } else { text })
    }

    pub(super) async fn log(&self, call: &GitLog) -> Result<String, String> {
        let count = format!("-n{}", call.limit.unwrap_or(DEFAULT_LIMIT));
        self.must(&["log", &count, "--no-color", "--date=iso-strict", "--format=%h %ad %an: %s"]).await
    }

    /// Commits everything. With the key of an effect that has committed before, finds that commit instead.
    pub(super) async fn commit(&self, call: &GitCommit, effect: Option<&str>) -> Result<String, String> {
        let message = call.message.trim();
        if message.is_empty() {
            return Err("`message` is empty; say what the change does".into());
        }
        if message.lines().any(|line| line.trim_start().starts_with(TRAILER)) {
            return Err(format!("`message` must not contain a line {TRAILER}"));
        }
        if let Some(effect) = effect
            && let Some(commit) = self.committed(effect).await?
        {
            return self.describe(&commit).await;
        }
        self.must(&["add", "--all"]).await?;
        if self.run(&["diff", "--cached", "--quiet", "HEAD", "--"]).await?.0 == 0 {
            return Err("there is nothing to commit".into());
        }
        let mut arguments =
            vec!["commit", "--quiet", "--no-verify", "--cleanup=whitespace", "--message", message];
        let trailer = effect.map(|effect| format!("{TRAILER}: {effect}"));
        if let Some(trailer) = &trailer {
            arguments.extend(["--trailer", trailer]);
        }
        self.must(&arguments).await?;
        self.describe("HEAD").await
    }

    async fn committed(&self, effect: &str) -> Result<Option<String>, String> {
        let format = format!("--format=%H %(trailers:key={TRAILER},valueonly,separator=%x20)");
        let grep = format!("--grep={TRAILER}: {effect}");
        let (code, text) = self.run(&["log", SEARCHED, "--fixed-strings", &grep, &format]).await?;
        if code != 0 {
            return Ok(None);
        }
        let found =
            text.lines().filter_map(|line| line.split_once(' ')).find(|(_, found)| found.trim() == effect);
        Ok(found.map(|(commit, _)| commit.to_owned()))
    }

    async fn describe(&self, commit: &str) -> Result<String, String> {
        self.must(&[
            "show",
            "--no-color",
            "--stat=80",
            "--format=committed %h on this branch: %s",
            commit,
            "--",
        ])
        .await
    }

    async fn commit_id(&self, revision: &str) -> Result<String, String> {
        let wanted = format!("{revision}^{{commit}}");
        let (code, text) =
            self.run(&["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted]).await?;
        if code == 0 {
            Ok(text.trim().to_owned())
        } else {
            Err(format!("there is no commit or branch `{revision}`"))
        }
    }

    async fn must(&self, arguments: &[&str]) -> Result<String, String> {
        let (code, text) = self.run(arguments).await?;
        if code == 0 { Ok(text) } else { Err(format!("git {} failed: {}", arguments[0], text.trim())) }
    }

    async fn run(&self, arguments: &[&str]) -> Result<(i32, String), String> {
        let settings = SETTINGS.iter().flat_map(|setting| ["-c", setting]);
        let arguments = settings.chain(arguments.iter().copied());
        let ran = self.commands.run("git", arguments, TIMEOUT, self.cancelled).await;
        let ran = ran.map_err(|error| format!("git could not be started: {error}"))?;
        match ran.end.stopped {
            Some(why) => Err(format!("git was {why}")),
            None => Ok((ran.end.exit_code, ran.output)),
        }
    }
}
