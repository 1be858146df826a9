//! A folder of its own for one test, and the binary run in it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A temporary folder; everything a test touches is in it.
pub(crate) struct Folder(tempfile::TempDir);

/// A configuration with a provider that is never reached: what is tested here ends before the first call.
pub(crate) const SOME_MODEL: &str = r#"
[providers.house]
kind = "openai_compatible"
base_url = "http://127.0.0.1:9/v1/"
models = ["m"]
[limits]
allow_unpriced_models = true
"#;

/// How a command ended.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    /// A folder with a brief and a configuration that has a model.
    pub(crate) fn ready() -> Self {
        let folder = Self::new();
        folder.write("brief.md", "# Add a flag\n\nAdd `--json`.\n");
        folder.write("syndarix.toml", SOME_MODEL);
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn join(&self, path: &str) -> PathBuf {
        self.path().join(path)
    }

    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.join(path);
        fs::create_dir_all(path.parent().expect("a path below the folder")).expect("a folder");
        fs::write(path, content).expect("a file");
    }

    /// The binary, in this folder, with an environment that brings no provider.
    pub(crate) fn command(&self) -> Command {
        self.command_of(env!("CARGO_BIN_EXE_syndarix"))
    }

    /// Another program that starts the binary, with the same environment.
    pub(crate) fn command_of(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.path()).env_clear();
        for kept in ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME"] {
            if let Some(value) = std::env::var_os(kept) {
                command.env(kept, value);
            }
        }
        // Nothing listens there, whatever this machine runs.
        command.env("OLLAMA_HOST", "http://127.0.0.1:9").env("USER", "tester");
        command.env("XDG_STATE_HOME", self.join("cache"));
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        Ran::from(self.command().args(arguments).output().expect("the binary starts"))
    }

    /// Runs git here; a failure is the test's own mistake.
    pub(crate) fn git(&self, arguments: &[&str]) {
        let identity =
            ["-c", "user.name=Test", "-c", "user.email=test@localhost", "-c", "init.defaultBranch=main"];
        let status = Command::new("git").current_dir(self.path()).args(identity).args(arguments).output();
        let status = status.expect("git starts");
        assert!(status.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&status.stderr));
    }

    /// Makes a folder here a repository of all that is in it.
    pub(crate) fn commit_all(&self, path: &str) {
        self.git(&["init", "--quiet", path]);
        self.git(&["-C", path, "add", "--all"]);
        self.git(&["-C", path, "commit", "--quiet", "--message", "Begin"]);
    }

    /// Every file and folder below this one, with its content.
    pub(crate) fn contents(&self) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    found.insert(path.clone(), None);
                    folders.push(path);
                } else {
                    found.insert(path.clone(), fs::read(&path).ok());
                }
            }
        }
        found
    }

    /// What was printed, without what differs from machine to machine.
    pub(crate) fn plain(&self, text: &str) -> String {
        let real = self.path().canonicalize().expect("the folder is there");
        text.replace(&real.display().to_string(), "DIR").replace(&self.path().display().to_string(), "DIR")
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}
