//! Commands with a root and a network of their own. These tests need namespaces, and say so where there are none.

use std::path::Path;

use syndarix_tools::git::Repository;
use syndarix_tools::workspace_server::Prepared;

use crate::support::{Bench, LAUNCHER, Setup, launcher, programs};

async fn isolated(change: impl FnOnce(&Path, &mut Prepared)) -> (tempfile::TempDir, Bench) {
    let folder = tempfile::tempdir().unwrap();
    let isolation = launcher().isolation(folder.path()).await;
    assert!(isolation.has_processes(), "{isolation:?}");
    let mut prepared =
        Prepared { isolated: true, own_processes: true, name: "sample".into(), ..Prepared::default() };
    change(folder.path(), &mut prepared);
    let bench = Bench::with(Setup { prepared, read_only: programs(), ..Setup::default() }).await;
    (folder, bench)
}

#[tokio::test]
async fn every_clone_is_seen_at_the_same_place() {
    let (_folder, bench) = isolated(|_, _| {}).await;
    let output =
        bench.shell("pwd; cat README.md; echo $HOME; cd; pwd; id -u; echo x > /tmp/x; ls / /tmp").await;
    assert_eq!(output.exit_code, Some(0), "{}", output.content);
    for expected in ["/workspace/sample\n", "three", "/workspace-home\n"] {
        assert!(output.content.contains(expected), "{expected}: {}", output.content);
    }
    assert!(!Path::new("/tmp/x").exists());
    assert!(bench.folder.path().join("scratch/tmp/x").exists());
}

#[tokio::test]
async fn what_set_up_left_is_seen_and_stays_as_it_is() {
    let (folder, bench) = isolated(|folder, prepared| {
        let layer = folder.join("root,layer:1");
        std::fs::create_dir_all(layer.join("node_modules/dep")).unwrap();
        std::fs::write(layer.join("node_modules/dep/index.js"), "original").unwrap();
        let home = folder.join("home");
        std::fs::create_dir_all(home.join(".m2")).unwrap();
        std::fs::write(home.join(".m2/artifact"), "jar").unwrap();
        let below = folder.join("below");
        std::fs::create_dir_all(below.join(".m2")).unwrap();
        std::fs::write(below.join(".m2/artifact"), "older").unwrap();
        std::fs::write(below.join(".m2/cached"), "cached").unwrap();
        (prepared.root_layer, prepared.home_layer) = (Some(layer), Some(home));
        prepared.home_below = Some(below);
    })
    .await;
    let output = bench.shell("cat node_modules/dep/index.js ~/.m2/artifact ~/.m2/cached").await;
    assert!(output.content.contains("originaljarcached"), "{}", output.content);
    let output = bench
        .shell("echo changed > node_modules/dep/index.js && rm ~/.m2/artifact && cat node_modules/dep/index.js; ls ~/.m2")
        .await;
    assert!(output.content.ends_with("changed\ncached\n"), "{}", output.content);
    let layer = folder.path().join("root,layer:1");
    assert_eq!(std::fs::read_to_string(layer.join("node_modules/dep/index.js")).unwrap(), "original");
    assert!(folder.path().join("home/.m2/artifact").exists());
    let read = bench.call("read_file", serde_json::json!({"path": "node_modules/dep/index.js"})).await;
    assert!(read.content.contains("changed"), "{}", read.content);
}

#[tokio::test]
async fn nothing_else_of_the_machine_can_be_named() {
    let (folder, bench) = isolated(|_, _| {}).await;
    std::fs::write(folder.path().join("secret"), "secret").unwrap();
    let outside = folder.path().display();
    for script in [
        format!("cat {outside}/secret"),
        format!("chmod 777 {outside}"),
        "cat /etc/shadow".to_owned(),
        "touch /usr/x".to_owned(),
        "chmod 700 /usr".to_owned(),
        "echo x > /x".to_owned(),
        "mkdir /workspace/other".to_owned(),
        "mount -t tmpfs none /tmp".to_owned(),
    ] {
        let output = bench.shell(&script).await;
        assert_ne!(output.exit_code, Some(0), "`{script}` succeeded: {}", output.content);
    }
}

#[tokio::test]
async fn a_server_on_the_loopback_interface_is_reached_and_the_machines_is_not() {
    let (_folder, bench) = isolated(|_, _| {}).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let output = bench.run(&[LAUNCHER, "connect", "tcp", &listener.local_addr().unwrap().to_string()]).await;
    assert!(output.content.contains("refused"), "{}", output.content);
    let script = "import socket,threading\n\
                  s=socket.socket(); s.bind(('127.0.0.1',0)); s.listen()\n\
                  threading.Thread(target=lambda: s.accept()[0].send(b'hello')).start()\n\
                  print(socket.create_connection(s.getsockname()).recv(5))\n\
                  u=socket.socket(socket.AF_UNIX); u.bind('/tmp/s'); print('bound')";
    let output = bench.run(&["python3", "-c", script]).await;
    assert!(output.content.contains("b'hello'") && output.content.contains("bound"), "{}", output.content);
}

#[tokio::test]
async fn git_works_at_the_same_place() {
    let folder = tempfile::tempdir().unwrap();
    let repository = Repository::init(&folder.path().join("repository"), "main").await.unwrap();
    let clone = repository.clone_for_task(&folder.path().join("task"), "task", "main").await.unwrap();
    // The objects that the clone borrows lie below the machine's own `/tmp`, and are seen there nonetheless.
    let prepared =
        Prepared { isolated: true, own_processes: true, name: "sample".into(), ..Prepared::default() };
    let (root, read_only) = (Some(clone.path), clone.read_only);
    let bench = Bench::with(Setup { read_only, prepared, root, ..Setup::default() }).await;
    bench.call("write_file", serde_json::json!({"path": "a.txt", "content": "a\n"})).await;
    let committed = bench.call("git_commit", serde_json::json!({"message": "Add a"})).await;
    assert!(!committed.is_error, "{}", committed.content);
    let output = bench.shell("git status --short; git log --oneline | wc -l").await;
    assert!(output.content.ends_with("2\n"), "{}", output.content);
}
