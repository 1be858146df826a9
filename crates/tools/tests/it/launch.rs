//! What programs are started with.

use std::process::Command;

use crate::support::{Bench, LAUNCHER};

/// The session of a process and its terminal, from a line of `/proc/PID/stat`.
fn session_and_terminal(stat: &str) -> (String, String) {
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[3].to_owned(), fields[4].to_owned())
}

/// The tests may have no terminal themselves: then the sessions are what tells.
#[tokio::test]
async fn what_is_started_has_no_terminal() {
    let own = session_and_terminal(&std::fs::read_to_string("/proc/self/stat").unwrap()).0;
    let bench = Bench::new().await;
    let command = bench.shell("cat /proc/self/stat; cat /proc/self/oom_score_adj").await.content;
    let launched = Command::new(LAUNCHER)
        .args(["workspace", "--launch", "sh", "-c", "cat /proc/$$/stat; cat /proc/self/oom_score_adj"])
        .output()
        .unwrap();
    for text in [command, String::from_utf8(launched.stdout).unwrap()] {
        let stat = text.lines().find(|line| line.contains('(')).unwrap();
        let (session, terminal) = session_and_terminal(stat);
        assert!(session != own && terminal == "0", "{text}");
        assert!(text.trim_end().ends_with("\n500"), "the kernel ends it sooner than others: {text}");
    }
}

#[test]
fn what_cannot_be_started_says_why() {
    for (program, said) in [
        (&["no-such-program"][..], "error: `no-such-program` cannot be started: there is no such program"),
        (&["/etc/passwd", "x"], "error: `/etc/passwd` cannot be started: it may not be run"),
        (&[], "error: --launch needs a program"),
    ] {
        let ended = Command::new(LAUNCHER).args(["workspace", "--launch"]).args(program).output().unwrap();
        assert_eq!(ended.status.code(), Some(1));
        assert_eq!(String::from_utf8_lossy(&ended.stderr).trim(), said);
    }
}
