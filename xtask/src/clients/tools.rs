//! What the tests drive: installed once, in a folder of their own, in the versions that the tests were written for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Outcome;
use crate::whole_run::succeed;

const COMMAND_LINE: &str = "github.com/temporalio/cli/cmd/temporal@v1.5.1";
const WEB_UI: &str = "github.com/temporalio/ui-server/v2/cmd/server@v2.54.1";

/// What Debian and others call the browser.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

pub(super) struct Tools {
    pub(super) pytest: PathBuf,
    /// Temporal's command line.
    pub(super) command_line: PathBuf,
    pub(super) browser: Option<Browser>,
}

pub(super) struct Browser {
    pub(super) chromium: PathBuf,
    /// The server of Temporal's Web UI.
    pub(super) web_ui: PathBuf,
}

impl Tools {
    pub(super) fn install(folder: &Path, requirements: &Path, with_browser: bool) -> Outcome<Self> {
        let programs = folder.join("bin");
        let browser = if with_browser {
            let chromium = find(&BROWSERS)
                .ok_or("the Web UI needs a browser to be looked at: install chromium, or say --no-browser")?;
            Some(Browser { chromium, web_ui: go_install(&programs, WEB_UI)? })
        } else {
            None
        };
        Ok(Self {
            pytest: python(&folder.join("python"), requirements)?.join("bin/pytest"),
            command_line: go_install(&programs, COMMAND_LINE)?,
            browser,
        })
    }
}

/// A virtual environment with the packages that the file names. It is made anew when the file has changed.
fn python(folder: &Path, requirements: &Path) -> Outcome<PathBuf> {
    let installed = folder.join("installed.txt");
    let wanted =
        fs::read_to_string(requirements).map_err(|error| format!("{}: {error}", requirements.display()))?;
    if fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(folder.to_owned());
    }
    let _ = fs::remove_dir_all(folder);
    succeed(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    let mut install = Command::new(folder.join("bin/pip"));
    succeed(install.args(["install", "--quiet", "--requirement"]).arg(requirements))?;
    fs::write(&installed, wanted).map_err(|error| format!("{}: {error}", installed.display()))?;
    Ok(folder.to_owned())
}

/// Builds a program, unless this version of it is there. The folder's name has the version.
fn go_install(programs: &Path, package: &str) -> Outcome<PathBuf> {
    let (path, version) = package.split_once('@').unwrap_or((package, "latest"));
    let name = path.rsplit('/').next().unwrap_or(path);
    let folder = programs.join(version);
    let program = folder.join(name);
    if !program.exists() {
        succeed(Command::new("go").args(["install", package]).env("GOBIN", &folder))?;
    }
    Ok(program)
}

fn find(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let candidates = names.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    candidates.into_iter().find(|candidate| candidate.is_file())
}
