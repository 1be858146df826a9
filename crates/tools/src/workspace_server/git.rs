//! The git tools. They run inside the confinement, so that whatever the worktree's own configuration names
//! stays there.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::arguments::{GitCommit, GitDiff, GitLog};
use super::changes::Changes;
use super::command::Commands;
use super::place::Place;
use crate::git::Signature;
use crate::git::command::SETTINGS;
use crate::git::trailers::{self, EFFECT};

/// How long a git command may take.
const TIMEOUT: Duration = Duration::from_mins(2);

/// How many candidates a repeated commit looks at: `P/run-1#1.1` is also found in `P/run-1#1.10`.
const SEARCHED: &str = "-n100";

/// Commits shown when the call does not say.
const DEFAULT_LIMIT: u32 = 20;

/// The most files that are listed as left by commands; a folder in which everything is new counts as one.
const LISTED: usize = 20;

/// The most bytes of paths in one call of git: far below what a system takes as arguments.
const PATHS_BYTES: usize = 16 * 1024;

/// The git tools of one worktree.
#[derive(Debug, Clone, Copy)]
pub(super) struct Git<'a> {
    pub(super) commands: &'a Commands,
    pub(super) place: &'a Place,
    /// What the tools wrote, which is what of the new files is committed unasked.
    pub(super) changes: &'a Changes,
    pub(super) signature: &'a Signature,
    /// What a commit's message ends with, beside the key of its effect.
    pub(super) trailers: &'a [(String, String)],
    pub(super) cancelled: &'a CancellationToken,
}

impl Git<'_> {
    pub(super) async fn status(&self) -> Result<String, String> {
        let mut text = self.must(&["status", "--short", "--branch", "--untracked-files=no"]).await?;
        for path in self.new_files().await? {
            let _ = writeln!(text, "?? {path}");
        }
        if text.lines().all(|line| line.starts_with("##")) {
            text.push_str("nothing to commit");
        }
        Ok(with_leftovers(text, &self.leftovers().await?))
    }

    pub(super) async fn diff(&self, call: &GitDiff) -> Result<String, String> {
        let base = self.commit_id(call.base.as_deref().unwrap_or("HEAD")).await?;
        // New files are part of what changed; `add --intent-to-add` makes git show them without staging.
        self.on(&["add", "--intent-to-add"], &self.new_files().await?).await?;
        let text = self.must(&["diff", "--no-color", "--no-ext-diff", "--no-textconv", &base, "--"]).await?;
        let text = if text.is_empty() { "no difference".into() } else { text };
        Ok(with_leftovers(text, &self.leftovers().await?))
    }

    pub(super) async fn log(&self, call: &GitLog) -> Result<String, String> {
        let count = format!("-n{}", call.limit.unwrap_or(DEFAULT_LIMIT));
        self.must(&["log", &count, "--no-color", "--date=iso-strict", "--format=%h %ad %an: %s"]).await
    }

    /// Commits. With the key of an effect that has committed before, finds that commit instead.
    pub(super) async fn commit(&self, call: &GitCommit, effect: Option<&str>) -> Result<String, String> {
        let message = call.message.trim();
        if message.is_empty() {
            return Err("`message` is empty; say what the change does".into());
        }
        if let Some(line) = message.lines().find(|line| trailers::is_ours(line)) {
            return Err(format!("`message` must not contain the line `{}`: it is added", line.trim()));
        }
        if let Some(effect) = effect
            && let Some(commit) = self.committed(effect).await?
        {
            return self.describe(&commit).await;
        }
        let paths = call.paths.as_deref().map(|paths| self.named(paths)).transpose()?;
        self.ours(paths.as_deref()).await?;
        let written = self.new_files().await?;
        if let Some(paths) = &paths {
            self.add_named(paths).await?;
        } else {
            self.must(&["add", "--update"]).await?;
            self.on(&["add"], &written).await?;
        }
        let mut only = vec!["--"];
        only.extend(paths.iter().flatten().map(String::as_str));
        let mut look = vec!["diff", "--cached", "--quiet", "HEAD"];
        look.extend(&only);
        if self.run(&look).await?.0 == 0 {
            let text = "there is nothing to commit".to_owned();
            return Err(with_leftovers(text, &self.leftovers().await?));
        }
        let trailers: Vec<String> = (self.trailers.iter())
            .map(|(name, value)| format!("{name}: {}", value.replace(['\n', '\r'], " ")))
            .chain(effect.map(|effect| format!("{EFFECT}: {effect}")))
            .chain(self.signature.sign_off_trailer())
            .collect();
        let mut arguments =
            vec!["commit", "--quiet", "--no-verify", "--cleanup=whitespace", "--message", message];
        for trailer in &trailers {
            arguments.extend(["--trailer", trailer]);
        }
        arguments.extend(&only);
        self.must(&arguments).await?;
        let still_new = self.new_files().await?;
        let committed: Vec<String> = written.into_iter().filter(|path| !still_new.contains(path)).collect();
        self.changes.committed(self.place, &committed)?;
        self.describe("HEAD").await
    }

    /// The paths that a call names, as git takes them.
    fn named(&self, paths: &[String]) -> Result<Vec<String>, String> {
        if paths.is_empty() {
            return Err("`paths` is empty; name files or folders, or leave it out".into());
        }
        let relative = |path: &String| {
            let within = path
                .strip_prefix('/')
                .map_or(Some(Path::new(path)), |_| Path::new(path).strip_prefix(self.place.path()).ok());
            let outside = within.is_none_or(|path| {
                path.components().any(|part| matches!(part, std::path::Component::ParentDir))
            });
            match within {
                Some(within) if !outside => {
                    let within = within.to_string_lossy();
                    Ok(if within.is_empty() { ".".to_owned() } else { within.into_owned() })
                }
                _ => Err(format!("`{path}` is outside the worktree; give a path relative to it")),
            }
        };
        paths.iter().map(relative).collect()
    }

    /// Refuses to commit what this repository does not hold: files of submodules, and those in Git LFS. Where no path is
    /// named, that is looked for in what tools wrote and is still there.
    async fn ours(&self, paths: Option<&[String]>) -> Result<(), String> {
        let written;
        let paths = if let Some(paths) = paths {
            paths
        } else {
            written = self.written_and_there();
            &written
        };
        let modules = self.submodules().await?;
        for path in paths {
            if let Some(module) = modules.iter().find(|module| Path::new(path).starts_with(module)) {
                return Err(format!(
                    "{path} is in the submodule {module}, which is another repository: it cannot be committed here. \
                     Remove what is new there, or leave it out with `paths`"
                ));
            }
        }
        for part in parts(paths) {
            let mut arguments = vec!["check-attr", "-z", "filter", "--"];
            arguments.extend(part.iter().map(String::as_str));
            let said = self.must(&arguments).await?;
            let said: Vec<&str> = said.split('\0').collect();
            if let Some([path, ..]) = said.chunks(3).find(|said| matches!(said, [_, _, "lfs"])) {
                return Err(format!(
                    "{path} is kept in Git LFS, which is not here: it cannot be committed. Leave it out with `paths`, and \
                     say when you end what is to be put there"
                ));
            }
        }
        Ok(())
    }

    fn written_and_there(&self) -> Vec<String> {
        let is_there = |path: &String| self.place.path().join(path).symlink_metadata().is_ok();
        self.changes.written().into_iter().filter(is_there).collect()
    }

    /// The folders of submodules.
    async fn submodules(&self) -> Result<Vec<String>, String> {
        if !self.place.path().join(".gitmodules").is_file() {
            return Ok(Vec::new());
        }
        let paths = ["config", "--file", ".gitmodules", "-z", "--get-regexp", r"^submodule\..*\.path$"];
        let (_, said) = self.run(&paths).await?;
        Ok(entries(&said).filter_map(|entry| Some(entry.split_once('\n')?.1.to_owned())).collect())
    }

    async fn add_named(&self, paths: &[String]) -> Result<(), String> {
        self.on(&["add", "--all"], paths).await.map_err(|problem| {
            if problem.contains("did not match any files") {
                format!("{problem}; name files and folders that exist, or that git knows")
            } else if problem.contains("ignored by one of your .gitignore") {
                format!("{problem}; what .gitignore names is not committed")
            } else {
                problem
            }
        })
    }

    /// The files that tools wrote and git does not know yet, save what .gitignore names.
    async fn new_files(&self) -> Result<Vec<String>, String> {
        let written = self.changes.written();
        let mut found = Vec::new();
        for part in parts(&written) {
            let mut arguments = vec!["ls-files", "-z", "--others", "--exclude-standard", "--"];
            arguments.extend(part.iter().map(String::as_str));
            let listed = self.must(&arguments).await?;
            found.extend(entries(&listed).map(str::to_owned));
        }
        // Where a folder has taken the place of a file, what is in it was not written by a tool.
        found.retain(|path| written.contains(path));
        Ok(found)
    }

    /// New files that no tool wrote: what commands left. A folder stands for all that is in it, if nothing else is.
    async fn leftovers(&self) -> Result<Vec<String>, String> {
        let listed = self
            .must(&[
                "ls-files",
                "-z",
                "--others",
                "--exclude-standard",
                "--directory",
                "--no-empty-directory",
            ])
            .await?;
        let written = self.new_files().await?;
        let mut leftovers = Vec::new();
        for path in entries(&listed) {
            if path.ends_with('/') && written.iter().any(|file| file.starts_with(path)) {
                // New in part by a tool and in part by a command.
                let inner = ["ls-files", "-z", "--others", "--exclude-standard", "--", path];
                let inner = self.must(&inner).await?;
                leftovers.extend(entries(&inner).map(str::to_owned));
            } else {
                leftovers.push(path.to_owned());
            }
        }
        leftovers.retain(|path| !written.contains(path));
        Ok(leftovers)
    }

    async fn committed(&self, effect: &str) -> Result<Option<String>, String> {
        let format = format!("--format=%H %(trailers:key={EFFECT},valueonly,separator=%x20)");
        let grep = format!("--grep={EFFECT}: {effect}");
        let (code, text) = self.run(&["log", SEARCHED, "--fixed-strings", &grep, &format]).await?;
        if code != 0 {
            return Ok(None);
        }
        let found =
            text.lines().filter_map(|line| line.split_once(' ')).find(|(_, found)| found.trim() == effect);
        Ok(found.map(|(commit, _)| commit.to_owned()))
    }

    async fn describe(&self, commit: &str) -> Result<String, String> {
        let format = "--format=committed %h on this branch: %s";
        let text = self.must(&["show", "--no-color", "--stat=80", format, commit, "--"]).await?;
        Ok(with_leftovers(text, &self.leftovers().await?))
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

    /// Runs a git command on files, however many they are.
    async fn on(&self, command: &[&str], paths: &[String]) -> Result<(), String> {
        for part in parts(paths) {
            let mut arguments = command.to_vec();
            arguments.push("--");
            arguments.extend(part.iter().map(String::as_str));
            self.must(&arguments).await?;
        }
        Ok(())
    }

    async fn must(&self, arguments: &[&str]) -> Result<String, String> {
        let (code, text) = self.run(arguments).await?;
        if code == 0 { Ok(text) } else { Err(format!("git {} failed: {}", arguments[0], text.trim())) }
    }

    async fn run(&self, arguments: &[&str]) -> Result<(i32, String), String> {
        let settings = SETTINGS.iter().flat_map(|setting| ["-c", setting]);
        // A path is a path, whatever is in it.
        let arguments = settings.chain(["--literal-pathspecs"]).chain(arguments.iter().copied());
        let root = self.place.path();
        let ran = self.commands.run("git", arguments, root, TIMEOUT, self.cancelled).await;
        let ran = ran.map_err(|error| format!("git could not be started: {error}"))?;
        match ran.end.stopped {
            Some(why) => Err(format!("git was {why}")),
            None => Ok((ran.end.exit_code, ran.output)),
        }
    }
}

/// The paths in output that was asked for with `-z`; what was cut out of its middle is passed over.
fn entries(output: &str) -> impl Iterator<Item = &str> {
    output.split('\0').filter(|path| !path.is_empty() && !path.contains('\u{2026}'))
}

/// Paths in parts that fit into one call each.
fn parts(paths: &[String]) -> Vec<&[String]> {
    let mut parts = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (index, path) in paths.iter().enumerate() {
        if bytes > 0 && bytes + path.len() > PATHS_BYTES {
            parts.push(&paths[start..index]);
            (start, bytes) = (index, 0);
        }
        bytes += path.len() + 1;
    }
    if start < paths.len() {
        parts.push(&paths[start..]);
    }
    parts
}

/// An answer with what commands left, which is told so that it is neither forgotten nor committed by mistake.
fn with_leftovers(mut text: String, leftovers: &[String]) -> String {
    if leftovers.is_empty() {
        return text;
    }
    text.truncate(text.trim_end().len());
    text.push_str(
        "\n\nnew files that a command made, not committed unless `paths` of git_commit names them:\n",
    );
    for path in leftovers.iter().take(LISTED) {
        let _ = writeln!(text, "  {path}");
    }
    if leftovers.len() > LISTED {
        let _ = writeln!(text, "  … and {} more", leftovers.len() - LISTED);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_many_paths_there_are_they_come_in_parts_that_fit() {
        let paths: Vec<String> = (0..1_000).map(|index| format!("{index:0>100}")).collect();
        let parts = parts(&paths);
        assert!(parts.iter().all(|part| part.iter().map(String::len).sum::<usize>() <= PATHS_BYTES));
        assert_eq!(parts.concat(), paths);
        assert!(super::parts(&[]).is_empty());
        assert_eq!(super::parts(&["x".repeat(PATHS_BYTES * 2)]).len(), 1);
    }

    #[test]
    fn only_some_of_many_leftovers_are_listed() {
        let many: Vec<String> = (0..30).map(|index| index.to_string()).collect();
        let text = with_leftovers("done\n".into(), &many);
        assert!(text.starts_with("done\n\nnew files"), "{text}");
        assert!(text.ends_with("  19\n  … and 10 more\n"), "{text}");
        assert_eq!(with_leftovers("done\n".into(), &[]), "done\n");
    }
}
