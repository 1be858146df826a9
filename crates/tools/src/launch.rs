//! What every program gets that is started for agents: the workspace server with all of its commands, and MCP servers. A
//! session without a terminal, so that nothing can be typed into the user's shell or written over their screen; and the first
//! place among those that the kernel ends when memory is short, before the service.

use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use crate::connection::Program;
use crate::error::Error;
use crate::toolbox::Launcher;

/// Of a thousand: how much sooner than others the kernel ends these programs.
const ENDED_SOONER: &str = "500";

/// The argument before a program that is to be started.
const LAUNCH: &str = "--launch";

/// Makes this process the first of a session that has no terminal.
pub(crate) fn detach() -> io::Result<()> {
    rustix::process::setsid()?;
    // Only more of it is asked for, which everyone may. Where `/proc` is not to be written the kernel decides by size.
    let _ = std::fs::write("/proc/self/oom_score_adj", ENDED_SOONER);
    Ok(())
}

/// Becomes a program, given with its arguments. Answers only where it cannot.
pub fn launch(words: &[OsString]) -> Error {
    let Some((program, arguments)) = words.split_first() else {
        return Error::Configuration(format!("{LAUNCH} needs a program"));
    };
    let failed = match detach() {
        Ok(()) => Command::new(program).args(arguments).exec(),
        Err(error) => error,
    };
    Error::Configuration(format!("`{}` cannot be started: {}", program.display(), reason(&failed)))
}

/// Why a program could not be started.
pub(crate) fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such program".to_owned(),
        io::ErrorKind::PermissionDenied => "it may not be run".to_owned(),
        _ => error.to_string(),
    }
}

impl Launcher {
    /// A program, started by way of [`launch`]. One that is not there is not tried.
    pub(crate) fn launching(&self, program: Program) -> io::Result<Program> {
        let path = program.env.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value);
        let is_there = if program.path.components().count() > 1 {
            program.path.exists()
        } else {
            path.is_some_and(|path| {
                std::env::split_paths(path).any(|folder| folder.join(&program.path).exists())
            })
        };
        if !is_there {
            return Err(io::ErrorKind::NotFound.into());
        }
        let mut args: Vec<OsString> = self.args.iter().map(Into::into).collect();
        args.extend([LAUNCH.into(), program.path.into()]);
        args.extend(program.args);
        Ok(Program { path: self.program.clone(), args, ..program })
    }
}
