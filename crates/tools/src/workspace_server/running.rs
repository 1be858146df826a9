//! A program that runs: how it is started, what it prints, and why it is stopped.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;

use super::disk::amount;
use super::sandbox;
use crate::launch;

/// How often it is looked whether a running program weighs too much.
pub(super) const WEIGH_INTERVAL: Duration = Duration::from_millis(100);

/// How much commands stand back for everything else on the machine.
const YIELDS: i32 = 5;

/// How long output may still come after everything was ended.
const DRAIN: Duration = Duration::from_secs(1);

/// The exit code reported for a command whose time ran out, as by `timeout(1)`.
const TIMED_OUT: i32 = 124;
/// The exit code reported for a program that could not be started, as by a shell.
pub(super) const NOT_STARTED: i32 = 127;

/// Why a program was not left to end by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    TimeUp(Duration),
    Cancelled,
    TooManyProcesses(usize),
    TooManyThreads(usize),
    /// Its processes hold more than this many bytes of memory.
    TooMuchMemory(u64),
    /// The worktree and the scratch folder hold more than this many bytes.
    DiskFull(u64),
}

impl Stop {
    pub(super) fn reason(self) -> String {
        match self {
            Self::TimeUp(timeout) => format!("stopped because its {} s were up", timeout.as_secs_f64()),
            Self::Cancelled => "stopped because the call was cancelled".into(),
            Self::TooManyProcesses(limit) => {
                format!("stopped because it started more than {limit} processes")
            }
            Self::TooManyThreads(limit) => format!("stopped because it started more than {limit} threads"),
            Self::TooMuchMemory(limit) => {
                let limit = amount(limit);
                format!(
                    "stopped because its processes held more than {limit} of memory, which is what they may"
                )
            }
            Self::DiskFull(allowance) => format!("stopped because {}", too_large(allowance)),
        }
    }

    /// Whether it becomes more while single processes are looked for.
    pub(super) fn multiplies(self) -> bool {
        matches!(self, Self::TooManyProcesses(_) | Self::TooManyThreads(_) | Self::TooMuchMemory(_))
    }

    /// Whether it is given time to end by itself; not where it multiplies or fills the disk meanwhile.
    fn asks(self) -> bool {
        matches!(self, Self::TimeUp(_) | Self::Cancelled)
    }
}

pub(super) fn too_large(allowance: u64) -> String {
    let allowed = amount(allowance);
    format!("the worktree and the scratch folder hold more than {allowed} now; delete what is not needed")
}

/// A program that was started, and what it prints.
pub(super) struct Running {
    pub(super) child: tokio::process::Child,
    pub(super) leader: Option<Pid>,
    pub(super) output: Output,
}

impl Running {
    /// Starts a program in a group of its own, with both streams in one pipe.
    pub(super) fn start(
        program: impl AsRef<OsStr>,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
        folder: &Path,
        environment: &[(OsString, OsString)],
    ) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        let mut command = tokio::process::Command::new(program);
        command
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .process_group(0)
            .kill_on_drop(true);
        let child = spawn_apart(command)?;
        let leader = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        Ok(Self { child, leader, output: Output::new(reader)? })
    }

    /// Asks the group to end, and ends it when it does not in time.
    pub(super) async fn stop(
        &mut self,
        stop: Stop,
        grace: Duration,
        mut take: impl FnMut(&[u8]),
    ) -> Option<ExitStatus> {
        if stop.asks() {
            self.signal(Signal::TERM);
            let grace = tokio::time::sleep(grace);
            tokio::pin!(grace);
            loop {
                tokio::select! {
                    ended = self.child.wait() => return ended.ok(),
                    bytes = self.output.read(), if !self.output.ended => take(bytes),
                    () = &mut grace => break,
                }
            }
        }
        self.signal(Signal::KILL);
        self.child.wait().await.ok()
    }

    fn signal(&self, signal: Signal) {
        if let Some(leader) = self.leader {
            let _ = rustix::process::kill_process_group(leader, signal);
        }
    }
}

/// The reading end of a program's output.
pub(super) struct Output {
    pipe: pipe::Receiver,
    buffer: Vec<u8>,
    pub(super) ended: bool,
}

impl Output {
    fn new(reader: io::PipeReader) -> io::Result<Self> {
        let pipe = pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?;
        Ok(Self { pipe, buffer: vec![0; 64 * 1024], ended: false })
    }

    /// Waits for the next part.
    pub(super) async fn read(&mut self) -> &[u8] {
        let length = self.pipe.read(&mut self.buffer).await.unwrap_or(0);
        self.ended = length == 0;
        &self.buffer[..length]
    }

    /// Takes what is still in the pipe.
    pub(super) async fn drain(&mut self, mut take: impl FnMut(&[u8])) {
        let _ = tokio::time::timeout(DRAIN, async {
            while !self.ended {
                take(self.read().await);
            }
        })
        .await;
    }
}

/// Starts a program from a thread that is confined further, and ends with it. The command holds the writing ends of
/// the pipe, which must close for the output to end.
fn spawn_apart(mut command: tokio::process::Command) -> io::Result<tokio::process::Child> {
    let runtime = tokio::runtime::Handle::current();
    let starting = std::thread::spawn(move || {
        sandbox::apart().map_err(io::Error::other)?;
        // A thread's own, which what it starts has too: whoever watches it is not to wait behind it.
        let _ = rustix::process::nice(YIELDS);
        let _entered = runtime.enter();
        command.spawn()
    });
    starting.join().map_err(|_| io::Error::other("the thread that starts it ended"))?
}

/// The exit code of a program that ended, or was stopped.
pub(super) fn exit_code(status: Option<ExitStatus>, stop: Option<Stop>) -> i32 {
    match (stop, status) {
        (Some(Stop::TimeUp(_)), _) => TIMED_OUT,
        (_, None) => NOT_STARTED,
        (_, Some(status)) => {
            status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(NOT_STARTED)
        }
    }
}

/// Why a program could not be started, and what to do about it.
pub(super) fn not_started(program: &str, error: &io::Error) -> (String, String) {
    let reason = launch::reason(error);
    let hint = if program.contains(' ') {
        "; a list takes the program and each argument as separate items, a single text is run by a shell"
    } else {
        ""
    };
    let text = format!("`{program}` could not be started: {reason}{hint}");
    (reason, text)
}
