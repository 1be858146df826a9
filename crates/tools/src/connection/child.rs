//! A server as a child process: its own group, an environment of its own, and its last words.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions};
use tokio::io::AsyncReadExt as _;
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

/// How much of standard error is kept.
const STDERR_BYTES: usize = 4 * 1024;

/// How long a server has to end after its input ended and SIGTERM came, before SIGKILL. Longer than a
/// command's own grace, since the workspace server first ends its commands.
const END_GRACE: Duration = Duration::from_secs(5);

/// How long a failed server's end, or its last words, are waited for.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// How to start a server. It makes itself the first of a session, and so of a group, as [`crate::launch`] does.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    pub(crate) path: PathBuf,
    pub(crate) args: Vec<OsString>,
    /// The whole environment.
    pub(crate) env: Vec<(OsString, OsString)>,
    pub(crate) folder: Option<PathBuf>,
}

/// A running server. Dropping it ends it in the background.
#[derive(Debug)]
pub(super) struct Child {
    process: Option<tokio::process::Child>,
    /// Its own id, which is that of the group it leads as soon as it has begun.
    group: Option<Pid>,
    kept: Arc<Mutex<VecDeque<u8>>>,
    reading: Arc<tokio::sync::Mutex<JoinHandle<()>>>,
}

pub(super) fn spawn(program: &Program) -> std::io::Result<(Child, ChildStdout, ChildStdin)> {
    let mut command = Command::new(&program.path);
    command
        .args(&program.args)
        .env_clear()
        .envs(program.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if let Some(folder) = &program.folder {
        command.current_dir(folder);
    }
    let mut process = command.spawn()?;
    let missing = || std::io::Error::other("a standard stream is missing");
    let input = process.stdin.take().ok_or_else(missing)?;
    let output = process.stdout.take().ok_or_else(missing)?;
    let mut errors = process.stderr.take().ok_or_else(missing)?;
    let kept = Arc::new(Mutex::new(VecDeque::new()));
    let keep = Arc::clone(&kept);
    let reading = tokio::spawn(async move {
        let mut buffer = vec![0; STDERR_BYTES];
        while let Ok(length @ 1..) = errors.read(&mut buffer).await {
            let mut kept = keep.lock();
            kept.extend(&buffer[..length]);
            let excess = kept.len().saturating_sub(STDERR_BYTES);
            kept.drain(..excess);
        }
    });
    let group = process.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    let reading = Arc::new(tokio::sync::Mutex::new(reading));
    Ok((Child { process: Some(process), group, kept, reading }, output, input))
}

impl Child {
    /// Whether it has ended, be it noticed otherwise or not.
    pub(super) fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        match self.group.map(|id| rustix::process::waitid(WaitId::Pid(id), options)) {
            Some(Ok(status)) => status.is_some(),
            // Someone has taken note of its end already.
            Some(Err(error)) => error == Errno::CHILD,
            None => true,
        }
    }

    /// How it ended, if it ends within a moment.
    pub(super) async fn ended_shortly(&mut self) -> Option<String> {
        let process = self.process.as_mut()?;
        let status = tokio::time::timeout(LAST_WORDS, process.wait()).await.ok()?.ok()?;
        Some(format!("it ended at once ({status})"))
    }

    /// The end of what it printed to standard error.
    pub(super) async fn stderr(&self) -> String {
        let mut reading = self.reading.lock().await;
        if !reading.is_finished() {
            let _ = tokio::time::timeout(LAST_WORDS, &mut *reading).await;
        }
        let bytes: Vec<u8> = self.kept.lock().iter().copied().collect();
        String::from_utf8_lossy(&bytes).trim().to_owned()
    }

    /// Ends it and everything in its group.
    pub(super) async fn end(mut self) {
        if let Some(process) = self.process.take() {
            end(process, self.group).await;
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let Some(process) = self.process.take() else { return };
        let group = self.group;
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(end(process, group))),
            Err(_) => signal(group, Signal::TERM),
        }
    }
}

async fn end(mut process: tokio::process::Child, group: Option<Pid>) {
    signal(group, Signal::TERM);
    if tokio::time::timeout(END_GRACE, process.wait()).await.is_err() {
        signal(group, Signal::KILL);
        let _ = process.wait().await;
    }
    // What it left behind in its group.
    signal(group, Signal::KILL);
}

fn signal(group: Option<Pid>, signal: Signal) {
    let Some(group) = group else { return };
    if rustix::process::kill_process_group(group, signal).is_err() {
        // It leads none yet; or it is gone, and nobody else has its number, since nobody has taken note of its end.
        let _ = rustix::process::kill_process(group, signal);
    }
}
