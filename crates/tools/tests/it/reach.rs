//! What a confined command must not reach: services, secrets and processes of the host, other agents' work.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener};
use std::process::Command;

use syndarix_tools::workspace_server::probe;

use crate::support::{Bench, LAUNCHER, Setup, programs};

/// Says where the inner run of a test finds what it looks for.
const INNER: &str = "SYNDARIX_TEST_INNER";

#[tokio::test]
async fn services_of_the_host_are_not_reached_with_or_without_the_network() {
    for network in [false, true] {
        let bench = Bench::with(Setup { network, read_only: programs(), ..Setup::default() }).await;
        let outside = bench.folder.path().join("data");
        std::fs::create_dir(&outside).unwrap();
        // As the service's own control socket, and even where the socket lies in a folder that may be written to.
        let paths = [outside.join("control.sock"), bench.root().join("control.sock")];
        let listeners = paths.each_ref().map(|path| UnixListener::bind(path).unwrap());
        let log = bench.root().join("log.sock");
        let datagrams = UnixDatagram::bind(&log).unwrap();
        let name = format!("syndarix-test-{}-{network}", std::process::id());
        let unnamed = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();

        let paths = paths.map(|path| path.display().to_string());
        let log = log.display().to_string();
        let tries = [("unix", &paths[0]), ("unix", &paths[1]), ("abstract", &name), ("pair", &log)];
        for (kind, address) in tries {
            let output = bench.run(&[LAUNCHER, "connect", kind, address]).await;
            assert_eq!(output.exit_code, Some(1), "{kind}, network {network}: {}", output.content);
            assert!(output.content.contains("Permission denied"), "{}", output.content);
        }
        for listener in listeners.iter().chain([&unnamed]) {
            listener.set_nonblocking(true).unwrap();
            assert!(listener.accept().is_err(), "somebody came");
        }
        datagrams.set_nonblocking(true).unwrap();
        assert!(datagrams.recv(&mut [0; 8]).is_err(), "somebody wrote");
    }
}

#[tokio::test]
async fn names_are_still_looked_up_where_the_network_is_allowed() {
    let bench = Bench::with(Setup { network: true, ..Setup::default() }).await;
    let output = bench.run(&["getent", "ahosts", "localhost"]).await;
    assert_eq!(output.exit_code, Some(0), "{}", output.content);
    assert!(output.content.contains("127.0.0.1") || output.content.contains("::1"), "{}", output.content);
}

#[tokio::test]
async fn the_data_and_the_work_of_others_are_neither_read_nor_written() {
    for network in [false, true] {
        let bench = Bench::with(Setup { network, ..Setup::default() }).await;
        let other = Bench::new().await;
        let data = bench.folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        std::fs::write(data.join("syndarix.db"), "records").unwrap();
        std::fs::write(other.root().join("work"), "theirs").unwrap();
        for folder in [&data, &other.root(), &other.folder.path().join("scratch")] {
            let path = folder.display();
            for script in [
                format!("ls {path}"),
                format!("cat {path}/*"),
                format!("echo x > {path}/new"),
                format!("rm -r {path}"),
            ] {
                let output = bench.shell(&script).await;
                assert_ne!(output.exit_code, Some(0), "`{script}` succeeded: {}", output.content);
            }
        }
        assert_eq!(std::fs::read_to_string(data.join("syndarix.db")).unwrap(), "records");
        assert_eq!(other.read("work"), "theirs");
    }
}

/// The keys are set in a process of its own, because a test cannot change its own environment.
#[test]
fn no_secret_of_the_host_is_seen() {
    let inner = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "reach::the_environment_of_commands", "--ignored", "--nocapture"])
        .env(INNER, "1")
        .envs(SECRETS.map(|name| (name, "a-secret-value")))
        .output()
        .expect("this test's own program runs");
    let said = String::from_utf8_lossy(&inner.stdout);
    assert!(inner.status.success() && said.contains("1 passed"), "{said}");
}

const SECRETS: [&str; 6] = [
    "ANTHROPIC_API_KEY",
    "OPENAI_API_KEY",
    "GEMINI_API_KEY",
    "GITHUB_TOKEN",
    "AWS_SECRET_ACCESS_KEY",
    "DATABASE_URL",
];

#[tokio::test]
#[ignore = "run by `no_secret_of_the_host_is_seen`, in an environment with secrets"]
async fn the_environment_of_commands() {
    if std::env::var_os(INNER).is_none() {
        return;
    }
    assert!(std::env::var("OPENAI_API_KEY").is_ok(), "the secrets are there to be seen");
    let bench = Bench::new().await;
    let everything =
        "env; for process in /proc/[0-9]*; do tr '\\0' '\\n' < $process/environ; done 2>/dev/null; true";
    let seen = bench.shell(everything).await;
    assert_eq!(seen.exit_code, Some(0), "{}", seen.content);
    assert!(seen.content.contains("CARGO_NET_OFFLINE=true"), "{}", seen.content);
    assert!(seen.content.contains("GIT_CONFIG_GLOBAL=/dev/null"), "{}", seen.content);
    for secret in SECRETS.into_iter().chain(["a-secret-value", INNER]) {
        assert!(!seen.content.contains(secret), "{secret} is passed on: {}", seen.content);
    }
}

#[tokio::test]
async fn no_process_outside_is_signalled_or_looked_into() {
    let bench = Bench::new().await;
    let own = std::process::id();
    // The server itself is within the same bounds; what it answers must still be its own.
    for process in [own.to_string(), "$PPID".to_owned()] {
        for script in [
            format!("cat /proc/{process}/environ"),
            format!("head -c 1 /proc/{process}/mem"),
            format!("ls -l /proc/{process}/fd/"),
            format!("echo forged > /proc/{process}/fd/1"),
            format!("ls /proc/{process}/root/"),
            format!("cat /proc/{process}/cwd/README.md"),
        ] {
            let output = bench.shell(&script).await;
            assert_ne!(output.exit_code, Some(0), "`{script}` succeeded: {}", output.content);
        }
    }
    assert!(probe().signals, "this kernel denies signals");
    let output = bench.shell(&format!("kill -0 {own}")).await;
    assert_ne!(output.exit_code, Some(0), "this process could be signalled");
}

#[tokio::test]
async fn a_command_cannot_end_its_own_server() {
    let bench = Bench::new().await;
    for script in ["kill -9 $PPID", "kill -TERM $PPID", "kill -STOP $PPID"] {
        let output = bench.shell(script).await;
        assert!(output.content.contains("not permitted"), "`{script}`: {}", output.content);
    }
    // Everything it may signal is its own.
    bench.shell("sleep 432109 & kill -9 -1").await;
    assert_eq!(bench.shell("echo still here").await.exit_code, Some(0));
    let output = bench
        .shell("mkdir -p a b && echo moved > a/file && mv a/file b/file && ln b/file a/again && cat a/again")
        .await;
    assert_eq!(output.exit_code, Some(0), "files still move between folders: {}", output.content);
}
