//! A repository whose checks are red before the work begins: what passed must go on passing, in every check, and what the
//! task names must pass.

use serde_json::{Value, json};

use crate::data::Data;
use crate::folder::Folder;
use crate::rehearsal::{self, Delays};

/// A linter that is never satisfied.
const LINT: &str = "echo 'lint.c:1: too long'; exit 3\n";
/// Tests that look at the one file of the task: `old` passes unless it says `break`, `new` is there once it says `new`.
const TESTS: &str = "if grep -qs break file-1.txt; then echo 'not ok 1 - old'; red=1; else echo 'ok 1 - old'; fi\n\
                     if grep -qs new file-1.txt; then echo 'ok 2 - new'; fi\necho 1..1\nexit ${red:-0}\n";

/// What the engineer writes, round after round.
const WRITTEN: [&str; 3] = ["break and new", "nothing of it", "new"];

fn repository(folder: &Folder) {
    folder.write("repo/lint.sh", LINT);
    folder.write("repo/tests.sh", TESTS);
    folder.commit_all("repo");
}

/// A project of one task, which names a test and is done in the third round.
fn project(folder: &Folder) {
    rehearsal::write(folder, 1, 1, Delays::default());
    let config = std::fs::read_to_string(folder.join("syndarix.toml")).expect("a configuration");
    let config = config.replace("check = \"git diff --quiet HEAD\"\n", "");
    folder.write(
        "syndarix.toml",
        format!("{config}\n[environment]\nchecks = [\"sh lint.sh\", \"sh tests.sh\"]\n"),
    );
    rehearsal::change(folder, |scenes| {
        let propose = scenes.iter_mut().find(|scene| scene["stage"] == "requirements").expect("a scene");
        propose["tool_calls"][0]["arguments"]["tasks"][0]["must_pass"] = json!(["new"]);
        let position = scenes.iter().position(|scene| scene["task"] == "file-1").expect("the task's scene");
        let develop = scenes.remove(position);
        for (round, content) in WRITTEN.iter().enumerate() {
            let mut scene = develop.clone();
            scene["round"] = (round + 1).into();
            scene["tool_calls"][0]["arguments"]["content"] = format!("{content}\n").into();
            scenes.push(scene);
        }
    });
}

#[test]
fn a_red_check_hides_no_other_and_the_tasks_own_test_must_be_there() {
    let folder = Folder::new();
    repository(&folder);
    project(&folder);
    let refused = folder.run(&["run", "brief.md", "--repo", "repo"]);
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    assert!(refused.stderr.contains("--accept-red"), "{}", refused.stderr);

    let ran = folder.run(&["run", "brief.md", "--repo", "repo", "--accept-red"]);
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    let messages = folder.run(&["messages", "--json"]).stdout;
    let messages: Vec<Value> = serde_json::from_str(&messages).expect("a listing");
    let data = Data::open(&folder.join(".syndarix")).expect("records");
    let told: Vec<String> = messages
        .iter()
        .filter(|message| message["kind"] == "CHECK_FAILED")
        .map(|message| data.content(message["body"].as_str().expect("a hash")))
        .collect();
    let [broken, absent] = &told[..] else { panic!("{told:?}") };
    assert!(
        broken.contains("`sh tests.sh` exited with 1") && broken.contains("1 is broken: old"),
        "{broken}"
    );
    assert!(absent.contains("new: is the name of no test that ran"), "{absent}");

    let tasks = folder.run(&["tasks", "--json"]).stdout;
    let tasks: Vec<Value> = serde_json::from_str(&tasks).expect("a listing");
    let task = tasks.iter().find(|task| task["slug"] == "file-1").expect("the task");
    let receipt = &task["receipt"];
    let checks =
        [&receipt["others"][0], &receipt["check"]].map(|check| (&check["command"], &check["exit_code"]));
    assert_eq!(checks, [(&json!("sh lint.sh"), &json!(3)), (&json!("sh tests.sh"), &json!(0))], "{receipt}");
}

/// An environment serves many commits and whatever checks; how they went belongs to one.
#[test]
fn a_baseline_is_of_this_commit_and_of_these_checks() {
    let folder = Folder::new();
    repository(&folder);
    let check = |arguments: &[&str], code: i32, said: &str| {
        let ran = folder.run(&[&["check", "--repo", "repo", "--allow-set-up"], arguments].concat());
        assert_eq!(ran.code, Some(code), "{arguments:?}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stdout.contains(said), "{arguments:?}: {}", ran.stdout);
        assert!(!ran.stdout.contains("Flaky"), "{}", ran.stdout);
    };
    check(&["--check", "sh tests.sh"], 0, "sh tests.sh: exit code 0");
    check(&["--check", "sh lint.sh"], 1, "sh lint.sh: exit code 3");
    check(&["--check", "sh tests.sh"], 0, "sh tests.sh: exit code 0");
    folder.write("repo/file-1.txt", "break\n");
    folder.commit_all("repo");
    check(&["--check", "sh tests.sh"], 1, "fails: old");
    folder.write("repo/file-1.txt", "new\n");
    folder.commit_all("repo");
    check(&["--check", "sh tests.sh"], 0, "sh tests.sh: exit code 0");
    check(&["--check", "no-such-program --x"], 2, "no-such-program");
    check(&["--check", "none"], 0, "Nothing will be verified");
}
