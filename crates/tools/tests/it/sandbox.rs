//! What the kernel denies. These tests need Landlock with ABI 3 or newer, and say so when there is none.

use std::net::{TcpListener, UdpSocket};

use serde_json::json;
use syndarix_tools::git::Repository;
use syndarix_tools::workspace_server::probe;

use crate::support::{Bench, LAUNCHER, Setup, programs};

#[tokio::test]
async fn this_machine_confines() {
    let confinement = probe();
    assert!(confinement.files && confinement.network && confinement.missing.is_none(), "{confinement:?}");
}

#[tokio::test]
async fn a_command_writes_only_to_its_worktree_and_scratch() {
    let bench = Bench::new().await;
    let outside = bench.folder.path().join("outside");
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("file"), "kept").unwrap();
    std::os::unix::fs::symlink(&outside, bench.root().join("link")).unwrap();
    let path = outside.display();
    for script in [
        format!("echo x > {path}/new"),
        format!("echo x > {path}/file"),
        format!("truncate -s 0 {path}/file"),
        format!("rm {path}/file"),
        format!("mv {path}/file ."),
        format!("ln {path}/file stolen"),
        format!("cat {path}/file"),
        format!("ls {path}"),
        "echo x > link/file".to_owned(),
        "echo x > ../outside/file".to_owned(),
        "cat /etc/shadow".to_owned(),
        "echo x > /tmp/syndarix-sandbox-test".to_owned(),
    ] {
        let output = bench.shell(&script).await;
        assert_ne!(output.exit_code, Some(0), "`{script}` succeeded: {}", output.content);
        assert!(
            output.content.contains("denied") || output.content.contains("cross-device"),
            "{}",
            output.content
        );
    }
    assert_eq!(std::fs::read_to_string(outside.join("file")).unwrap(), "kept");
    let output = bench.shell("echo a > inside && echo b > $TMPDIR/x && echo c > $HOME/y && cat inside").await;
    assert_eq!(output.exit_code, Some(0), "{}", output.content);
}

#[tokio::test]
async fn the_network_is_denied_unless_allowed() {
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (tcp_address, udp_address) = (tcp.local_addr().unwrap(), udp.local_addr().unwrap());
    for network in [false, true] {
        let bench = Bench::with(Setup { network, read_only: programs(), ..Setup::default() }).await;
        for (kind, address) in [("tcp", tcp_address), ("udp", udp_address)] {
            let output = bench.run(&[LAUNCHER, "connect", kind, &address.to_string()]).await;
            let expected = i32::from(!network);
            assert_eq!(output.exit_code, Some(expected), "network: {network}: {}", output.content);
            assert_eq!(output.content.contains("Permission denied"), !network, "{}", output.content);
        }
    }
}

#[tokio::test]
async fn folders_given_to_read_are_read_only() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "shared").unwrap();
    let bench = Bench::with(Setup { read_only: vec![folder.path().to_owned()], ..Setup::default() }).await;
    let path = folder.path().display();
    let output = bench.shell(&format!("cat {path}/file")).await;
    assert!(output.content.contains("shared"), "{}", output.content);
    assert_ne!(bench.shell(&format!("echo x > {path}/file")).await.exit_code, Some(0));
}

#[tokio::test]
async fn an_agent_works_in_a_clone_that_borrows_what_it_may_not_change() {
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::init(&folder.path().join("repository"), "main").await.unwrap();
    let clone = repository.clone_for_task(&folder.path().join("task"), "task", "main").await.unwrap();
    let (root, read_only) = (Some(clone.path.clone()), clone.read_only.clone());
    let bench = Bench::with(Setup { read_only, root, ..Setup::default() }).await;
    bench.call("write_file", json!({"path": "a.txt", "content": "a"})).await;
    let committed = bench.call("git_commit", json!({"message": "Add a"})).await;
    assert!(!committed.is_error, "{}", committed.content);
    assert_eq!(bench.call("git_log", json!({})).await.content.lines().count(), 2);
    let objects = repository.objects();
    for script in [format!("echo x > {}/x", objects.display()), format!("rm -r {}", objects.display())] {
        assert_ne!(bench.shell(&script).await.exit_code, Some(0), "`{script}` succeeded");
    }
    repository.fetch_branch(&clone.path, "task").await.unwrap();
    assert_eq!(repository.changed_files("main", "task").await.unwrap(), ["a.txt"]);
}

#[tokio::test]
async fn many_agents_work_at_once() {
    let agents = (0..20).map(|index| {
        tokio::spawn(async move {
            let bench = Bench::new().await;
            let output = bench.shell(&format!("sleep 0.2; echo agent {index}")).await;
            assert!(output.content.ends_with(&format!("agent {index}\n")), "{}", output.content);
        })
    });
    for agent in agents.collect::<Vec<_>>() {
        agent.await.unwrap();
    }
}

#[tokio::test]
async fn rust_is_built_and_tested_offline() {
    let bench = Bench::new().await;
    std::fs::create_dir(bench.root().join("src")).unwrap();
    let manifest = "[package]\nname = \"tiny\"\nedition = \"2024\"\n[workspace]\n";
    std::fs::write(bench.root().join("Cargo.toml"), manifest).unwrap();
    std::fs::write(bench.root().join("src/lib.rs"), "#[test]\nfn it_runs() {}\n").unwrap();
    let output = bench.run(&["cargo", "test"]).await;
    assert_eq!(output.exit_code, Some(0), "{}", output.content);
    assert!(output.content.contains("1 passed"), "{}", output.content);
    assert!(!bench.root().join("target").exists(), "build output belongs to the scratch folder");
}
