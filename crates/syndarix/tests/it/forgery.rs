//! A receipt cannot be forged: nothing that an agent's code wrote outside of the commit is seen by a check, and nothing that
//! a check wrote is seen by another.

use serde_json::{Value, json};

use crate::folder::Folder;
use crate::rehearsal::{self, Delays};

/// What would change how a later check ends, or would be run by it: settings of tools, programs that go first, code that
/// interpreters load by themselves, what was built before, what git does with files.
const PLACES: [&str; 18] = [
    "$HOME/.cargo/config.toml",
    "$CARGO_HOME/config.toml",
    "$CARGO_HOME/bin/cargo",
    "$CARGO_TARGET_DIR/debug/deps/poison",
    "$HOME/.local/bin/sh",
    "$HOME/.local/lib/python3/site-packages/sitecustomize.py",
    "$HOME/.config/pip/pip.conf",
    "$HOME/.config/go/env",
    "$HOME/.npmrc",
    "$HOME/.m2/settings.xml",
    "$HOME/.gitconfig",
    "$HOME/.profile",
    "$TMPDIR/poison",
    "/tmp/poison",
    "/dev/shm/poison",
    ".git/info/attributes",
    "node_modules/poison/index.js",
    "build/poison.o",
];

/// How many of them must have been written for the test to say something. Without namespaces there are fewer.
const WRITTEN: usize = 14;

fn repository(folder: &Folder) {
    let places = PLACES.map(|place| format!("\"{place}\"")).join(" ");
    folder.write(
        "repo/probe.sh",
        format!("for place in {places}; do\n  if [ -e \"$place\" ]; then echo \"seen: $place\"; exit 1; fi\ndone\n"),
    );
    folder.write(
        "repo/poison.sh",
        format!(
            "written=0\nfor place in {places}; do\n  mkdir -p \"$(dirname \"$place\")\" 2>/dev/null\n  \
             if echo poison 2>/dev/null > \"$place\"; then written=$((written + 1)); fi\ndone\n\
             echo \"written: $written\"\n[ $written -ge {WRITTEN} ]\n"
        ),
    );
    // What the user's own commit leaves is there for all that follow; what is poisoned is the agents'.
    folder.write("repo/check.sh", "sh probe.sh || exit 1\nif ls file-*.txt; then sh poison.sh; fi\n");
    folder.commit_all("repo");
}

#[test]
fn no_check_sees_what_an_agent_or_another_check_left() {
    let folder = Folder::new();
    repository(&folder);
    rehearsal::write(&folder, 1, 2, Delays::default());
    let config = std::fs::read_to_string(folder.join("syndarix.toml")).expect("a configuration");
    folder.write("syndarix.toml", config.replace("git diff --quiet HEAD", "sh check.sh"));
    rehearsal::change(&folder, |scenes| {
        for scene in scenes.iter_mut().filter(|scene| !scene["task"].is_null()) {
            let poison = json!({ "name": "run_command", "arguments": { "command": ["sh", "poison.sh"] } });
            scene["tool_calls"].as_array_mut().expect("calls").insert(0, poison);
        }
    });

    let ran = folder.run(&["run", "brief.md", "--repo", "repo"]);
    assert_eq!(ran.code, Some(0), "{}\n{}", ran.stdout, ran.stderr);
    let events = folder.run(&["events", "--all", "--json"]).stdout;
    let events: Vec<Value> =
        events.lines().map(|line| serde_json::from_str(line).expect("an event in each line")).collect();
    // Each task's proof and its merge, and the delivery's.
    let checks: Vec<&Value> = events.iter().filter(|event| event["kind"]["event"] == "check_run").collect();
    assert!(checks.len() >= 6, "{checks:?}");
    for check in checks {
        assert_eq!(check["kind"]["exit_code"], 0, "{check}");
    }
}
