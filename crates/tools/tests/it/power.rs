//! A power cut: of all that was written only what was synced is left. What a repository said was done is still there.
//!
//! `strace` records what git and this program sync, so these tests are run by themselves where it is installed.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use syndarix_tools::git::{Repository, Source};

use crate::support::git;

/// Says to the inner run where it works, and makes it work.
const INNER: &str = "SYNDARIX_TEST_POWER";

const TRAILER: (&str, &str) = ("Syndarix-Task", "p-1/T-1");

/// What is recorded of a file or folder.
#[derive(Debug, Default)]
struct Record {
    /// Files whose content was synced and not written to since, by the path they have in the end.
    synced: HashSet<PathBuf>,
    /// When a file or folder last came to its place.
    entered: HashMap<PathBuf, usize>,
    /// When a folder was last synced, with the names in it.
    folders: HashMap<PathBuf, usize>,
}

impl Record {
    /// Reads what `strace -f -y` wrote: one call a line, with the paths of descriptors beside them.
    fn read(text: &str) -> Self {
        let mut record = Self::default();
        let mut waiting: HashMap<&str, String> = HashMap::new();
        // Where each process works, as it says with every file that it opens.
        let mut working: HashMap<&str, PathBuf> = HashMap::new();
        for (at, line) in text.lines().enumerate() {
            let Some((process, call)) = line.split_once(' ') else { continue };
            let call = call.trim_start();
            // A call that another process interrupted is written in two parts.
            if let Some(begun) = call.strip_suffix(" <unfinished ...>") {
                waiting.insert(process, begun.to_owned());
                continue;
            }
            let whole = match call.split_once(" resumed>") {
                Some((_, rest)) => waiting.remove(process).unwrap_or_default() + rest,
                None => call.to_owned(),
            };
            if let Some((_, from)) = whole.split_once("AT_FDCWD<") {
                working.insert(process, PathBuf::from(from.split('>').next().unwrap_or_default()));
            }
            record.take(at, &whole, working.get(process).map_or(Path::new(""), |folder| folder));
        }
        record
    }

    fn take(&mut self, at: usize, call: &str, working: &Path) {
        let Some((name, rest)) = call.split_once('(') else { return };
        let Some((arguments, result)) = rest.rsplit_once(" = ") else { return };
        if result.trim_start().starts_with('-') {
            return;
        }
        let arguments = arguments.trim_end().trim_end_matches(')');
        let held = between(arguments, '<', '>').map(PathBuf::from);
        let mut entered = |path: &Path| {
            self.entered.insert(path.to_owned(), at);
        };
        match name {
            "fsync" | "fdatasync" => {
                if let Some(path) = held {
                    self.folders.insert(path.clone(), at);
                    self.synced.insert(path);
                }
            }
            "write" | "pwrite64" | "ftruncate" => {
                if let Some(path) = held {
                    self.synced.remove(&path);
                }
            }
            "rename" | "renameat" | "renameat2" | "link" | "linkat" => {
                let [from, to] = paths(arguments, working);
                self.synced.remove(&to);
                let synced: Vec<PathBuf> =
                    self.synced.iter().filter_map(|path| moved(path, &from, &to)).collect();
                self.synced.extend(synced);
                for times in [&mut self.entered, &mut self.folders] {
                    let found = times.iter().filter_map(|(path, at)| Some((moved(path, &from, &to)?, *at)));
                    let found: Vec<(PathBuf, usize)> = found.collect();
                    times.extend(found);
                }
                self.entered.insert(to, at);
            }
            "openat" if arguments.contains("O_CREAT") => {
                let path = between(result, '<', '>').map(PathBuf::from).unwrap_or_default();
                entered(&path);
                if arguments.contains("O_TRUNC") {
                    self.synced.remove(&path);
                }
            }
            "mkdir" | "mkdirat" => entered(&paths(arguments, working)[1]),
            _ => {}
        }
    }

    /// Whether a file is there, whole, after the power came back.
    fn outlives(&self, root: &Path, file: &Path) -> bool {
        let is_named = |path: &Path| {
            let synced = path.parent().and_then(|folder| self.folders.get(folder));
            self.entered.get(path).is_none_or(|entered| synced.is_some_and(|synced| synced > entered))
        };
        self.synced.contains(file) && file.ancestors().take_while(|path| *path != root).all(is_named)
    }
}

/// Where a path is after what it is, or what it lies in, was renamed.
fn moved(path: &Path, from: &Path, to: &Path) -> Option<PathBuf> {
    let rest = path.strip_prefix(from).ok()?;
    Some(if rest.as_os_str().is_empty() { to.to_owned() } else { to.join(rest) })
}

fn between(text: &str, open: char, close: char) -> Option<&str> {
    let (_, rest) = text.split_once(open)?;
    Some(rest.split_once(close)?.0)
}

/// The paths of a call that names one or two: relative ones lie below the folder whose descriptor stands before, or where
/// the process works.
fn paths(arguments: &str, working: &Path) -> [PathBuf; 2] {
    let mut folder = working.to_owned();
    let mut found = Vec::new();
    for part in arguments.split(", ") {
        if let Some(held) = between(part, '<', '>') {
            folder = PathBuf::from(held);
        } else if let Some(text) = part.strip_prefix('"') {
            found.push(folder.join(text.trim_end_matches('"')));
        }
    }
    let last = found.last().cloned().unwrap_or_default();
    [found.first().cloned().unwrap_or_default(), last]
}

/// The work that must outlive a power cut: a project's repository is made, two branches are taken over and merged, documents
/// are committed, and the user's repository gets the result.
#[tokio::test]
#[ignore = "run by `what_is_called_done_outlives_a_power_cut`"]
async fn work_that_is_recorded() {
    let Some(folder) = std::env::var_os(INNER).map(PathBuf::from) else { return };
    let source = Source::inspect(&folder.join("users")).await.unwrap();
    let path = folder.join("project/repository");
    let repository = Repository::clone_from(&path, &source, "HEAD", "main").await.unwrap();
    for name in ["one", "two"] {
        let clone = repository.clone_for_task(&folder.join(name), name, "main").await.unwrap().path;
        std::fs::write(clone.join(name), name).unwrap();
        git(&clone, &["add", "-A"]);
        git(&clone, &["commit", "-q", "-m", name]);
        repository.fetch_branch(&clone, name).await.unwrap();
        repository.merge(name, "main", name, TRAILER).await.unwrap();
    }
    let documents = [(PathBuf::from("docs/vision.md"), b"# Vision\n".to_vec())];
    repository.commit_files("main", &documents, "Documents").await.unwrap();
    repository.push_branch_to(&source, "main", "syndarix/p-1").await.unwrap();
}

#[test]
#[ignore = "needs strace"]
fn what_is_called_done_outlives_a_power_cut() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let users = folder.join("users");
    std::fs::create_dir(&users).unwrap();
    git(&users, &["init", "-q", "-b", "trunk"]);
    std::fs::write(users.join("a.txt"), "a\n").unwrap();
    git(&users, &["add", "-A"]);
    git(&users, &["commit", "-q", "-m", "Begin"]);
    let before: HashSet<PathBuf> = files(&users);

    let trace = folder.join("trace");
    let calls = "trace=fsync,fdatasync,write,pwrite64,ftruncate,openat,rename,renameat,renameat2,link,linkat,mkdir,mkdirat";
    let ended = Command::new("strace")
        .args(["-f", "-y", "-qq", "-s", "4096", "-e", calls, "-o"])
        .arg(&trace)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "power::work_that_is_recorded", "--ignored"])
        .env(INNER, &folder)
        .output()
        .expect("strace runs");
    let said = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success() && said.contains("1 passed"), "{said}");
    let record = Record::read(&String::from_utf8_lossy(&std::fs::read(&trace).unwrap()));

    for (repository, branch) in [(folder.join("project/repository"), "main"), (users, "syndarix/p-1")] {
        let tip = git(&repository, &["rev-parse", branch]);
        let root =
            if before.iter().any(|file| file.starts_with(&repository)) { &repository } else { &folder };
        let lost: Vec<PathBuf> = files(&repository)
            .into_iter()
            .filter(|file| file.starts_with(repository.join(".git")))
            .filter(|file| !before.contains(file) && !record.outlives(root, file))
            .collect();
        for file in &lost {
            std::fs::remove_file(file).unwrap();
        }
        // What only says when a branch moved may be.
        let lost = lost.iter().filter(|file| !file.starts_with(repository.join(".git/logs")));
        assert_eq!(lost.collect::<Vec<_>>(), Vec::<&PathBuf>::new());
        assert_eq!(git(&repository, &["rev-parse", branch]), tip);
        git(&repository, &["fsck", "--full", "--strict"]);
        assert!(git(&repository, &["show", &format!("{branch}:docs/vision.md")]).contains("Vision"));
    }
}

fn files(folder: &Path) -> HashSet<PathBuf> {
    let mut found = HashSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                found.insert(entry.path());
            }
        }
    }
    found
}
