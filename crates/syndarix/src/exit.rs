//! The exit codes of `syndarix`. They are part of its interface: scripts may rely on them.

use std::process::ExitCode;

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything asked for was done.
    Done,
    /// The work itself failed: a project failed or was cancelled, or `doctor` found something broken.
    Failed,
    /// What was given cannot be used: arguments, a file, a folder, the data directory. Nothing was changed.
    BadInput,
    /// Nothing is left to do but what waits for a human.
    WaitingForHuman,
    /// Something went wrong inside Syndarix itself. What was recorded is safe.
    Internal,
    /// Stopped by Ctrl-C, SIGTERM or a closed terminal; `syndarix up` continues.
    Interrupted,
}

impl Exit {
    /// The table, as `--help` prints it.
    pub(crate) const HELP: &'static str = "\
Exit codes:
    0  everything asked for was done
    1  the work failed: a project failed or was cancelled, or doctor found something broken
    2  what was given cannot be used; nothing was changed
    3  nothing is left to do but what waits for a human (see `syndarix approvals`)
   70  something went wrong inside Syndarix; what was recorded is safe
  130  stopped by Ctrl-C, SIGTERM or a closed terminal; `syndarix up` continues";

    /// The number a shell sees.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::BadInput => 2,
            Self::WaitingForHuman => 3,
            Self::Internal => 70,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_names_every_code() {
        for exit in [
            Exit::Done,
            Exit::Failed,
            Exit::BadInput,
            Exit::WaitingForHuman,
            Exit::Internal,
            Exit::Interrupted,
        ] {
            let line = format!("{:>5}  ", exit.code());
            assert!(Exit::HELP.lines().any(|l| l.starts_with(&line)), "{exit:?} is missing from the help");
        }
    }
}
