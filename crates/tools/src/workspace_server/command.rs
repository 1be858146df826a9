//! Running a program: bounded in time, output and processes, and ended with everything it started.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;
use tokio_util::sync::CancellationToken;

use super::answer::{Answer, CommandEnd};
use super::catalog::RunCommand;
use super::disk::{Disk, amount};
use super::options::Limits;
use super::processes::Census;
use super::{processes, sandbox};
use crate::bounded::HeadAndTail;

/// How often it is looked whether a running command has too many processes.
const COUNT_INTERVAL: Duration = Duration::from_millis(100);

/// How long output may still come after everything was ended.
const DRAIN: Duration = Duration::from_secs(1);

/// The exit code reported for a command whose time ran out, as by `timeout(1)`.
const TIMED_OUT: i32 = 124;
/// The exit code reported for a program that could not be started, as by a shell.
const NOT_STARTED: i32 = 127;

/// Where commands run, one at a time: so that what is left below the server belongs to the one that ran.
#[derive(Debug)]
pub(super) struct Commands {
    pub(super) root: PathBuf,
    pub(super) environment: Vec<(OsString, OsString)>,
    pub(super) disk: Disk,
    pub(super) limits: Limits,
    pub(super) one_at_a_time: tokio::sync::Mutex<()>,
}

/// Why a command was not left to end by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    TimeUp,
    Cancelled,
    TooManyProcesses,
    DiskFull,
}

/// How a program ended.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) end: CommandEnd,
    pub(super) output: String,
}

impl Commands {
    /// Runs what a model asked for.
    pub(super) async fn run_command(&self, call: &RunCommand, cancelled: &CancellationToken) -> Answer {
        let Some((program, arguments)) = call.command.split_first() else {
            return Answer::error("`command` is empty; its first item is the program");
        };
        if call.command.iter().any(|part| part.contains('\0')) {
            return Answer::error("`command` must not contain zero bytes");
        }
        let asked =
            call.timeout_s.map_or(self.limits.command_timeout_ms, |seconds| seconds.saturating_mul(1000));
        let timeout = Duration::from_millis(asked.min(self.limits.command_timeout_max_ms));
        match self.run(program, arguments, timeout, cancelled).await {
            Ok(ran) => {
                let stopped = ran.end.stopped.as_ref().map(|why| format!(", {why}")).unwrap_or_default();
                let seconds = ran.end.duration_ms as f64 / 1000.0;
                let text =
                    format!("exit code {} after {seconds:.1} s{stopped}\n{}", ran.end.exit_code, ran.output);
                Answer { text, is_error: ran.end.stopped.is_some(), command: Some(ran.end) }
            }
            Err(error) => {
                let reason = match error.kind() {
                    io::ErrorKind::NotFound => "there is no such program".to_owned(),
                    io::ErrorKind::PermissionDenied => "it may not be run".to_owned(),
                    _ => error.to_string(),
                };
                let hint = if program.contains(' ') {
                    "; `command` takes the program and each argument as separate items"
                } else {
                    ""
                };
                let text = format!("`{program}` could not be started: {reason}{hint}");
                let end = CommandEnd {
                    exit_code: NOT_STARTED,
                    duration_ms: 0,
                    output_bytes: 0,
                    stopped: Some(reason),
                };
                Answer { text, is_error: true, command: Some(end) }
            }
        }
    }

    /// Runs a program and ends what it leaves behind.
    pub(super) async fn run(
        &self,
        program: impl AsRef<OsStr>,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
        timeout: Duration,
        cancelled: &CancellationToken,
    ) -> io::Result<Ran> {
        let _turn = self.one_at_a_time.lock().await;
        let (reader, writer) = io::pipe()?;
        let mut command = tokio::process::Command::new(program);
        command
            .args(arguments)
            .current_dir(&self.root)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(writer.try_clone()?)
            .stderr(writer)
            .process_group(0)
            .kill_on_drop(true);
        let allowance = self.disk.allowance().await;
        let mut census = Census::new(self.limits.processes);
        let started = Instant::now();
        let mut child = spawn_apart(command)?;
        let group = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        let mut output = Output::new(reader, self.limits.output_bytes)?;

        let mut count = tokio::time::interval(COUNT_INTERVAL);
        let deadline = tokio::time::sleep(timeout);
        let filled = self.disk.exceeds(allowance);
        tokio::pin!(deadline, filled);
        let stop = loop {
            tokio::select! {
                ended = child.wait() => break Err(ended?),
                () = output.read(), if !output.ended => {}
                () = &mut deadline => break Ok(Stop::TimeUp),
                () = cancelled.cancelled() => break Ok(Stop::Cancelled),
                _ = &mut filled => break Ok(Stop::DiskFull),
                _ = count.tick() => {
                    if census.exceeded() {
                        break Ok(Stop::TooManyProcesses);
                    }
                }
            }
        };
        let (status, stop) = match stop {
            Err(status) => (Some(status), None),
            Ok(stop) => (self.stop(&mut child, group, &mut output, stop).await, Some(stop)),
        };
        processes::sweep().await;
        output.drain().await;
        // What was quicker than anyone looked.
        let too_much = self.disk.exceeded(allowance).await.is_some();
        let end = CommandEnd {
            exit_code: match stop {
                Some(Stop::TimeUp) => TIMED_OUT,
                _ => status.map_or(NOT_STARTED, exit_code),
            },
            duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            output_bytes: output.kept.total(),
            stopped: match stop {
                Some(Stop::TimeUp) => {
                    Some(format!("stopped because its {} s were up", timeout.as_secs_f64()))
                }
                Some(Stop::Cancelled) => Some("stopped because the call was cancelled".to_owned()),
                Some(Stop::TooManyProcesses) => {
                    Some(format!("stopped because it started more than {} processes", self.limits.processes))
                }
                Some(Stop::DiskFull) => Some(format!("stopped because {}", too_large(allowance))),
                None if too_much => Some(format!("but {}", too_large(allowance))),
                None => None,
            },
        };
        Ok(Ran { end, output: output.kept.into_text() })
    }

    /// Asks the group to end, and ends it when it does not; at once where it multiplies or fills the disk.
    async fn stop(
        &self,
        child: &mut tokio::process::Child,
        group: Option<Pid>,
        output: &mut Output,
        stop: Stop,
    ) -> Option<ExitStatus> {
        let signal = |signal| {
            if let Some(group) = group {
                let _ = rustix::process::kill_process_group(group, signal);
            }
        };
        if !matches!(stop, Stop::TooManyProcesses | Stop::DiskFull) {
            signal(Signal::TERM);
            let grace = tokio::time::sleep(Duration::from_millis(self.limits.kill_grace_ms));
            tokio::pin!(grace);
            loop {
                tokio::select! {
                    ended = child.wait() => return ended.ok(),
                    () = output.read(), if !output.ended => {}
                    () = &mut grace => break,
                }
            }
        }
        signal(Signal::KILL);
        child.wait().await.ok()
    }
}

/// The reading end of a command's output.
struct Output {
    pipe: pipe::Receiver,
    buffer: Vec<u8>,
    kept: HeadAndTail,
    ended: bool,
}

impl Output {
    fn new(reader: io::PipeReader, limit: usize) -> io::Result<Self> {
        let pipe = pipe::Receiver::from_owned_fd(OwnedFd::from(reader))?;
        Ok(Self { pipe, buffer: vec![0; 64 * 1024], kept: HeadAndTail::new(limit), ended: false })
    }

    async fn read(&mut self) {
        match self.pipe.read(&mut self.buffer).await {
            Ok(0) | Err(_) => self.ended = true,
            Ok(length) => self.kept.push(&self.buffer[..length]),
        }
    }

    /// Takes what is still in the pipe.
    async fn drain(&mut self) {
        let _ = tokio::time::timeout(DRAIN, async {
            while !self.ended {
                self.read().await;
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
        let _entered = runtime.enter();
        command.spawn()
    });
    starting.join().map_err(|_| io::Error::other("the thread that starts it ended"))?
}

fn too_large(allowance: u64) -> String {
    let allowed = amount(allowance);
    format!("the worktree and the scratch folder hold more than {allowed} now; delete what is not needed")
}

fn exit_code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(NOT_STARTED)
}
