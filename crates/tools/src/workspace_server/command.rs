//! Running a program: bounded in time, output and processes, and ended with everything it started.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use super::answer::{Answer, CommandEnd};
use super::arguments::{RunCommand, RunTest};
use super::disk::Disk;
use super::options::{Limits, TestCommand};
use super::place::Place;
use super::processes::{self, Spared, Whose};
use super::running::{NOT_STARTED, Running, Stop, WEIGH_INTERVAL, exit_code, not_started, too_large};
use super::test_command;
use super::weight::{Allowed, Scales};
use crate::bounded::HeadAndTail;

/// Where commands run, one at a time: so that what is left below the server belongs to the one that ran.
#[derive(Debug)]
pub(super) struct Commands {
    pub(super) environment: Vec<(OsString, OsString)>,
    pub(super) disk: Disk,
    pub(super) limits: Limits,
    /// What each may weigh.
    pub(super) allowed: Allowed,
    /// Whether the only processes that the server may signal are below it.
    pub(super) alone: bool,
    /// How single tests are run, where that is known.
    pub(super) single_tests: Vec<TestCommand>,
    pub(super) one_at_a_time: tokio::sync::Mutex<()>,
    /// What goes on running between commands.
    pub(super) spared: Spared,
}

/// How a program ended.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) end: CommandEnd,
    pub(super) output: String,
}

impl Commands {
    /// Runs what a model asked for.
    pub(super) async fn run_command(
        &self,
        place: &Place,
        call: &RunCommand,
        cancelled: &CancellationToken,
    ) -> Result<Answer, String> {
        let folder = folder(place, call.folder.as_deref())?;
        self.answer(&call.command, &folder, call.timeout_s, cancelled).await
    }

    /// Runs the tests of one file, or one of them.
    pub(super) async fn run_test(
        &self,
        place: &Place,
        call: &RunTest,
        cancelled: &CancellationToken,
    ) -> Result<Answer, String> {
        let real = place.real(&call.path)?;
        let path = real.strip_prefix(place.path()).unwrap_or(&real).to_string_lossy();
        let Some((known, path)) = test_command::of_file(&self.single_tests, &path) else {
            return Err(format!("how one test of {path} is run is not known here; use run_command"));
        };
        let command = test_command::filled(&known.command, path, call.name.as_deref())?;
        let folder = place.path().join(&known.folder);
        let mut answer = self.answer(&command, &folder, call.timeout_s, cancelled).await?;
        answer.text = format!("{}: {}", command.join(" "), answer.text);
        Ok(answer)
    }

    async fn answer(
        &self,
        command: &[String],
        folder: &Path,
        timeout_s: Option<u64>,
        cancelled: &CancellationToken,
    ) -> Result<Answer, String> {
        let (program, arguments) = program(command)?;
        let asked = timeout_s.map_or(self.limits.command_timeout_ms, |seconds| seconds.saturating_mul(1000));
        let timeout = Duration::from_millis(asked.min(self.limits.command_timeout_max_ms));
        Ok(match self.run(program, arguments, folder, timeout, cancelled).await {
            Ok(ran) => {
                let stopped = ran.end.stopped.as_ref().map(|why| format!(", {why}")).unwrap_or_default();
                let seconds = ran.end.duration_ms as f64 / 1000.0;
                let text =
                    format!("exit code {} after {seconds:.1} s{stopped}\n{}", ran.end.exit_code, ran.output);
                Answer { text, is_error: ran.end.stopped.is_some(), command: Some(ran.end) }
            }
            Err(error) => {
                let (reason, text) = not_started(program, &error);
                let end = CommandEnd {
                    exit_code: NOT_STARTED,
                    duration_ms: 0,
                    output_bytes: 0,
                    stopped: Some(reason),
                };
                Answer { text, is_error: true, command: Some(end) }
            }
        })
    }

    /// Where there is no time to look for single processes, everything is ended, what goes on running between commands too.
    pub(super) fn end_what_multiplies(&self, stop: Stop) {
        if self.alone && stop.multiplies() {
            processes::end_all();
        }
    }

    /// Runs a program and ends what it leaves behind.
    pub(super) async fn run(
        &self,
        program: impl AsRef<OsStr>,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
        folder: &Path,
        timeout: Duration,
        cancelled: &CancellationToken,
    ) -> io::Result<Ran> {
        let _turn = self.one_at_a_time.lock().await;
        let allowance = self.disk.allowance().await;
        let mut scales = Scales::new(Whose::Command(self.spared.clone()), self.allowed);
        let started = Instant::now();
        let mut running = Running::start(program, arguments, folder, &self.environment)?;
        let mut kept = HeadAndTail::new(self.limits.output_bytes);

        let mut weigh = tokio::time::interval(WEIGH_INTERVAL);
        let deadline = tokio::time::sleep(timeout);
        let filled = self.disk.exceeds(allowance);
        tokio::pin!(deadline, filled);
        let stop = loop {
            tokio::select! {
                ended = running.child.wait() => break Err(ended?),
                bytes = running.output.read(), if !running.output.ended => kept.push(bytes),
                () = &mut deadline => break Ok(Stop::TimeUp(timeout)),
                () = cancelled.cancelled() => break Ok(Stop::Cancelled),
                _ = &mut filled => break Ok(Stop::DiskFull(allowance)),
                _ = weigh.tick() => {
                    if let Some(stop) = scales.exceeded() {
                        break Ok(stop);
                    }
                }
            }
        };
        let (status, stop) = match stop {
            Err(status) => (Some(status), None),
            Ok(stop) => {
                self.end_what_multiplies(stop);
                let grace = Duration::from_millis(self.limits.kill_grace_ms);
                (running.stop(stop, grace, |bytes| kept.push(bytes)).await, Some(stop))
            }
        };
        processes::sweep_all_but(&self.spared).await;
        running.output.drain(|bytes| kept.push(bytes)).await;
        // What was quicker than anyone looked.
        let too_much = self.disk.exceeded(allowance).await.is_some();
        let end = CommandEnd {
            exit_code: exit_code(status, stop),
            duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            output_bytes: kept.total(),
            stopped: match stop {
                Some(stop) => Some(stop.reason()),
                None if too_much => Some(format!("but {}", too_large(allowance))),
                None => None,
            },
        };
        Ok(Ran { end, output: kept.into_text() })
    }
}

/// The program of a command and its arguments.
pub(super) fn program(command: &[String]) -> Result<(&String, &[String]), String> {
    if command.iter().any(|part| part.contains('\0')) {
        return Err("`command` must not contain zero bytes".into());
    }
    command.split_first().ok_or_else(|| "`command` is empty; its first item is the program".into())
}

/// The folder in which a program is to run.
pub(super) fn folder(place: &Place, asked: Option<&str>) -> Result<PathBuf, String> {
    let Some(asked) = asked else { return Ok(place.path().to_owned()) };
    let folder = place.path().join(place.real(asked)?);
    if folder.is_dir() { Ok(folder) } else { Err(format!("`{asked}` is not a folder")) }
}
