//! What a commit holds: what the agent made or named, and not what its commands left.

use expect_test::expect;
use serde_json::json;

use syndarix_tools::git::{Identity, Signature};
use syndarix_tools::workspace_server::{Prepared, TestCommand};

use crate::support::{Bench, Setup, git};

async fn left_by_commands(bench: &Bench) {
    bench
        .shell(
            "mkdir -p __pycache__ pkg && touch __pycache__/a.pyc .coverage pkg/junk && echo 2 >> README.md",
        )
        .await;
}

#[tokio::test]
async fn what_commands_left_is_told_and_not_committed() {
    let mut bench = Bench::new().await;
    bench.call("write_file", json!({"path": "pkg/a.py", "content": "a\n"})).await;
    left_by_commands(&bench).await;
    // What was written is remembered by the next server, too.
    bench.reopen();
    let status = bench.call("git_status", json!({})).await.content;
    expect![[r"
        ## main
         M README.md
        ?? pkg/a.py

        new files that a command made, not committed unless `paths` of git_commit names them:
          .coverage
          __pycache__/
          pkg/junk
    "]]
    .assert_eq(&status);
    let diff = bench.call("git_diff", json!({})).await.content;
    assert!(diff.contains("pkg/a.py") && diff.contains("+2\n") && diff.ends_with("pkg/junk\n"), "{diff}");
    assert!(!diff.contains("b/__pycache__"), "{diff}");
    let committed = bench.call("git_commit", json!({"message": "Add a"})).await.content;
    assert!(committed.contains("README.md") && committed.contains("pkg/a.py"), "{committed}");
    assert!(committed.ends_with("  .coverage\n  __pycache__/\n  pkg/junk\n"), "{committed}");
    assert_eq!(git(&bench.root(), &["show", "--name-only", "--format="]), "README.md\npkg/a.py");
    let nothing = bench.call("git_commit", json!({"message": "Again"})).await;
    assert!(nothing.is_error && nothing.content.contains("__pycache__/"), "{}", nothing.content);
}

#[tokio::test]
async fn paths_are_committed_whoever_made_them_and_nothing_else() {
    let bench = Bench::new().await;
    bench.call("write_file", json!({"path": "written", "content": "w"})).await;
    left_by_commands(&bench).await;
    let named =
        json!({"message": "Name", "paths": ["pkg", "./.coverage", bench.root().join("__pycache__/a.pyc")]});
    let committed = bench.call("git_commit", named).await;
    assert!(!committed.is_error, "{}", committed.content);
    let held = git(&bench.root(), &["show", "--name-only", "--format="]);
    assert_eq!(held, ".coverage\n__pycache__/a.pyc\npkg/junk");
    assert_eq!(git(&bench.root(), &["status", "--porcelain"]), "M README.md\n?? written");
    for (paths, expected) in [
        (json!(["missing"]), "did not match any files"),
        (json!(["../x"]), "outside the worktree"),
        (json!(["*"]), "did not match any files"),
        (json!(["/etc"]), "outside the worktree"),
    ] {
        let refused = bench.call("git_commit", json!({"message": "No", "paths": paths})).await;
        assert!(refused.is_error && refused.content.contains(expected), "{}", refused.content);
    }
    bench.call("git_commit", json!({"message": "The rest"})).await;
    assert_eq!(git(&bench.root(), &["status", "--porcelain"]), "");
}

#[tokio::test]
async fn what_belongs_to_others_is_not_committed() {
    let bench = Bench::new().await;
    let head = git(&bench.root(), &["rev-parse", "HEAD"]);
    git(&bench.root(), &["update-index", "--add", "--cacheinfo", &format!("160000,{head},lib")]);
    std::fs::write(bench.root().join(".gitmodules"), "[submodule \"lib\"]\n\tpath = lib\n\turl = ../lib\n")
        .unwrap();
    std::fs::write(bench.root().join(".gitattributes"), "*.bin filter=lfs -text\n").unwrap();
    git(&bench.root(), &["add", "-A", "--", ".gitmodules", ".gitattributes"]);
    git(&bench.root(), &["commit", "-q", "-m", "lib"]);
    for (path, expected) in [("lib/a.c", "in the submodule lib"), ("a.bin", "kept in Git LFS")] {
        bench.call("write_file", json!({"path": "ours.txt", "content": path})).await;
        bench.call("write_file", json!({"path": path, "content": "x"})).await;
        for call in [json!({"message": "All"}), json!({"message": "Named", "paths": [path]})] {
            let refused = bench.call("git_commit", call).await;
            assert!(refused.is_error && refused.content.contains(expected), "{}", refused.content);
        }
        let ours = bench.call("git_commit", json!({"message": "Ours", "paths": ["ours.txt"]})).await;
        assert!(!ours.is_error, "{}", ours.content);
        bench.shell(&format!("rm {path}; echo more > ours.txt")).await;
        let ours = bench.call("git_commit", json!({"message": "Ours again"})).await;
        assert!(!ours.is_error, "{}", ours.content);
    }
    assert_eq!(git(&bench.root(), &["status", "--porcelain"]), "");
}

#[tokio::test]
async fn what_was_removed_moved_or_staged_is_committed() {
    let bench = Bench::new().await;
    bench.call("write_file", json!({"path": "a", "content": "a"})).await;
    bench.call("write_file", json!({"path": "gone", "content": "gone"})).await;
    bench.call("write_file", json!({"path": "ignored", "content": "x"})).await;
    bench.call("write_file", json!({"path": ".gitignore", "content": "ignored\n"})).await;
    bench.shell("rm gone README.md && git add -N a && touch staged && git add staged").await;
    let committed = bench.call("git_commit", json!({"message": "Change"})).await;
    assert!(!committed.is_error, "{}", committed.content);
    assert_eq!(git(&bench.root(), &["ls-files"]), ".gitignore\na\nstaged");
    bench.shell("git mv a b").await;
    bench.call("git_commit", json!({"message": "Move"})).await;
    assert_eq!(git(&bench.root(), &["ls-files"]), ".gitignore\nb\nstaged");
}

#[tokio::test]
async fn a_commit_says_whose_it_is_and_what_it_is_for() {
    let user = Identity { name: "Ann Ö".into(), email: "ann@example.org".into() };
    let signature = Signature { author: Identity::agent("dave"), committer: user, sign_off: true };
    let bench = Bench::with(Setup { signature: Some(signature), ..Setup::default() }).await;
    bench.call("write_file", json!({"path": "a", "content": "a\n"})).await;
    for line in ["Syndarix-Agent: carol", "  syndarix-effect : x"] {
        let refused = bench.call("git_commit", json!({"message": format!("Add a\n\n{line}")})).await;
        assert!(refused.is_error && refused.content.contains(line.trim()), "{}", refused.content);
    }
    bench.call("git_commit", json!({"message": "Add a\n\nIt is new."})).await;
    let shown = git(&bench.root(), &["log", "-1", "--format=%an <%ae>, %cn <%ce>%n%B"]);
    expect![[r"
        Dave <dave@syndarix.invalid>, Ann Ö <ann@example.org>
        Add a

        It is new.

        Syndarix-Agent: dave
        Syndarix-Task: p-1/T-1
        Syndarix-Effect: p-1/T-1/run-1#1.4
        Signed-off-by: Ann Ö <ann@example.org>"]]
    .assert_eq(&shown);
}

#[tokio::test]
async fn one_test_is_run_where_it_is_known_how() {
    let test_commands = vec![TestCommand {
        folder: "web".into(),
        command: ["echo", "{path}::{name}", "in", "{folder}"].map(str::to_owned).to_vec(),
    }];
    let prepared = Prepared { test_commands, ..Prepared::default() };
    let bench = Bench::with(Setup { prepared, ..Setup::default() }).await;
    for path in ["web/tests/a.py", "b.py"] {
        bench.call("write_file", json!({"path": path, "content": ""})).await;
    }
    for (arguments, expected) in [
        (json!({"path": "web/tests/a.py", "name": "test_a"}), "\ntests/a.py::test_a in tests\n"),
        (json!({"path": "web/tests/a.py"}), "\ntests/a.py in tests\n"),
        (json!({"path": "b.py"}), "how one test of b.py is run is not known here; use run_command"),
    ] {
        let answer = bench.call("run_test", arguments.clone()).await.content;
        assert!(answer.contains(expected), "{arguments}: {answer}");
    }
    let known = |bench: &Bench| bench.session.specs().iter().any(|spec| spec.name == "run_test");
    assert!(known(&bench) && !known(&Bench::new().await));
}
