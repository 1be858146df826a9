//! Commands of others, with an end to how long they take and to how much of their output is read.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::Outcome;

/// How much of an output is read: the most talkative package on the list prints a few megabytes.
const OUTPUT_BYTES_MAX: u64 = 32 * 1024 * 1024;

/// A command that has ended, or was ended.
#[derive(Debug)]
pub(crate) struct Finished {
    /// `None` where it took too long and was ended.
    pub(crate) status: Option<ExitStatus>,
    /// What it printed.
    pub(crate) output: String,
    /// What it complained of, where that was asked for apart; else it is part of the output.
    pub(crate) complaints: String,
    pub(crate) took: Duration,
}

impl Finished {
    pub(crate) fn succeeded(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    pub(crate) fn exit_code(&self) -> Option<i32> {
        self.status.and_then(|status| status.code())
    }

    /// How it ended and the last lines that it printed.
    pub(crate) fn describe(&self) -> String {
        let how = self.status.map_or_else(
            || format!("was ended after {} s", self.took.as_secs()),
            |status| format!("ended with {status}"),
        );
        format!("{how}\n{}{}", last_lines(&self.output), last_lines(&self.complaints))
    }
}

/// Where a command's output is kept while it runs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kept<'a> {
    /// Both streams in one file, as a terminal shows them.
    Together(&'a Path),
    /// The output in one file, and what it complains of in another.
    Apart(&'a Path, &'a Path),
}

/// Runs a command to its end, or ends it with all that it started.
pub(crate) fn run(command: &mut Command, kept: Kept<'_>, limit: Duration) -> Outcome<Finished> {
    let create = |path: &Path| File::create(path).map_err(|error| format!("{}: {error}", path.display()));
    let (output, complaints) = match kept {
        Kept::Together(path) => {
            let file = create(path)?;
            let same = file.try_clone().map_err(|error| error.to_string())?;
            (file, same)
        }
        Kept::Apart(output, complaints) => (create(output)?, create(complaints)?),
    };
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(complaints)
        .process_group(0)
        .spawn()
        .map_err(|error| format!("{command:?} cannot be started: {error}"))?;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            break Some(status);
        }
        if started.elapsed() > limit {
            let group = format!("-{}", child.id());
            let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
            let _ = child.wait();
            break None;
        }
        sleep(Duration::from_millis(20));
    };
    let took = started.elapsed();
    let (output, complaints) = match kept {
        Kept::Together(path) => (read(path)?, String::new()),
        Kept::Apart(output, complaints) => (read(output)?, read(complaints)?),
    };
    Ok(Finished { status, output, complaints, took })
}

fn read(path: &Path) -> Outcome<String> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(OUTPUT_BYTES_MAX).read_to_end(&mut bytes))
        .map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// As much of a text as helps a person to see what went wrong.
pub(crate) fn last_lines(text: &str) -> String {
    const LINES: usize = 15;
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..]
        .iter()
        .fold(String::new(), |shown, line| shown + "    " + line + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_does_not_end_is_ended_with_its_children() {
        let folder = std::env::temp_dir().join(format!("syndarix-xtask-command-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let log = folder.join("log");
        let mut command = Command::new("sh");
        command.args(["-c", "echo begun; sleep 1000 & wait"]);
        let finished = run(&mut command, Kept::Together(&log), Duration::from_millis(500)).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(finished.status.is_none() && finished.output == "begun\n", "{finished:?}");
        assert!(finished.describe().starts_with("was ended after 0 s\n    begun"), "{}", finished.describe());
    }

    #[test]
    fn a_long_text_is_shown_by_its_end() {
        let text = (0..100).fold(String::new(), |text, line| text + &format!("line {line}\n"));
        let shown = last_lines(&text);
        assert!(shown.starts_with("    line 85\n") && shown.ends_with("    line 99\n"), "{shown}");
        assert_eq!(last_lines(""), "");
    }
}
