//! Models that do not do what they should, in a whole project: none of it is fatal, and all of it is in `events`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::data::Data;
use crate::folder::Folder;
use crate::rehearsal::{self, Delays};

/// What a model does once before it does its work, and what the journal then says of it.
struct Slip {
    /// The keys of the scene.
    scene: Value,
    /// The event, and a field of it with the text that must be part of it.
    event: &'static str,
    says: (&'static str, &'static str),
    /// Whether it is an answer, so that the work follows with the next call; otherwise the same call is made again.
    is_answer: bool,
}

fn answer(scene: Value, problem: &'static str) -> Slip {
    Slip { scene, event: "malformed_action", says: ("problem", problem), is_answer: true }
}

fn failure(scene: Value, kind: &'static str) -> Slip {
    Slip { scene, event: "model_call_failed", says: ("kind", kind), is_answer: false }
}

fn slips() -> Vec<Slip> {
    let call =
        |name: &str, arguments: Value| json!({ "tool_calls": [{ "name": name, "arguments": arguments }] });
    vec![
        answer(json!({ "text": "I would now write the file." }), "without calling a tool"),
        answer(json!({ "fault": "empty" }), "empty"),
        answer(json!({ "fault": "refusal" }), "refus"),
        answer(json!({ "text": "x".repeat(10 << 20) }), "the limit is 1048576"),
        answer(call("wirte_file", json!({ "path": "a" })), "did you mean `write_file`"),
        answer(call("write_file", json!({ "path": "a" })), "content"),
        answer(call("write_file", json!("{\"path\": \"a")), "JSON"),
        failure(json!({ "fault": "rate_limited", "fault_times": 1, "retry_after_ms": 50 }), "rate_limited"),
        failure(json!({ "fault": "overloaded", "fault_times": 1 }), "overloaded"),
        failure(json!({ "fault": "server_error", "fault_times": 1 }), "server"),
        failure(json!({ "fault": "timeout", "fault_times": 1 }), "timeout"),
        failure(json!({ "fault": "cut_stream", "fault_times": 1 }), "cut_stream"),
        failure(json!({ "fault": "unreachable", "fault_times": 1 }), "unreachable"),
        failure(json!({ "fault": "malformed", "fault_times": 1 }), "malformed"),
    ]
}

/// The scene in which a task is done.
fn work(scenes: &mut [Value], task: usize) -> &mut Value {
    let slug = rehearsal::slug(task);
    scenes.iter_mut().find(|scene| scene["task"] == slug.as_str()).expect("the task's scene")
}

/// Adds the keys of one object to another.
fn with(scene: &Value, keys: &Value) -> Value {
    let mut scene = scene.as_object().expect("a scene").clone();
    scene.extend(keys.as_object().expect("keys").clone());
    scene.into()
}

fn listing(folder: &Folder, arguments: &[&str]) -> Vec<Value> {
    let ran = folder.run(arguments);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).expect("a listing")
}

/// What `syndarix events` tells of each task, by the task's slug.
fn told(folder: &Folder) -> BTreeMap<String, Vec<Value>> {
    let tasks = listing(folder, &["tasks", "--json"]);
    let slug = |id: &Value| {
        let task = tasks.iter().find(|task| task["id"] == *id)?;
        task["slug"].as_str().map(str::to_owned)
    };
    let mut told: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in folder.run(&["events", "--all", "--json"]).stdout.lines() {
        let event: Value = serde_json::from_str(line).expect("an event in each line");
        if let Some(slug) = slug(&event["task"]) {
            told.entry(slug).or_default().push(event["kind"].clone());
        }
    }
    told
}

/// Checks that a project came to its end with every task done and the books right.
fn check_completed(folder: &Folder) {
    let data = Data::open(&folder.join(".syndarix")).expect("records");
    data.check_journal();
    data.check_books();
    assert_eq!(data.task_states().keys().collect::<Vec<_>>(), ["done"]);
    let [(_, state)] = &data.projects()[..] else { panic!("{:?}", data.projects()) };
    assert_eq!(state, "completed");
}

#[test]
fn one_slip_of_each_kind_delays_a_task_and_no_more() {
    let folder = Folder::new();
    let slips = slips();
    rehearsal::write(&folder, slips.len(), slips.len(), Delays::default());
    rehearsal::change(&folder, |scenes| {
        for (index, slip) in slips.iter().enumerate() {
            let own = work(scenes, index + 1);
            if !slip.is_answer {
                *own = with(own, &slip.scene);
                continue;
            }
            let key = json!({ "stage": "develop", "task": own["task"], "turn": 0 });
            let finish = json!({ "name": "finish", "arguments": { "summary": "Written after all." } });
            let (task, late) = (own["task"].clone(), json!({ "turn": 1 }));
            *own = with(own, &late);
            scenes.push(with(&key, &slip.scene));
            scenes.push(json!({ "stage": "develop", "task": task, "turn": 2, "tool_calls": [finish] }));
        }
    });
    let ran = folder.run(&["run", "brief.md"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    check_completed(&folder);
    let told = told(&folder);
    for (index, slip) in slips.iter().enumerate() {
        let (field, part) = slip.says;
        let of_task = &told[&rehearsal::slug(index + 1)];
        let found: Vec<&Value> = of_task.iter().filter(|event| event["event"] == slip.event).collect();
        let says = |event: &&Value| event[field].as_str().is_some_and(|text| text.contains(part));
        assert!(found.len() == 1 && found.iter().all(says), "`{part}` is not told once: {found:?}");
    }
}

#[test]
fn what_never_stops_is_stopped_and_a_human_decides() {
    /// The bad first rounds: the scene, the turns it is played in, and what the human is told.
    fn rounds() -> [(Value, usize, &'static str); 4] {
        let read = json!({ "name": "read_file", "arguments": { "path": "README.md" } });
        [
            (json!({ "fault": "unauthorized" }), 1, "check the provider's API key"),
            (json!({ "tool_calls": [read] }), 20, "went in circles"),
            (json!({ "text": "Let me think about it." }), 20, "could not be acted on"),
            (json!({ "fault": "refusal" }), 20, "could not be acted on"),
        ]
    }
    let folder = Folder::new();
    let rounds = rounds();
    rehearsal::write(&folder, rounds.len(), rounds.len(), Delays::default());
    rehearsal::change(&folder, |scenes| {
        for (index, (bad, turns, _)) in rounds.iter().enumerate() {
            for turn in 0..*turns {
                let key = json!({ "stage": "develop", "task": rehearsal::slug(index + 1), "round": 1, "turn": turn });
                scenes.push(with(&key, bad));
            }
        }
    });
    let ran = folder.run(&["run", "brief.md", "--until-idle"]);
    assert_eq!(ran.code, Some(3), "it waits for a human: {}{}", ran.stdout, ran.stderr);
    let asked = listing(&folder, &["approvals", "--json"]);
    assert_eq!(asked.len(), rounds.len(), "{asked:?}");
    let shown: String = asked
        .iter()
        .map(|approval| {
            assert_eq!(approval["kind"], "escalation");
            folder.run(&["approvals", approval["id"].as_str().expect("an id")]).stdout
        })
        .collect();
    for (_, _, says) in &rounds {
        assert!(shown.contains(says), "`{says}` is not said: {shown}");
    }
    let told = told(&folder);
    for (index, event) in
        ["model_call_failed", "guard_tripped", "guard_tripped", "guard_tripped"].iter().enumerate()
    {
        let of_task = &told[&rehearsal::slug(index + 1)];
        assert!(of_task.iter().any(|told| told["event"] == *event), "{event}: {of_task:?}");
    }

    for approval in &asked {
        let approved = folder.run(&["approve", approval["id"].as_str().expect("an id")]);
        assert_eq!(approved.code, Some(0), "{}", approved.stderr);
    }
    let done = folder.run(&["up", "--until-idle"]);
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    check_completed(&folder);
}
