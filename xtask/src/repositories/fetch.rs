//! Published packages, fetched by their ecosystems' own clients and put under git as a user would have them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::Outcome;
use super::command::{self, Kept};
use super::list::{Ecosystem, Package};

/// How long a registry may take for one package.
const PATIENCE: Duration = Duration::from_mins(5);

/// The goal of Maven that copies an artifact to a folder, without a project.
const MAVEN_COPY: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy";

/// What a repository ignores where its archive came without a `.gitignore`.
fn ignored(ecosystem: Ecosystem) -> &'static str {
    match ecosystem {
        Ecosystem::PyPi => {
            ".venv/\n__pycache__/\n*.egg-info/\n*.so\nbuild/\n.pytest_cache/\n.hypothesis/\n.coverage\n"
        }
        Ecosystem::Npm => "node_modules/\ncoverage/\n.nyc_output/\n",
        Ecosystem::Go => "*.test\n",
        Ecosystem::Crates => "/target\n",
        Ecosystem::Maven => "target/\n",
    }
}

/// Fetches a package into `folder` and returns its repository, which has one commit.
pub(crate) fn repository(package: &Package, folder: &Path) -> Outcome<PathBuf> {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let client = Client { folder, log: folder.join("fetch.log") };
    let repository = folder.join("repository");
    client.unpack(package, &repository)?;
    if !repository.join(".gitignore").exists() {
        fs::write(repository.join(".gitignore"), ignored(package.ecosystem))
            .map_err(|error| error.to_string())?;
    }
    for (path, text) in &package.files {
        fs::write(repository.join(path), text).map_err(|error| format!("{path}: {error}"))?;
    }
    for amendment in &package.amend {
        client.succeed(Command::new("sh").current_dir(&repository).args(["-c", &amendment.run]))?;
    }
    client.commit(package, &repository)?;
    Ok(repository)
}

/// What fetches one package.
struct Client<'a> {
    folder: &'a Path,
    log: PathBuf,
}

impl Client<'_> {
    fn unpack(&self, package: &Package, repository: &Path) -> Outcome<()> {
        let Package { published, version, .. } = package;
        match package.ecosystem {
            Ecosystem::PyPi => {
                let archive = self.download(
                    Command::new("python3")
                        .args(["-m", "pip", "download", "--quiet", "--no-deps", "--no-binary"])
                        .arg(published)
                        .arg(format!("{published}=={version}"))
                        .args(["--dest", "archive"]),
                )?;
                self.extract(&archive, repository)
            }
            Ecosystem::Npm => {
                let archive = self.download(
                    Command::new("npm")
                        .args(["pack", "--silent", "--pack-destination", "archive"])
                        .arg(format!("{published}@{version}")),
                )?;
                self.extract(&archive, repository)
            }
            Ecosystem::Go => {
                let told = self.succeed(
                    Command::new("go")
                        .current_dir(self.folder)
                        .args(["mod", "download", "-json"])
                        .arg(format!("{published}@{version}")),
                )?;
                let told: Value =
                    serde_json::from_str(&told).map_err(|error| format!("go: {error}: {told}"))?;
                let cached = told["Dir"].as_str().ok_or("go does not say where the module is")?;
                // Go's cache is read-only, and so would its copy be.
                self.succeed(Command::new("cp").arg("-R").arg(cached).arg(repository))?;
                self.succeed(Command::new("chmod").args(["-R", "u+w"]).arg(repository)).map(drop)
            }
            Ecosystem::Crates => {
                self.vendor(published, version)?;
                let vendored = self.folder.join("vendor").join(published);
                fs::rename(&vendored, repository)
                    .map_err(|error| format!("{}: {error}", vendored.display()))?;
                // Cargo's own notes on what it vendored and what it packaged, which no repository has.
                for note in [".cargo-checksum.json", ".cargo_vcs_info.json"] {
                    let _ = fs::remove_file(repository.join(note));
                }
                Ok(())
            }
            Ecosystem::Maven => {
                let archive = self.download(
                    Command::new("mvn")
                        .args(["--batch-mode", "--quiet", MAVEN_COPY, "-DoutputDirectory=archive"])
                        .arg(format!("-Dartifact={published}:{version}:zip:source-release")),
                )?;
                let unpacked = self.make("unpacked")?;
                // A zip, which the JDK that Maven needs can read.
                self.succeed(Command::new("jar").current_dir(&unpacked).arg("xf").arg(&archive))?;
                let root = only_entry(&unpacked)?;
                fs::rename(&root, repository).map_err(|error| format!("{}: {error}", root.display()))
            }
        }
    }

    /// Runs what puts one archive into the folder `archive`.
    fn download(&self, command: &mut Command) -> Outcome<PathBuf> {
        let archive = self.make("archive")?;
        self.succeed(command.current_dir(self.folder))?;
        only_entry(&archive)
    }

    /// Unpacks a tar archive without the folder that everything in it lies in.
    fn extract(&self, archive: &Path, repository: &Path) -> Outcome<()> {
        fs::create_dir_all(repository).map_err(|error| format!("{}: {error}", repository.display()))?;
        let mut tar = Command::new("tar");
        tar.args(["--extract", "--gzip", "--strip-components", "1", "--no-same-owner", "--file"])
            .arg(archive);
        self.succeed(tar.arg("--directory").arg(repository)).map(drop)
    }

    fn vendor(&self, name: &str, version: &str) -> Outcome<()> {
        let vendoring = self.make("vendoring/src")?;
        fs::write(vendoring.join("lib.rs"), "").map_err(|error| error.to_string())?;
        let manifest = format!(
            "[package]\nname = \"vendoring\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[dependencies]\n{name} = \"={version}\"\n\n[workspace]\n"
        );
        let vendoring = self.folder.join("vendoring");
        fs::write(vendoring.join("Cargo.toml"), manifest).map_err(|error| error.to_string())?;
        self.succeed(Command::new("cargo").current_dir(vendoring).args(["vendor", "--quiet", "../vendor"]))
            .map(drop)
    }

    fn make(&self, name: &str) -> Outcome<PathBuf> {
        let path = self.folder.join(name);
        fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path)
    }

    /// One commit that is the same on every machine and on every day.
    fn commit(&self, package: &Package, repository: &Path) -> Outcome<()> {
        let git = |arguments: &[&str]| {
            let mut git = Command::new("git");
            git.current_dir(repository).args(arguments);
            // What this machine's user has configured must not change what the repository holds.
            git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
            for who in ["AUTHOR", "COMMITTER"] {
                git.env(format!("GIT_{who}_NAME"), "A User")
                    .env(format!("GIT_{who}_EMAIL"), "user@example.org")
                    .env(format!("GIT_{who}_DATE"), "2024-01-01T00:00:00Z");
            }
            self.succeed(&mut git)
        };
        git(&["init", "--quiet", "--initial-branch", "main"])?;
        git(&["add", "--all"])?;
        git(&[
            "commit",
            "--quiet",
            "--message",
            &format!("{} {} as published", package.published, package.version),
        ])?;
        if let Some(tag) = &package.tag {
            git(&["tag", tag])?;
        }
        Ok(())
    }

    fn succeed(&self, command: &mut Command) -> Outcome<String> {
        let complaints = self.log.with_extension("complaints");
        let finished = command::run(command, Kept::Apart(&self.log, &complaints), PATIENCE)?;
        if finished.succeeded() {
            Ok(finished.output)
        } else {
            Err(format!("{command:?} {}", finished.describe()))
        }
    }
}

/// The one file or folder in a folder.
fn only_entry(folder: &Path) -> Outcome<PathBuf> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut entries: Vec<PathBuf> = entries.filter_map(Result::ok).map(|entry| entry.path()).collect();
    match (entries.pop(), entries.len()) {
        (Some(entry), 0) => Ok(entry),
        (_, others) => Err(format!("{}: one entry was expected, not {others} others", folder.display())),
    }
}
