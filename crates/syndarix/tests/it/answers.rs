//! An agent that waits for another one's answer: across a crash, and for so long that a human is asked.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::data::Data;
use crate::folder::Folder;
use crate::rehearsal::{self, Delays};

/// Far longer than anything here takes, the minute after which a human is asked included.
const PATIENCE: Duration = Duration::from_mins(3);

/// The question that the first task's engineer asks with its first call.
const QUESTION: &str = "T-3/develop-1/message-2.0";

/// A project with one task whose engineer asks the architect, who answers like this.
fn asking(folder: &Folder, answer: Value) {
    rehearsal::write(folder, 1, 1, Delays::default());
    let ask = json!({ "name": "send_message", "arguments": {
        "to": "Arthur", "kind": "query", "summary": "Which encoding?", "body": "UTF-8 or Latin-1?", "await_reply": true } });
    rehearsal::change(folder, |scenes| {
        let develop = scenes.iter_mut().find(|scene| scene["task"] == "file-1").expect("the task's scene");
        develop["tool_calls"].as_array_mut().expect("calls").insert(0, ask);
        scenes.push(answer);
    });
}

fn answer(delay_ms: u64) -> Value {
    let reply = json!({ "name": "send_message", "arguments": {
        "reply_to": QUESTION, "kind": "query", "summary": "UTF-8", "body": "R2 asks for accents." } });
    let finish = json!({ "name": "finish", "arguments": { "summary": "Answered." } });
    json!({ "stage": "answer", "turn": 0, "delay_ms": delay_ms, "tool_calls": [reply, finish],
            "usage": { "input_tokens": 1000, "output_tokens": 100 } })
}

/// A process that ends with the test.
struct Running(Child);

impl Running {
    fn start(folder: &Folder, arguments: &[&str]) -> Self {
        let mut command = folder.command();
        command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().expect("it starts"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what} does not come");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn states(folder: &Folder, agent: &str) -> Vec<String> {
    let Some(data) = Data::open(&folder.join(".syndarix")) else { return Vec::new() };
    let changes = data.state_changes(None).into_iter();
    changes.filter(|change| change.agent.ends_with(agent)).map(|change| change.to).collect()
}

#[test]
fn a_question_is_answered_by_whoever_is_idle_across_a_crash() {
    let folder = Folder::new();
    asking(&folder, answer(1_500));
    let running = Running::start(&folder, &["run", "brief.md"]);
    let is_waiting = || states(&folder, "engineer-1").last().is_some_and(|state| state == "waiting_input");
    until("the wait", is_waiting);
    until("Arthur's thought", || states(&folder, "arthur").last().is_some_and(|state| state == "thinking"));
    drop(running);
    assert!(is_waiting(), "nobody waits inside of an activity");

    let done = folder.run(&["up", "--until-idle"]);
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    let data = Data::open(&folder.join(".syndarix")).expect("data");
    data.check_journal();
    data.check_books();
    let messages = folder.run(&["messages", "--json"]).stdout;
    let messages: Vec<Value> = serde_json::from_str(&messages).expect("a listing");
    let queries: Vec<_> = messages.iter().filter(|message| message["kind"] == "QUERY").collect();
    assert_eq!(queries.len(), 2, "asked once, answered once: {queries:?}");
    assert_eq!(queries[1]["correlation_id"], queries[0]["id"]);
    assert_eq!(states(&folder, "arthur").last().map(String::as_str), Some("idle"));
    let engineer = states(&folder, "engineer-1");
    assert_eq!(engineer.iter().filter(|state| *state == "waiting_input").count(), 1, "{engineer:?}");
    let answering = data.effects().into_iter().filter(|(key, _)| key.starts_with("T-3/answer-1#"));
    let thoughts = answering.filter(|(_, name)| name.starts_with("model")).count();
    assert_eq!(thoughts, 1, "the answer that was begun before the crash is the one that came");
}

#[test]
fn a_wait_that_takes_too_long_is_put_to_a_human_once() {
    let folder = Folder::new();
    // The answer takes longer than the human's patience with it.
    asking(&folder, answer(150_000));
    let team = std::fs::read_to_string(folder.join("team.toml")).expect("a team");
    folder.write(
        "team.toml",
        team.replace("name = \"Engineer-1\"\n", "name = \"Engineer-1\"\nlimits = { blocked_minutes = 1 }\n"),
    );
    let running = Running::start(&folder, &["run", "brief.md"]);
    let approvals = || -> Vec<Value> {
        serde_json::from_str(&folder.run(&["approvals", "--json"]).stdout).unwrap_or_default()
    };
    until("the question to a human", || !approvals().is_empty());
    let asked = approvals();
    assert_eq!(asked[0]["kind"], "escalation");
    assert_eq!(asked[0]["title"], "Engineer-1 has waited for Arthur's answer for a minute");
    let data = Data::open(&folder.join(".syndarix")).expect("data");
    assert_eq!(data.event_counts()["guard_tripped"], 1);

    let said = folder.run(&["approve", "A-1", "--comment", "UTF-8."]);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    until("the end", || data.projects().iter().all(|(_, state)| state == "completed"));
    drop(running);
    assert_eq!(data.event_counts()["guard_tripped"], 1, "once");
    assert_eq!(states(&folder, "arthur").last().map(String::as_str), Some("idle"));
    data.check_journal();
}
