//! The file and git tools, as a model uses them.

use expect_test::{Expect, expect};
use serde_json::{Value, json};

use crate::support::{Bench, git};

async fn answers(bench: &Bench, tool: &str, arguments: Value, expected: Expect) {
    let output = bench.call(tool, arguments).await;
    let prefix = if output.is_error { "error: " } else { "" };
    expected.assert_eq(&format!("{prefix}{}", output.content));
}

#[tokio::test]
async fn files_are_listed_read_searched_written_and_edited() {
    let bench = Bench::new().await;
    answers(
        &bench,
        "write_file",
        json!({"path": "src/deep/lib.rs", "content": "fn a() {}\nfn b() {}\n"}),
        expect!["wrote src/deep/lib.rs (2 lines, 20 bytes)"],
    )
    .await;
    std::fs::write(bench.root().join(".gitignore"), "target/\n").unwrap();
    std::fs::create_dir(bench.root().join("target")).unwrap();
    std::fs::write(bench.root().join("target/junk"), "fn junk").unwrap();
    answers(
        &bench,
        "list_files",
        json!({}),
        expect![[r"
            .gitignore
            README.md
            src/
            src/deep/
            src/deep/lib.rs
        "]],
    )
    .await;
    answers(
        &bench,
        "list_files",
        json!({"path": "src", "depth": 1}),
        expect![[r"
        src/deep/
    "]],
    )
    .await;
    answers(
        &bench,
        "read_file",
        json!({"path": "README.md", "start_line": 2, "end_line": 2}),
        expect![[r"
        two
    "]],
    )
    .await;
    answers(
        &bench,
        "search",
        json!({"pattern": r"fn \w", "glob": "*.rs"}),
        expect![[r"
            src/deep/lib.rs:1:fn a() {}
            src/deep/lib.rs:2:fn b() {}
        "]],
    )
    .await;
    answers(&bench, "search", json!({"pattern": "fn junk"}), expect!["nothing matches"]).await;
    answers(
        &bench,
        "edit_file",
        json!({"path": "src/deep/lib.rs", "old": "fn a()", "new": "fn c()"}),
        expect!["edited src/deep/lib.rs"],
    )
    .await;
    assert_eq!(bench.read("src/deep/lib.rs"), "fn c() {}\nfn b() {}\n");
    answers(
        &bench,
        "edit_file",
        json!({"path": "src/deep/lib.rs", "old": "fn ", "new": "pub fn ", "replace_all": true}),
        expect!["edited src/deep/lib.rs in 2 places"],
    )
    .await;
}

#[tokio::test]
async fn what_cannot_be_done_is_said_so_that_it_can_be_mended() {
    let bench = Bench::new().await;
    std::fs::write(bench.root().join("image.bin"), [1, 0, 2]).unwrap();
    std::fs::write(bench.root().join("long.txt"), "0123456789abcde\n".repeat(10_000)).unwrap();
    let cases = [
        ("read_file", json!({"path": "missing"}), expect!["error: there is no `missing`"]),
        ("read_file", json!({"path": "image.bin"}), expect!["error: `image.bin` is binary (3 bytes)"]),
        ("read_file", json!({"path": "."}), expect!["error: `.` is a folder; use list_files"]),
        (
            "read_file",
            json!({"path": "README.md", "start_line": 9}),
            expect!["error: `README.md` has only 3 lines"],
        ),
        (
            "edit_file",
            json!({"path": "README.md", "old": "four", "new": "five"}),
            expect![
                "error: `old` does not occur in README.md; read the file again and copy the text exactly, with its white space"
            ],
        ),
        (
            "edit_file",
            json!({"path": "README.md", "old": "t", "new": "T"}),
            expect![
                "error: `old` occurs 2 times in README.md; give more of the text around it, or set replace_all"
            ],
        ),
        (
            "write_file",
            json!({"path": ".git/config", "content": "x"}),
            expect!["error: `.git/config` belongs to git; use the git tools"],
        ),
        (
            "write_file",
            json!({"path": "README.md/x", "content": "x"}),
            expect!["error: a part of `README.md/x` is a file, not a folder"],
        ),
        (
            "read_file",
            json!({"path": "../secret"}),
            expect!["error: `../secret` is outside the worktree; give a path relative to it"],
        ),
        (
            "write_file",
            json!({"path": "/etc/motd", "content": "x"}),
            expect!["error: `/etc/motd` is outside the worktree; give a path relative to it"],
        ),
        (
            "git_commit",
            json!({"message": " "}),
            expect!["error: `message` is empty; say what the change does"],
        ),
        (
            "git_diff",
            json!({"base": "--output=/tmp/x"}),
            expect!["error: there is no commit or branch `--output=/tmp/x`"],
        ),
    ];
    for (tool, arguments, expected) in cases {
        answers(&bench, tool, arguments, expected).await;
    }
    let long = bench.call("read_file", json!({"path": "long.txt"})).await;
    assert!(long.content.len() < 70_000, "{} bytes", long.content.len());
    assert!(long.content.ends_with("read again with start_line 4097"), "{}", &long.content[65_000..]);
}

#[tokio::test]
async fn links_out_of_the_worktree_are_refused() {
    let bench = Bench::new().await;
    std::fs::write(bench.folder.path().join("secret"), "secret").unwrap();
    std::os::unix::fs::symlink("../secret", bench.root().join("link")).unwrap();
    std::os::unix::fs::symlink("/", bench.root().join("slash")).unwrap();
    for (tool, arguments) in [
        ("read_file", json!({"path": "link"})),
        ("write_file", json!({"path": "link", "content": "changed"})),
        ("edit_file", json!({"path": "link", "old": "secret", "new": "changed"})),
        ("read_file", json!({"path": "slash/etc/passwd"})),
        ("list_files", json!({"path": "slash"})),
        ("search", json!({"pattern": "root", "path": "slash/etc"})),
    ] {
        let output = bench.call(tool, arguments).await;
        assert!(output.is_error && output.content.contains("leads out"), "{tool}: {}", output.content);
    }
    assert_eq!(std::fs::read_to_string(bench.folder.path().join("secret")).unwrap(), "secret");
}

#[tokio::test]
async fn commits_are_the_agents_own() {
    let bench = Bench::new().await;
    // Nothing of this must run: hooks and programs that the repository itself configures.
    let hook = bench.root().join(".git/hooks/pre-commit");
    std::fs::create_dir_all(hook.parent().unwrap()).unwrap();
    std::fs::write(&hook, "#!/bin/sh\nexit 1\n").unwrap();
    git(&bench.root(), &["config", "core.fsmonitor", "false"]);
    bench.call("write_file", json!({"path": "new.txt", "content": "new\n"})).await;
    answers(
        &bench,
        "git_status",
        json!({}),
        expect![[r"
        ## main
        ?? new.txt
    "]],
    )
    .await;
    let diff = bench.call("git_diff", json!({})).await.content;
    assert!(diff.contains("+new"), "{diff}");
    let committed = bench.call("git_commit", json!({"message": "Add a file\n\nIt is new."})).await;
    assert!(!committed.is_error, "{}", committed.content);
    assert!(committed.content.contains("new.txt"), "{}", committed.content);
    let shown = git(&bench.root(), &["log", "-1", "--format=%an <%ae>|%cn|%B"]);
    assert!(shown.starts_with("Dave <dave@syndarix.invalid>|Dave|Add a file\n\nIt is new."), "{shown}");
    assert!(shown.contains("Syndarix-Effect: p-1/T-1/run-1#1."), "{shown}");
    answers(&bench, "git_commit", json!({"message": "Again"}), expect!["error: there is nothing to commit"])
        .await;
    let log = bench.call("git_log", json!({"limit": 5})).await.content;
    assert_eq!(log.lines().count(), 2, "{log}");
}
