//! Commands that do not behave.

use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use serde_json::json;
use syndarix_tools::policy::Policy;
use syndarix_tools::workspace_server::{Limits, Prepared};

use crate::support::{Bench, LAUNCHER, Setup, call, eventually, key, programs, runs};

async fn bench(limits: Limits) -> Bench {
    bench_of(limits, Prepared::default()).await
}

async fn bench_of(limits: Limits, prepared: Prepared) -> Bench {
    let policy = Policy { limits, ..Policy::default() };
    Bench::with(Setup { policy, prepared, read_only: programs(), ..Setup::default() }).await
}

#[tokio::test]
async fn a_command_reports_its_exit_code_and_both_streams() {
    let bench = Bench::new().await;
    let output = bench.shell("echo out; echo err >&2; exit 3").await;
    assert_eq!((output.exit_code, output.is_error), (Some(3), false));
    assert!(output.content.starts_with("exit code 3 after "), "{}", output.content);
    assert!(output.content.ends_with("\nout\nerr\n"), "{}", output.content);
    let output = bench.shell("kill -9 $$").await;
    assert_eq!(output.exit_code, Some(137));
    let output = bench.run(&["no-such-program"]).await;
    assert_eq!((output.exit_code, output.is_error), (Some(127), true));
    let output = bench.run(&["cargo test"]).await;
    assert!(output.content.contains("separate items"), "{}", output.content);
    std::fs::create_dir(bench.root().join("inner")).unwrap();
    let line = json!({"command": "pwd && echo a | tr a b", "folder": "inner"});
    let output = bench.call("run_command", line).await;
    assert!(output.content.ends_with("/inner\nb\n"), "{}", output.content);
    for (folder, expected) in
        [("..", "outside the worktree"), ("README.md", "not a folder"), ("x", "there is no")]
    {
        let output = bench.call("run_command", json!({"command": "true", "folder": folder})).await;
        assert!(output.is_error && output.content.contains(expected), "{}", output.content);
    }
}

#[tokio::test]
async fn a_command_that_never_ends_is_stopped_even_when_it_will_not_listen() {
    let bench = bench(Limits { kill_grace_ms: 200, ..Limits::default() }).await;
    let arguments =
        json!({"command": ["sh", "-c", "trap '' TERM; while :; do sleep 987654; done"], "timeout_s": 1});
    let output = bench.call("run_command", arguments).await;
    assert_eq!((output.exit_code, output.is_error), (Some(124), true));
    assert!(output.content.contains("stopped because its 1 s were up"), "{}", output.content);
    assert!(!runs("987654"));
}

#[tokio::test]
async fn a_gigabyte_of_output_is_taken_in_and_shortened() {
    let bench = Bench::new().await;
    let output = bench.shell("echo first; head -c 1000000000 /dev/zero | tr '\\0' x; echo last").await;
    assert_eq!(output.exit_code, Some(0), "{}", output.content);
    assert!(output.content.len() < 70_000);
    assert!(output.content.contains("first\nxxx") && output.content.ends_with("xxxlast\n"));
    assert!(output.content.contains(" bytes left out …"));
}

#[tokio::test]
async fn what_a_command_leaves_behind_is_ended() {
    let bench = Bench::new().await;
    // One in its group, and one that leaves it; both hold the output open.
    let output = bench.shell("sleep 876543 & setsid sleep 876543 & echo done").await;
    assert_eq!(output.exit_code, Some(0));
    assert!(output.content.ends_with("done\n"), "{}", output.content);
    assert!(!runs("876543"));
}

#[tokio::test]
async fn a_command_that_multiplies_is_stopped() {
    let bench = bench(Limits { processes: 40, ..Limits::default() }).await;
    let script = "i=0; while [ $i -lt 300 ]; do setsid sleep 765432 & i=$((i+1)); done; wait";
    let output = bench.shell(script).await;
    assert!(output.is_error, "{}", output.content);
    assert!(output.content.contains("more than 40 processes"), "{}", output.content);
    assert!(!runs("765432"));
    assert_eq!(bench.shell("echo fine").await.exit_code, Some(0));
}

/// What a command starts is counted by itself: the machine may have lost as many meanwhile.
#[tokio::test]
async fn a_command_that_multiplies_is_stopped_while_others_end() {
    let bench = bench(Limits { processes: 40, ..Limits::default() }).await;
    let ending = Arc::new(Barrier::new(401));
    let others: Vec<_> = (1..401)
        .map(|_| {
            let ending = Arc::clone(&ending);
            std::thread::spawn(move || ending.wait())
        })
        .collect();
    let script = "touch started; while [ ! -e others-ended ]; do sleep 0.02; done; \
                  i=0; while [ $i -lt 200 ]; do setsid sleep 543210 & i=$((i+1)); done; wait";
    let started = bench.root().join("started");
    let calling = bench.shell(script);
    tokio::pin!(calling);
    // However long it takes on a busy machine: a command that does not begin ends.
    tokio::select! {
        output = &mut calling => panic!("it ended: {}", output.content),
        () = async { while !started.exists() { tokio::time::sleep(Duration::from_millis(10)).await } } => {}
    }
    ending.wait();
    for other in others {
        other.join().unwrap();
    }
    std::fs::write(bench.root().join("others-ended"), "").unwrap();
    let output = calling.await;
    assert!(output.content.contains("more than 40 processes"), "{}", output.content);
    assert!(!runs("543210"));
}

#[tokio::test]
async fn a_command_that_doubles_is_stopped() {
    for isolated in [false, true] {
        let prepared = Prepared { isolated, own_processes: isolated, ..Prepared::default() };
        let bench = bench_of(Limits { processes: 60, ..Limits::default() }, prepared).await;
        // Sixteen thousand processes in the end, were it left alone; each in a group of its own.
        std::fs::write(
            bench.root().join("double.sh"),
            "[ $1 -gt 0 ] && for half in 1 2; do setsid sh double.sh $(($1 - 1)) & done\nexec sleep 321098\n",
        )
        .unwrap();
        let output = bench.run(&["sh", "double.sh", "13"]).await;
        assert!(output.is_error, "{}", output.content);
        assert!(output.content.contains("more than 60 processes"), "{}", output.content);
        assert!(!runs("double.sh") && !runs("321098"), "something is left");
        assert_eq!(bench.shell("echo fine").await.exit_code, Some(0));
    }
}

#[tokio::test]
async fn a_command_of_many_threads_is_stopped() {
    let bench = bench(Limits { processes: 20, ..Limits::default() }).await;
    let output = bench.run(&[LAUNCHER, "threads", "400"]).await;
    assert!(output.is_error, "{}", output.content);
    assert!(output.content.contains("more than 160 threads"), "{}", output.content);
}

#[tokio::test]
async fn a_command_that_takes_memory_is_stopped() {
    let bench = bench(Limits { memory_bytes: Some(200_000_000), ..Limits::default() }).await;
    // Its own, that of its children together, and what only a descriptor leads to.
    let own = "perl -e '$x = \"x\" x 300_000_000; sleep 887766'";
    let together = "for one in 1 2 3; do perl -e '$x = \"x\" x 90_000_000; sleep 887766' & done; wait";
    let unmapped = format!(
        "perl -e '$n = \"held\"; $f = syscall({}, $n, 0); open(F, \">&=\", $f); print F \"x\" x 1_000_000 for 1..300; sleep 887766'",
        libc::SYS_memfd_create
    );
    for script in [own, together, &unmapped] {
        let output = bench.shell(script).await;
        assert!(output.is_error, "{script}: {}", output.content);
        assert!(output.content.contains("held more than 200 MB of memory"), "{}", output.content);
        assert!(!runs("887766"));
    }
    // What is shared is one's: three times sixty megabytes that all have, and a little of each.
    let shared = "perl -e '$x = \"x\" x 60_000_000; for (1..3) { fork or do { sleep 2; exit } } 1 while wait > 0; print \"done\"'";
    let output = bench.shell(shared).await;
    assert!(output.exit_code == Some(0) && output.content.contains("done"), "{}", output.content);
}

#[tokio::test]
async fn a_workspace_may_only_become_so_large() {
    let bench = bench(Limits { disk_bytes: 30_000_000, ..Limits::default() }).await;
    let fill = |path: &str| {
        format!("i=0; while [ $i -lt 100000 ]; do head -c 100000 /dev/zero > {path}/$i; i=$((i+1)); done")
    };
    for place in [".", "$TMPDIR"] {
        let started = Instant::now();
        let output = bench.shell(&fill(place)).await;
        assert!(output.is_error, "{}", output.content);
        let expected = "stopped because the worktree and the scratch folder hold more than 30 MB now; delete";
        assert!(output.content.contains(expected), "{}", output.content);
        assert!(started.elapsed() < Duration::from_mins(1), "ten gigabytes take longer");
        // It can be emptied, and then it is as good as before.
        let emptied = bench.shell(&format!("rm -f {place}/[0-9]*; sleep 0.3")).await;
        assert_eq!((emptied.exit_code, emptied.is_error), (Some(0), false), "{}", emptied.content);
        assert_eq!(bench.shell("head -c 9000000 /dev/zero > fits && rm fits").await.exit_code, Some(0));
    }
}

#[tokio::test]
async fn what_fills_a_workspace_too_quickly_to_be_stopped_is_told_and_goes_no_further() {
    let bench = bench(Limits { disk_bytes: 30_000_000, ..Limits::default() }).await;
    let output = bench.shell("head -c 50000000 /dev/zero > big").await;
    assert!(output.is_error, "{}", output.content);
    assert!(output.content.contains("hold more than 30 MB"), "{}", output.content);
    assert_eq!(bench.shell("ls").await.exit_code, Some(0), "what adds nothing may run");
    // How much there is by then depends on how busy the machine is; that it ends before its own end does not.
    let fill =
        "i=0; while [ $i -lt 1000 ]; do head -c 5000000 /dev/zero >> more; sleep 0.05; i=$((i+1)); done";
    let output = bench.shell(fill).await;
    assert!(output.is_error && output.content.contains("stopped because"), "{}", output.content);
    assert!(std::fs::metadata(bench.root().join("more")).unwrap().len() < 5_000_000_000);
}

#[tokio::test]
async fn a_file_may_only_become_so_large() {
    let bench = bench(Limits { file_bytes: 1_000_000, ..Limits::default() }).await;
    let output = bench.shell("head -c 5000000 /dev/zero > big").await;
    assert_ne!(output.exit_code, Some(0));
    assert_eq!(std::fs::metadata(bench.root().join("big")).unwrap().len(), 1_000_000);
}

#[tokio::test]
async fn a_cancelled_call_ends_its_command() {
    let bench = Bench::new().await;
    let long = call("run_command", json!({"command": ["sleep", "654321"]}));
    {
        let (first, pending_key) = (key(900), &bench.session);
        let calling = pending_key.call(&first, &long);
        tokio::pin!(calling);
        tokio::select! {
            _ = &mut calling => panic!("it ended"),
            () = eventually("the command runs", || runs("654321")) => {}
        }
    }
    eventually("the command is ended", || !runs("654321")).await;
    assert_eq!(bench.shell("echo fine").await.exit_code, Some(0));
}

#[tokio::test]
async fn a_dropped_session_ends_everything() {
    let bench = Bench::new().await;
    let long = call("run_command", json!({"command": ["sh", "-c", "setsid sleep 543210 & wait"]}));
    let Bench { session, folder, .. } = bench;
    let root = folder.path().display().to_string();
    assert!(!runs(&root));
    let started = Instant::now();
    let calling = tokio::spawn(async move { session.call(&key(901), &long).await });
    eventually("the command runs", || runs("543210") && runs(&root)).await;
    calling.abort();
    eventually("the command is ended", || !runs("543210")).await;
    eventually("the server is ended", || !runs(&root)).await;
    assert!(started.elapsed() < Duration::from_secs(30));
}
