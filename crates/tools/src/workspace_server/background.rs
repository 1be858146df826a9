//! Programs that go on running between calls, such as a development server: few, their output bounded, and ended with
//! the server at the latest.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::arguments::{ReadOutput, StartProcess, StopProcess};
use super::command::{self, Commands};
use super::place::Place;
use super::processes::{self, Whose};
use super::running::{Running, Stop, WEIGH_INTERVAL, exit_code, not_started};
use super::weight::Scales;

/// How many run at once: a server, what it needs, a watcher, and one more.
const RUNNING: usize = 4;

/// How many are remembered in all; of those that ended, the oldest are forgotten first.
const REMEMBERED: usize = 16;

/// How long a start waits for a program that ends at once, so that the model is told.
const FIRST_LOOK: Duration = Duration::from_secs(1);

/// The longest that a call waits for output.
const WAIT_MAX_S: u64 = 60;

/// The programs that were started.
#[derive(Debug, Default)]
pub(super) struct Background {
    programs: Mutex<Programs>,
}

#[derive(Debug, Default)]
struct Programs {
    started: u64,
    remembered: VecDeque<Arc<Program>>,
}

/// One program.
#[derive(Debug)]
struct Program {
    id: String,
    name: String,
    since: Instant,
    state: Mutex<State>,
    /// Tells who waits that there is output, or an end.
    news: tokio::sync::Notify,
    stop: CancellationToken,
    ended: CancellationToken,
}

#[derive(Debug)]
struct State {
    output: Recent,
    /// How it ended, if it has.
    end: Option<String>,
}

impl Background {
    /// Starts a program and leaves it running.
    pub(super) async fn start(
        &self,
        commands: &Arc<Commands>,
        place: &Place,
        call: &StartProcess,
    ) -> Result<String, String> {
        let (program, arguments) = command::program(&call.command)?;
        let folder = command::folder(place, call.folder.as_deref())?;
        let allowance = commands.disk.allowance().await;
        // Nothing is awaited from here until it is known as spared, so that no command's end takes it along.
        let program = {
            let mut programs = self.programs.lock();
            if programs.remembered.iter().filter(|program| program.runs()).count() >= RUNNING {
                return Err(format!("{RUNNING} programs run already; end one with stop_process first"));
            }
            let running = Running::start(program, arguments, &folder, &commands.environment)
                .map_err(|error| not_started(program, &error).1)?;
            programs.started += 1;
            let name = call.name.clone().unwrap_or_else(|| call.command.join(" "));
            let started = Arc::new(Program {
                id: format!("p{}", programs.started),
                name: name.chars().filter(|c| !c.is_control()).take(60).collect(),
                since: Instant::now(),
                state: Mutex::new(State { output: Recent::new(commands.limits.output_bytes), end: None }),
                news: tokio::sync::Notify::new(),
                stop: CancellationToken::new(),
                ended: CancellationToken::new(),
            });
            if let Some(leader) = running.leader {
                commands.spared.add(leader);
            }
            tokio::spawn(watch(Arc::clone(&started), running, Arc::clone(commands), allowance));
            programs.remember(Arc::clone(&started));
            started
        };
        let _ = tokio::time::timeout(FIRST_LOOK, program.ended.cancelled()).await;
        Ok(program.describe(0))
    }

    /// What a program has printed.
    pub(super) async fn read_output(&self, call: &ReadOutput) -> Result<String, String> {
        let program = self.find(&call.id)?;
        let since = call.since.unwrap_or(0);
        let wait = Duration::from_secs(call.wait_s.unwrap_or(0).min(WAIT_MAX_S));
        let news = async {
            loop {
                let told = program.news.notified();
                if !program.runs() || program.state.lock().output.total > since {
                    break;
                }
                told.await;
            }
        };
        let _ = tokio::time::timeout(wait, news).await;
        Ok(program.describe(since))
    }

    /// Ends a program, and waits for its end.
    pub(super) async fn stop(&self, call: &StopProcess) -> Result<String, String> {
        let program = self.find(&call.id)?;
        program.stop.cancel();
        program.ended.cancelled().await;
        Ok(program.headline())
    }

    /// Every program that is remembered.
    pub(super) fn list(&self) -> String {
        let programs = self.programs.lock();
        let lines: Vec<String> = programs.remembered.iter().map(|program| program.headline()).collect();
        if lines.is_empty() { "none was started".into() } else { lines.join("\n") }
    }

    fn find(&self, id: &str) -> Result<Arc<Program>, String> {
        let programs = self.programs.lock();
        programs.remembered.iter().find(|program| program.id == id).cloned().ok_or_else(|| {
            format!("there is no program `{id}`: list_processes shows those there are, and what was started in an \
                     earlier session has ended with it")
        })
    }
}

impl Programs {
    fn remember(&mut self, program: Arc<Program>) {
        self.remembered.push_back(program);
        if self.remembered.len() > REMEMBERED
            && let Some(oldest) = self.remembered.iter().position(|program| !program.runs())
        {
            self.remembered.remove(oldest);
        }
    }
}

impl Program {
    fn runs(&self) -> bool {
        self.state.lock().end.is_none()
    }

    fn take(&self, bytes: &[u8]) {
        self.state.lock().output.push(bytes);
        self.news.notify_waiters();
    }

    /// A line about the program.
    fn headline(&self) -> String {
        let state = self.state.lock();
        let how = match &state.end {
            Some(end) => end.clone(),
            None => format!("runs for {} s", self.since.elapsed().as_secs()),
        };
        format!("{} ({}): {how}, {} bytes printed", self.id, self.name, state.output.total)
    }

    /// The line, how to ask for what comes next, and what was printed.
    fn describe(&self, since: u64) -> String {
        let headline = self.headline();
        let state = self.state.lock();
        let mut text = format!("{headline}; ask for more with since {}\n", state.output.total);
        state.output.write_since(since, &mut text);
        text
    }
}

/// Takes in what a program prints until it ends or is ended.
async fn watch(program: Arc<Program>, mut running: Running, commands: Arc<Commands>, allowance: u64) {
    let allowed = commands.allowed;
    let mut scales = running.leader.map(|leader| Scales::new(Whose::Leader(leader), allowed));
    let mut strays = Scales::new(Whose::Command(commands.spared.clone()), allowed);
    let mut weigh = tokio::time::interval(WEIGH_INTERVAL);
    let filled = commands.disk.exceeds(allowance);
    tokio::pin!(filled);
    let stop = loop {
        tokio::select! {
            ended = running.child.wait() => break Err(ended.ok()),
            bytes = running.output.read(), if !running.output.ended => program.take(bytes),
            () = program.stop.cancelled() => break Ok(Stop::Cancelled),
            _ = &mut filled => break Ok(Stop::DiskFull(allowance)),
            _ = weigh.tick() => {
                if let Some(stop) = scales.as_mut().and_then(Scales::exceeded) {
                    break Ok(stop);
                }
                // What has left its program is swept with the next command; here only if that is too much to wait for.
                if let Ok(_turn) = commands.one_at_a_time.try_lock()
                    && strays.exceeded().is_some()
                {
                    processes::sweep_all_but(&commands.spared).await;
                }
            }
        }
    };
    let end = match stop {
        Err(status) => format!("ended with exit code {}", exit_code(status, None)),
        Ok(Stop::Cancelled) => {
            let grace = Duration::from_millis(commands.limits.kill_grace_ms);
            running.stop(Stop::Cancelled, grace, |bytes| program.take(bytes)).await;
            "stopped".to_owned()
        }
        Ok(stop) => {
            commands.end_what_multiplies(stop);
            if let Some(leader) = running.leader {
                processes::end_tree(leader);
            }
            running.stop(stop, Duration::ZERO, |bytes| program.take(bytes)).await;
            stop.reason()
        }
    };
    if let Some(leader) = running.leader {
        processes::end_tree(leader);
        commands.spared.remove(leader);
    }
    // What has left its group is swept at the end of the command that runs, and at once if none does.
    if let Ok(_turn) = commands.one_at_a_time.try_lock() {
        processes::sweep_all_but(&commands.spared).await;
    }
    running.output.drain(|bytes| program.take(bytes)).await;
    program.state.lock().end = Some(end);
    program.news.notify_waiters();
    program.ended.cancel();
}

/// The latest part of an output, in bounded memory.
#[derive(Debug)]
struct Recent {
    bytes: VecDeque<u8>,
    limit: usize,
    /// How much was printed in all.
    total: u64,
}

impl Recent {
    fn new(limit: usize) -> Self {
        Self { bytes: VecDeque::new(), limit, total: 0 }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let bytes = &bytes[bytes.len().saturating_sub(self.limit)..];
        let excess = (self.bytes.len() + bytes.len()).saturating_sub(self.limit);
        self.bytes.drain(..excess.min(self.bytes.len()));
        self.bytes.extend(bytes);
    }

    /// Writes what was printed after this many bytes, as far as it is kept.
    fn write_since(&self, since: u64, text: &mut String) {
        let first = self.total - self.bytes.len() as u64;
        if since < first {
            let _ = writeln!(text, "… {} bytes left out …", first - since);
        }
        let skip = usize::try_from(since.saturating_sub(first)).unwrap_or(usize::MAX);
        let bytes: Vec<u8> = self.bytes.iter().skip(skip).copied().collect();
        text.push_str(&String::from_utf8_lossy(&bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_output_is_kept_and_asked_for_in_parts() {
        let mut output = Recent::new(4);
        let since = |output: &Recent, since| {
            let mut text = String::new();
            output.write_since(since, &mut text);
            text
        };
        assert_eq!(since(&output, 0), "");
        output.push(b"abc");
        assert_eq!((since(&output, 0), since(&output, 2)), ("abc".into(), "c".into()));
        output.push(b"def");
        assert_eq!(output.total, 6);
        assert_eq!(since(&output, 0), "… 2 bytes left out …\ncdef");
        assert_eq!((since(&output, 4), since(&output, 9)), ("ef".into(), String::new()));
        output.push(b"0123456789");
        assert_eq!(since(&output, 12), "6789");
    }
}
