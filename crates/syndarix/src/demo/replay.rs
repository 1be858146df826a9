//! Plays the scenes' own tool calls without agents or workflows: the files they write must build and pass their
//! tests at every step at which a scene says so, and branches that are worked on side by side must not meet in a file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

use super::CRONWISE;

/// The runs that change files, in an order that the backlog's dependencies allow, and how often each one's tests
/// are to fail first: the authors who mend something write the failing test before the change.
const RUNS: [(&str, &str, u32, usize); 10] = [
    ("develop", "skeleton", 1, 0),
    ("develop", "packaging", 2, 0),
    ("develop", "calendar", 1, 0),
    ("develop", "parser", 1, 0),
    ("develop", "parser", 2, 1),
    ("develop", "explain", 1, 0),
    ("develop", "upcoming", 1, 0),
    ("develop", "cli", 1, 0),
    ("develop", "either-day", 1, 1),
    ("deliver", "", 1, 0),
];

#[derive(Debug, Deserialize)]
struct File {
    scene: Vec<Scene>,
}

#[derive(Debug, Clone, Deserialize)]
struct Scene {
    stage: String,
    #[serde(default)]
    role: String,
    #[serde(default)]
    task: String,
    round: Option<u32>,
    turn: u32,
    #[serde(default)]
    tool_calls: Vec<Call>,
}

#[derive(Debug, Clone, Deserialize)]
struct Call {
    name: String,
    arguments: toml::Table,
}

impl Call {
    fn text(&self, key: &str) -> &str {
        self.arguments.get(key).and_then(toml::Value::as_str).unwrap_or_else(|| panic!("{key} in {self:?}"))
    }
}

fn scenes() -> Vec<Scene> {
    let read = |(name, text): &(&str, &str)| {
        toml::from_str::<File>(text).unwrap_or_else(|error| panic!("{name}: {error}")).scene
    };
    CRONWISE.scenes.iter().flat_map(read).collect()
}

/// The calls of one run, in order. A task that was handed on is continued by whoever takes it, not by whoever
/// gave it away.
fn calls(stage: &str, task: &str, round: u32) -> Vec<Call> {
    let all = scenes();
    let gave_away = |scene: &&Scene| {
        all.iter().any(|other| {
            (&other.role, &other.stage, &other.task) == (&scene.role, &scene.stage, &scene.task)
                && other.tool_calls.iter().any(|call| call.name == "hand_off")
        })
    };
    let mut run: Vec<&Scene> = all
        .iter()
        .filter(|scene| {
            scene.stage == stage && scene.task == task && scene.round.is_none_or(|its| its == round)
        })
        .filter(|scene| !gave_away(scene))
        .collect();
    run.sort_by_key(|scene| scene.turn);
    assert!(!run.is_empty(), "no scene for {stage} {task} {round}");
    run.into_iter().flat_map(|scene| scene.tool_calls.clone()).collect()
}

/// Performs a call in the folder; for a command, whether it succeeded and what it printed.
fn perform(call: &Call, folder: &Path) -> Option<(bool, String)> {
    match call.name.as_str() {
        "write_file" => {
            std::fs::write(folder.join(call.text("path")), call.text("content")).expect("written");
        }
        "edit_file" => {
            let path = folder.join(call.text("path"));
            let text = std::fs::read_to_string(&path).expect("a file to edit");
            assert_eq!(text.matches(call.text("old")).count(), 1, "the old text of {call:?} is not unique");
            std::fs::write(path, text.replacen(call.text("old"), call.text("new"), 1)).expect("written");
        }
        "run_command" => {
            let words = call.arguments["command"].as_array().expect("a command is a list");
            let words: Vec<&str> = words.iter().map(|word| word.as_str().expect("of words")).collect();
            return Some(run(&words, folder));
        }
        _ => {}
    }
    None
}

/// Runs a command as a fresh shell in the folder would: without what this test's own cargo put into the environment.
fn run(words: &[&str], folder: &Path) -> (bool, String) {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).current_dir(folder).env_remove("RUSTFLAGS").env_remove("CARGO_TARGET_DIR");
    let output = command.output().expect("the command starts");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn every_step_of_the_story_is_true() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    CRONWISE.write_files(folder.path()).expect("the first commit's files");
    for (stage, task, round, mut failures) in RUNS {
        for call in calls(stage, task, round) {
            let Some((passed, output)) = perform(&call, folder.path()) else { continue };
            if failures > 0 {
                assert!(!passed, "{stage} {task} {round}: the test that shows the mistake passes");
                failures -= 1;
            } else {
                assert!(passed, "{stage} {task} {round}: {output}");
            }
        }
        assert_eq!(failures, 0, "{stage} {task} {round} ran fewer commands than expected");
        if (task, round) == ("cli", 1) {
            // What QA is to find is there, and the first round's other probes come out as its words say.
            let printed = probes(1, folder.path());
            assert!(
                printed.contains("2026-02-13T12:00") && !printed.contains("2026-01-02T12:00"),
                "{printed}"
            );
            assert!(
                printed.contains("It never fires") && printed.contains("never gets anywhere"),
                "{printed}"
            );
        }
    }
    let printed = probes(2, folder.path());
    assert!(printed.contains("2026-01-02T12:00"), "{printed}");
    let readme = std::fs::read_to_string(folder.path().join("README.md")).expect("a README");
    let example = probes(1, folder.path());
    let promised: Vec<&str> = readme.lines().filter(|line| line.starts_with("  2026")).collect();
    assert!(promised.len() == 3 && promised.iter().all(|line| example.contains(line)), "{example}");
}

/// Everything that QA's commands of one round print.
fn probes(round: u32, folder: &Path) -> String {
    calls("qa", "", round).iter().filter_map(|call| perform(call, folder)).map(|(_, text)| text).collect()
}

#[test]
fn branches_that_are_open_together_touch_different_files() {
    let mut owners: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for (stage, task, round, _) in RUNS {
        if matches!(task, "skeleton" | "either-day") || stage == "deliver" {
            continue; // Nothing else is open while these are.
        }
        for call in calls(stage, task, round) {
            if matches!(call.name.as_str(), "write_file" | "edit_file") {
                owners.entry(call.text("path").to_owned()).or_default().insert(task);
            }
        }
    }
    let shared: Vec<_> = owners.iter().filter(|(_, tasks)| tasks.len() > 1).collect();
    assert!(shared.is_empty(), "{shared:?}");
}

#[test]
fn the_first_commit_is_made_once() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (made, said) =
        run(&["git", "init", "--quiet", "--initial-branch", CRONWISE.branch, "."], folder.path());
    assert!(made, "{said}");
    for _ in 0..2 {
        CRONWISE.seed(folder.path()).expect("seeded");
        let (_, log) = run(&["git", "log", "--format=%s"], folder.path());
        assert_eq!(log, "An empty crate to begin with\n");
        let (_, status) = run(&["git", "status", "--porcelain"], folder.path());
        assert_eq!(status, "");
    }
}
