//! Questions that nobody decides in time: asked again without a model call, and refused once they have expired.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::data::Data;
use crate::folder::Folder;
use crate::rehearsal::{self, Delays};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_mins(1);

fn approvals(folder: &Folder) -> Vec<Value> {
    serde_json::from_str(&folder.run(&["approvals", "--all", "--json"]).stdout).expect("a listing")
}

fn state(approvals: &[Value], key: &str) -> String {
    let found = approvals.iter().find(|approval| approval["id"].as_str().is_some_and(|id| id.ends_with(key)));
    found.and_then(|approval| approval["state"].as_str()).unwrap_or("none").to_owned()
}

fn configure(folder: &Folder, valid_for: &str) {
    let text = std::fs::read_to_string(folder.join("syndarix.toml")).expect("a configuration");
    let text = text.split("[approvals]").next().expect("a beginning");
    folder.write("syndarix.toml", format!("{text}[approvals]\nvalid_for = \"{valid_for}\"\n"));
}

#[test]
fn a_checkpoint_that_nobody_decides_is_asked_again_and_costs_nothing() {
    let folder = Folder::new();
    rehearsal::write(&folder, 1, 1, Delays::default());
    configure(&folder, "1 second");
    let asked = folder.run(&["run", "brief.md", "--autonomy", "milestone", "--until-idle"]);
    assert_eq!(asked.code, Some(3), "{}{}", asked.stdout, asked.stderr);
    let data = Data::open(&folder.join(".syndarix")).expect("data");
    let spent = data.check_books();

    // Nobody is there for longer than it is valid: it cannot be decided any more, and says so.
    let deadline = Instant::now() + PATIENCE;
    while state(&approvals(&folder), "A-1") != "expired" {
        assert!(Instant::now() < deadline, "A-1 does not expire");
        std::thread::sleep(Duration::from_millis(50));
    }
    for decision in ["approve", "reject"] {
        let late = folder.run(&[decision, "A-1"]);
        assert_eq!(late.code, Some(2), "{}", late.stdout);
        assert!(late.stderr.contains("has expired") && late.stderr.contains("hint:"), "{}", late.stderr);
    }
    assert!(folder.run(&["approvals"]).stdout.contains("`syndarix up` asks again"));
    assert!(folder.run(&["approvals", "A-1"]).stdout.contains("checkpoint, expired at "));

    // The service notes it, and asks anew with the validity that is configured now.
    configure(&folder, "never");
    let again = folder.run(&["up", "--until-idle"]);
    assert_eq!(again.code, Some(3), "{}{}", again.stdout, again.stderr);
    let all = approvals(&folder);
    assert_eq!((state(&all, "A-1").as_str(), state(&all, "A-2").as_str()), ("expired", "pending"), "{all:?}");
    assert_eq!(all[1]["expires_at"], Value::Null);
    assert_eq!(all[0]["title"], all[1]["title"]);
    assert_eq!(data.check_books(), spent, "no model was called because nobody answered");
    assert_eq!(data.event_counts()["approval_decided"], 1);

    assert_eq!(folder.run(&["approve", "A-2"]).code, Some(0));
    let sprint = folder.run(&["up", "--until-idle"]);
    assert_eq!(sprint.code, Some(3), "{}{}", sprint.stdout, sprint.stderr);
    let id = all[0]["project"].as_str().expect("a project");
    let cancelled = folder.run(&["cancel", id]);
    assert_eq!(cancelled.code, Some(0), "{}", cancelled.stderr);
    let moot = folder.run(&["approve", "A-3"]);
    assert_eq!(moot.code, Some(2), "{}", moot.stdout);
    assert!(moot.stderr.contains("is superseded"), "{}", moot.stderr);
    assert_eq!(state(&approvals(&folder), "A-3"), "superseded");
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_running_service_asks_once_per_period_and_a_killed_one_goes_on_asking() {
    let folder = Folder::new();
    rehearsal::write(&folder, 1, 1, Delays::default());
    configure(&folder, "1 second");
    let mut command = folder.command();
    command.args(["run", "brief.md", "--autonomy", "milestone"]).stdout(Stdio::null()).stderr(Stdio::null());
    let began = Instant::now();
    let running = Running(command.spawn().expect("it starts"));
    while state(&approvals(&folder), "A-3") == "none" {
        assert!(began.elapsed() < PATIENCE, "it is not asked again");
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(running);
    let data = Data::open(&folder.join(".syndarix")).expect("data");
    let (spent, asked) = (data.check_books(), approvals(&folder));
    assert!(asked.len() <= began.elapsed().as_secs() as usize + 1, "more than one per period: {asked:?}");
    let order: Vec<_> = asked.iter().map(|approval| approval["requested_at"].as_i64()).collect();
    assert!(order.windows(2).all(|pair| pair[1] >= pair[0].map(|at| at + 1_000)), "{order:?}");

    configure(&folder, "never");
    // What was asked last keeps its second, and before that is over there may be nothing to do.
    let all = loop {
        assert_eq!(folder.run(&["up", "--until-idle"]).code, Some(3));
        let all = approvals(&folder);
        if all.len() > asked.len() {
            break all;
        }
        assert!(began.elapsed() < PATIENCE, "it is not asked again");
    };
    let (last, earlier) = all.split_last().expect("some");
    assert!(earlier.iter().all(|approval| approval["state"] == "expired"), "{all:?}");
    assert_eq!((last["state"].as_str(), &last["expires_at"]), (Some("pending"), &Value::Null));
    assert_eq!(data.check_books(), spent);
    data.check_journal();
    let decided = data.event_counts()["approval_decided"];
    assert_eq!(decided, earlier.len() as i64, "each expiry is told once");
}
