//! A call happens once, whatever is interrupted.

use serde_json::json;
use syndarix_core::tool::Risk;
use syndarix_tools::{Error, Orphan};

use crate::support::{Bench, Setup, call, eventually, git, key};

#[tokio::test]
async fn a_recorded_result_is_not_repeated() {
    let bench = Bench::new().await;
    let append = call("run_command", json!({"command": ["sh", "-c", "echo x >> log"]}));
    let first = bench.session.call(&key(1), &append).await.unwrap();
    let again = bench.session.call(&key(1), &append).await.unwrap();
    assert_eq!(first, again);
    assert_eq!(bench.read("log"), "x\n");
    assert_eq!(bench.memory.event_names(), ["tool_called"]);
    let other = call("run_command", json!({"command": ["true"]}));
    assert!(bench.session.call(&key(1), &other).await.is_err(), "a key stands for one request");
}

#[tokio::test]
async fn a_lost_result_of_a_harmless_call_is_made_again() {
    let mut bench = Bench::new().await;
    std::fs::write(bench.root().join("a.txt"), "old\n").unwrap();
    let calls = [
        call("write_file", json!({"path": "b.txt", "content": "whole"})),
        call("edit_file", json!({"path": "a.txt", "old": "old", "new": "old and new"})),
        call(
            "edit_file",
            json!({"path": "a.txt", "edits": [{"old": "old", "new": "old, old"}, {"old": "new", "new": "renewed"}]}),
        ),
        call(
            "apply_patch",
            json!({"patch": "--- a/a.txt\n+++ b/a.txt\n@@ -1 +1,2 @@\n+first\n old, old and renewed\n\
                             --- a/b.txt\n+++ b/c.txt\n@@ -1 +1 @@\n-whole\n+moved\n"}),
        ),
        call("git_commit", json!({"message": "Change both"})),
        call("read_file", json!({"path": "c.txt"})),
    ];
    for (index, call) in calls.iter().enumerate() {
        let key = key(u32::try_from(index).unwrap());
        let first = bench.session.call(&key, call).await.unwrap();
        assert!(!first.is_error, "{}", first.content);
        bench.memory.lose_result(&key);
        bench.reopen();
        let again = bench.session.call(&key, call).await.unwrap();
        assert_eq!(first, again, "{}", call.name);
    }
    assert_eq!(bench.read("a.txt"), "first\nold, old and renewed\n");
    assert_eq!(git(&bench.root(), &["rev-list", "--count", "HEAD"]), "2");
}

#[tokio::test]
async fn a_lost_result_of_any_other_call_is_for_a_human() {
    let bench = Bench::new().await;
    let append = call("run_command", json!({"command": ["sh", "-c", "echo x >> log"]}));
    assert_eq!(bench.session.risk(&append), Risk::Low, "what it does stays in its clone");
    bench.session.call(&key(1), &append).await.unwrap();
    bench.memory.lose_result(&key(1));
    match bench.session.call(&key(1), &append).await {
        Err(error @ Error::UnknownEffect { .. }) => assert!(error.hint().is_some() && !error.retryable()),
        other => panic!("{other:?}"),
    }
    let output = bench.session.call_decided(&key(1), &append, Orphan::AssumeDone).await.unwrap();
    assert!(output.content.contains("it happened"), "{}", output.content);
    assert_eq!(bench.read("log"), "x\n");
    bench.memory.lose_result(&key(1));
    bench.session.call_decided(&key(1), &append, Orphan::Repeat).await.unwrap();
    assert_eq!(bench.read("log"), "x\nx\n");
}

#[tokio::test]
async fn what_is_refused_is_said_and_journalled_once() {
    let scopes = vec!["workspace.read_file".into(), "workspace.list_files".into()];
    let bench = Bench::with(Setup { scopes: Some(scopes), ..Setup::default() }).await;
    let names: Vec<&str> = bench.session.specs().iter().map(|spec| spec.name.as_str()).collect();
    assert_eq!(names, ["list_files", "read_file"]);
    let cases = [
        (
            call("write_file", json!({"path": "a", "content": "b"})),
            "this role may not call `workspace.write_file`",
        ),
        (call("reed_file", json!({"path": "a"})), "there is no tool `reed_file`; did you mean `read_file`?"),
        (call("frobnicate", json!({})), "there is no tool `frobnicate`; the tools are list_files, read_file"),
        (call("read_file", json!({"file": "a"})), "the argument `path` is missing"),
        (call("read_file", json!("{\"path\": \"a")), "the arguments are not JSON"),
    ];
    for (index, (call, expected)) in cases.iter().enumerate() {
        let key = key(u32::try_from(index).unwrap());
        let output = bench.session.call(&key, call).await.unwrap();
        assert!(output.is_error && output.content.contains(expected), "{}", output.content);
        assert_eq!(bench.session.call(&key, call).await.unwrap(), output);
    }
    let malformed = "malformed_action";
    assert_eq!(bench.memory.event_names(), ["tool_denied", malformed, malformed, malformed, malformed]);
}

#[tokio::test]
async fn a_workspace_server_that_is_killed_is_started_again() {
    let bench = Bench::new().await;
    // The server is the parent of what it runs, which cannot end it itself.
    let tell = call("run_command", json!({"command": ["sh", "-c", "echo $PPID > server; exec sleep 5"]}));
    let key = key(900);
    let calling = bench.session.call(&key, &tell);
    let file = bench.root().join("server");
    let killing = async {
        let server = || std::fs::read_to_string(&file).unwrap_or_default().trim().to_owned();
        eventually("the command runs", || !server().is_empty()).await;
        let killed = std::process::Command::new("kill").args(["-9", &server()]).status();
        assert!(killed.expect("there is a kill").success());
    };
    match tokio::join!(calling, killing).0 {
        Err(Error::UnknownEffect { .. }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(bench.shell("echo alive").await.exit_code, Some(0));
    assert!(bench.memory.event_names().contains(&"note"));
}

#[tokio::test]
async fn a_server_waits_until_the_one_before_has_left_the_worktree() {
    let bench = Bench::new().await;
    // As the server of a killed program does until everything that it started has ended.
    let claim = std::fs::File::open(bench.root()).unwrap();
    claim.lock().unwrap();
    let write = bench.call("write_file", json!({"path": "b.txt", "content": "late"}));
    tokio::pin!(write);
    tokio::select! {
        output = &mut write => panic!("two servers worked in one worktree: {}", output.content),
        () = tokio::time::sleep(std::time::Duration::from_millis(500)) => {}
    }
    drop(claim);
    let output = write.await;
    assert!(!output.is_error, "{}", output.content);
    assert_eq!(bench.read("b.txt"), "late");
}

#[tokio::test]
async fn locks_of_a_git_that_was_killed_do_not_stop_the_next_commit() {
    let bench = Bench::new().await;
    for lock in ["index.lock", "HEAD.lock", "refs/heads/main.lock"] {
        std::fs::write(bench.root().join(".git").join(lock), "").unwrap();
    }
    bench.call("write_file", json!({"path": "b.txt", "content": "new"})).await;
    let output = bench.call("git_commit", json!({"message": "Add b"})).await;
    assert!(!output.is_error, "{}", output.content);
}
