//! Programs that go on running between calls.

use serde_json::json;
use syndarix_tools::policy::Policy;
use syndarix_tools::workspace_server::Limits;

use crate::support::{Bench, Setup, eventually, runs};

async fn output(bench: &Bench, id: &str, since: u64) -> String {
    bench.call("read_output", json!({"id": id, "since": since, "wait_s": 10})).await.content
}

#[tokio::test]
async fn a_program_goes_on_while_commands_come_and_go() {
    let bench = Bench::new().await;
    let script = "echo ready; while [ ! -e go ]; do sleep 0.05; done; echo went; sleep 135791 & sleep 135792";
    let started = bench.call("start_process", json!({"command": script, "name": "server"})).await;
    assert!(
        started
            .content
            .starts_with("p1 (server): runs for 1 s, 6 bytes printed; ask for more with since 6\nready\n"),
        "{}",
        started.content
    );
    let command = bench.shell("setsid sleep 135793 & touch go; ls").await;
    assert_eq!(command.exit_code, Some(0), "{}", command.content);
    assert!(!runs("135793"), "what a command leaves is still ended");
    let more = output(&bench, "p1", 6).await;
    assert!(more.ends_with("with since 11\nwent\n"), "{more}");
    eventually("both run", || runs("sleep\x00135791") && runs("sleep\x00135792")).await;
    bench.shell("true").await;
    assert!(runs("sleep\x00135791") && runs("sleep\x00135792"));
    let listed = bench.call("list_processes", json!({})).await.content;
    assert!(listed.starts_with("p1 (server): runs for "), "{listed}");
    let stopped = bench.call("stop_process", json!({"id": "p1"})).await.content;
    assert_eq!(stopped, "p1 (server): stopped, 11 bytes printed");
    assert!(!runs("sleep\x00135791") && !runs("sleep\x00135792"));
    let again = bench.call("stop_process", json!({"id": "p1"})).await.content;
    assert_eq!(again, stopped);
}

#[tokio::test]
async fn programs_are_few_and_told_when_they_end() {
    let bench = Bench::new().await;
    let failed = bench.call("start_process", json!({"command": "echo no such port; exit 3"})).await;
    assert!(failed.content.contains("): ended with exit code 3, 13 bytes printed"), "{}", failed.content);
    let missing = bench.call("start_process", json!({"command": ["no-such-program"]})).await;
    assert!(missing.is_error && missing.content.contains("no such program"), "{}", missing.content);
    for _ in 0..4 {
        let started = bench.call("start_process", json!({"command": ["sleep", "246801"]})).await;
        assert!(!started.is_error, "{}", started.content);
    }
    let fifth = bench.call("start_process", json!({"command": ["sleep", "246801"]})).await;
    assert!(fifth.is_error && fifth.content.contains("stop_process first"), "{}", fifth.content);
    let unknown = bench.call("read_output", json!({"id": "p99"})).await;
    assert!(unknown.is_error && unknown.content.contains("there is no program `p99`"), "{}", unknown.content);
    bench.session.close().await;
    assert!(!runs("246801"), "the session is over");
}

#[tokio::test]
async fn a_program_that_multiplies_or_prints_without_end_is_bounded() {
    let limits = Limits { processes: 40, output_bytes: 1_000, ..Limits::default() };
    let bench =
        Bench::with(Setup { policy: Policy { limits, ..Policy::default() }, ..Setup::default() }).await;
    bench.call("start_process", json!({"command": "yes"})).await;
    let shown = output(&bench, "p1", 0).await;
    assert!(shown.contains(" bytes left out …\n") && shown.len() < 1_500, "{shown}");
    bench.call("stop_process", json!({"id": "p1"})).await;
    let script = "i=0; while [ $i -lt 300 ]; do sleep 357913 & i=$((i+1)); done; wait";
    bench.call("start_process", json!({"command": script})).await;
    let mut last = String::new();
    for _ in 0..20 {
        last = bench.call("list_processes", json!({})).await.content;
        if last.contains("more than 40 processes") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    assert!(last.contains("more than 40 processes"), "{last}");
    eventually("all of it is ended", || !runs("357913")).await;
}
