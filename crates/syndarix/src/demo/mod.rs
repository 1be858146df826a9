//! The example project behind `syndarix demo`: a brief, a team, a repository to begin with, and the scenes that the
//! scripted model plays. The files lie in `examples/demo`, where they also serve as examples; the binary carries
//! them, so that the demo runs from any folder.

#[cfg(test)]
mod replay;

use std::io;
use std::path::Path;
use std::process::Command;

use syndarix_core::money::{NANO_PER_USD, NanoUsd};

/// An example project, complete.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demo {
    /// The project's name.
    pub(crate) name: &'static str,
    /// The brief, as Markdown.
    pub(crate) brief: &'static str,
    /// The team file, as TOML.
    pub(crate) team: &'static str,
    /// The scripted model's scenes: the name of each file, for error messages, and its text.
    pub(crate) scenes: &'static [(&'static str, &'static str)],
    /// The files of the repository's first commit: path and content.
    pub(crate) seed: &'static [(&'static str, &'static str)],
    /// The branch that the team's work is merged into; the scenes' reviewers compare with it.
    pub(crate) branch: &'static str,
    /// The check that the result must pass.
    pub(crate) check: &'static [&'static str],
    /// Commands that may be repeated where a crash lost their result, beside the built-in ones.
    pub(crate) repeatable_commands: &'static [&'static [&'static str]],
    /// The chain that every model tier stands for; the scripted provider plays them all.
    pub(crate) chain: &'static [ScriptedModel],
    /// The project's budget. The story spends a little over four fifths of it, so that the warning is seen and
    /// nothing is refused.
    pub(crate) budget: NanoUsd,
}

/// A model that exists only in a script, and what it pretends to cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ScriptedModel {
    /// Provider and model, such as `scripted/main`.
    pub(crate) name: &'static str,
    /// The price of a million prompt tokens.
    pub(crate) input_per_million: NanoUsd,
    /// The price of a million completion tokens.
    pub(crate) output_per_million: NanoUsd,
}

/// Files of one folder of the demo: their paths in it, and what they hold.
macro_rules! files {
    ($folder:literal: $($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../../../examples/demo/", $folder, "/", $path)))),*]
    };
}

/// The demo: a small crate that explains cron expressions.
pub(crate) static CRONWISE: Demo = Demo {
    name: "cronwise",
    brief: include_str!("../../../../examples/demo/brief.md"),
    team: include_str!("../../../../examples/demo/team.toml"),
    scenes: files!["scenes":
        "01-discovery.toml",
        "02-architecture.toml",
        "03-planning.toml",
        "04-skeleton.toml",
        "05-parser.toml",
        "06-calendar.toml",
        "07-packaging.toml",
        "08-explain.toml",
        "09-upcoming.toml",
        "10-cli.toml",
        "11-quality.toml",
        "12-delivery.toml",
    ],
    seed: files!["seed":
        ".clippy.toml",
        ".gitignore",
        ".rustfmt.toml",
        "Cargo.lock",
        "Cargo.toml",
        "README.md",
        "src/lib.rs",
    ],
    branch: "main",
    check: &["cargo", "test", "--offline"],
    // What the team builds only prints, so QA's probes may be made again.
    repeatable_commands: &[&["cargo", "run", "--offline"]],
    chain: &[
        ScriptedModel {
            name: "scripted/main",
            input_per_million: NanoUsd(3 * NANO_PER_USD),
            output_per_million: NanoUsd(15 * NANO_PER_USD),
        },
        ScriptedModel {
            name: "scripted/fallback",
            input_per_million: NanoUsd(NANO_PER_USD),
            output_per_million: NanoUsd(5 * NANO_PER_USD),
        },
    ],
    budget: NanoUsd(7 * NANO_PER_USD / 4),
};

impl Demo {
    /// Puts the first commit's files into a repository that has been made for the project, and commits them.
    /// Doing it again, after a crash, finds what is there and changes nothing.
    pub(crate) fn seed(&self, repository: &Path) -> io::Result<()> {
        self.write_files(repository)?;
        git(repository, &["add", "--all"])?;
        if git(repository, &["diff", "--cached", "--quiet"]).is_err() {
            let identity = ["-c", "user.name=Syndarix", "-c", "user.email=syndarix@localhost"];
            let commit = [
                "commit",
                "--quiet",
                "--no-verify",
                "--no-gpg-sign",
                "--message",
                "An empty crate to begin with",
            ];
            git(repository, &[&identity[..], &commit[..]].concat())?;
        }
        Ok(())
    }

    fn write_files(&self, folder: &Path) -> io::Result<()> {
        for (path, content) in self.seed {
            let path = folder.join(path);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::write(path, content)?;
        }
        Ok(())
    }
}

fn git(repository: &Path, arguments: &[&str]) -> io::Result<()> {
    let mut command = Command::new("git");
    command.args(arguments).current_dir(repository);
    // Neither the user's settings nor an enclosing git command's have a say in this repository.
    command.env_remove("GIT_DIR").env_remove("GIT_INDEX_FILE").env("GIT_CONFIG_GLOBAL", "/dev/null");
    let output = command.output()?;
    if output.status.success() {
        Ok(())
    } else {
        let said = String::from_utf8_lossy(&output.stderr);
        Err(io::Error::other(format!("git {} failed: {}", arguments.join(" "), said.trim())))
    }
}
