//! What a commit holds: what the agent made or named, and not what its commands left.

use expect_test::expect;
use serde_json::json;

use crate::support::{Bench, git};

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
