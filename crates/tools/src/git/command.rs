//! Running `git` so that nothing but its arguments and the repository decides what it does.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::AsyncWriteExt as _;

use super::durable;
use super::error::Error;
use super::identity::Signature;

/// Settings of every call: no hooks, no programs named in configuration, no background work.
pub(crate) const SETTINGS: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "core.quotePath=false",
    "core.pager=cat",
    "commit.gpgSign=false",
    "tag.gpgSign=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "protocol.file.allow=always",
    "fetch.recurseSubmodules=false",
    "fetch.fsckObjects=true",
    "merge.renames=true",
    "safe.directory=*",
];

/// Environment of every call: no system or user configuration, no prompt, no transport but files, English.
pub(crate) const ENVIRONMENT: &[(&str, &str)] = &[
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_ATTR_NOSYSTEM", "1"),
    ("GIT_TERMINAL_PROMPT", "0"),
    ("GIT_OPTIONAL_LOCKS", "0"),
    ("GIT_NO_REPLACE_OBJECTS", "1"),
    ("GIT_NO_LAZY_FETCH", "1"),
    ("GIT_ALLOW_PROTOCOL", "file"),
    ("GIT_EDITOR", "true"),
    ("LC_ALL", "C"),
];

/// How a call of git ended, whatever its exit code.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) code: Option<i32>,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: String,
}

impl Ended {
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).trim_end().to_owned()
    }

    /// The entries of output that was asked for with `-z`.
    pub(super) fn entries(&self) -> Vec<String> {
        self.stdout
            .split(|byte| *byte == 0)
            .filter(|entry| !entry.is_empty())
            .map(|entry| String::from_utf8_lossy(entry).into_owned())
            .collect()
    }
}

/// One folder to run git in, and whose commits it makes there.
#[derive(Debug, Clone)]
pub(super) struct Git {
    pub(super) path: PathBuf,
    pub(super) signature: Signature,
    /// The index to use instead of the work tree's own.
    pub(super) index: Option<PathBuf>,
    /// Whether what it writes is to be on the disk when it ends.
    pub(super) durable: bool,
}

impl Git {
    pub(super) fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), signature: Signature::SHELL, index: None, durable: false }
    }

    /// The same in a folder whose files are to last: the folders of what it writes are [`durable::sync`]'s to sync.
    pub(super) fn durable(path: impl Into<PathBuf>) -> Self {
        Self { durable: true, ..Self::at(path) }
    }

    /// Runs git and returns how it ended.
    pub(super) async fn run<S: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = S>,
    ) -> Result<Ended, Error> {
        self.run_with(Vec::new(), args).await
    }

    /// Runs git with something to read, and returns how it ended.
    pub(super) async fn run_with<S: AsRef<OsStr>>(
        &self,
        input: Vec<u8>,
        args: impl IntoIterator<Item = S>,
    ) -> Result<Ended, Error> {
        let mut command = tokio::process::Command::new("git");
        command.env_clear();
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command.envs(ENVIRONMENT.iter().copied()).envs(self.signature.environment());
        if let Some(index) = &self.index {
            command.env("GIT_INDEX_FILE", index);
        }
        for setting in SETTINGS.iter().chain(self.durable.then_some(durable::SETTINGS).into_iter().flatten())
        {
            command.arg("-c").arg(setting);
        }
        command
            .args(args)
            .current_dir(&self.path)
            .stdin(if input.is_empty() { Stdio::null() } else { Stdio::piped() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| self.not_started(error))?;
        if let Some(mut stdin) = child.stdin.take() {
            // Beside the reading, or both would wait for each other. What git does not read it says itself.
            tokio::spawn(async move { stdin.write_all(&input).await });
        }
        let output = child.wait_with_output().await.map_err(|error| self.not_started(error))?;
        Ok(Ended {
            code: output.status.code(),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }

    /// Runs git and demands that it succeeds.
    pub(super) async fn must<S: AsRef<OsStr>>(
        &self,
        args: impl IntoIterator<Item = S>,
    ) -> Result<Ended, Error> {
        let args: Vec<S> = args.into_iter().collect();
        let command = args.first().map(|arg| arg.as_ref().to_string_lossy().into_owned()).unwrap_or_default();
        let ended = self.run(&args).await?;
        self.expect_success(&command, ended)
    }

    pub(super) fn expect_success(&self, command: &str, ended: Ended) -> Result<Ended, Error> {
        if ended.code == Some(0) { Ok(ended) } else { Err(self.failed(command, &ended)) }
    }

    pub(super) fn failed(&self, command: &str, ended: &Ended) -> Error {
        Error::Failed { command: command.to_owned(), path: self.path.clone(), stderr: ended.stderr.clone() }
    }

    /// The commit a revision names.
    pub(super) async fn commit(&self, revision: &str) -> Result<String, Error> {
        let wanted = format!("{revision}^{{commit}}");
        let ended = self.run(["rev-parse", "--verify", "--quiet", "--end-of-options", &wanted]).await?;
        if ended.code == Some(0) {
            Ok(ended.text())
        } else {
            Err(Error::UnknownRevision { revision: revision.to_owned(), path: self.path.clone() })
        }
    }

    /// The commit at a branch's tip, if there is such a branch.
    pub(super) async fn tip(&self, branch: &str) -> Result<Option<String>, Error> {
        match self.commit(&format!("refs/heads/{branch}")).await {
            Ok(commit) => Ok(Some(commit)),
            Err(Error::UnknownRevision { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn is_ancestor(&self, ancestor: &str, descendant: &str) -> Result<bool, Error> {
        let ended = self.run(["merge-base", "--is-ancestor", ancestor, descendant]).await?;
        match ended.code {
            Some(0) => Ok(true),
            Some(1) => Ok(false),
            _ => Err(self.failed("merge-base", &ended)),
        }
    }

    fn not_started(&self, error: std::io::Error) -> Error {
        if self.path.is_dir() { Error::GitMissing(error) } else { Error::NotARepository(self.path.clone()) }
    }
}

/// Refuses names that are not branches, above all those that look like options.
pub(super) fn branch_name(name: &str) -> Result<&str, Error> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'/' | b'.' | b'#');
    let valid = !name.is_empty()
        && name.bytes().all(allowed)
        && !name.starts_with('-')
        && name.split('/').all(|part| {
            !part.is_empty()
                && !part.starts_with('.')
                && !part.ends_with('.')
                && !Path::new(part)
                    .extension()
                    .is_some_and(|extension| extension.eq_ignore_ascii_case("lock"))
                && !part.contains("..")
        });
    if valid { Ok(name) } else { Err(Error::BranchName(name.to_owned())) }
}

pub(super) fn path_error(path: &Path) -> impl FnOnce(std::io::Error) -> Error + '_ {
    move |source| Error::Path { path: path.to_owned(), source }
}
