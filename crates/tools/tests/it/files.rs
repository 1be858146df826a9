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
    // Not as a snapshot, which would lose the white space before the number.
    let range = json!({"path": "README.md", "start_line": 2, "end_line": 2});
    assert_eq!(bench.call("read_file", range).await.content, "     2\ttwo\n");
    answers(
        &bench,
        "read_file",
        json!({"path": "README.md", "end_line": 1, "numbers": false}),
        expect![[r"
            one
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
                "error: `old` does not occur in README.md; nothing in it is like it; read the file again and copy the text exactly, with its white space"
            ],
        ),
        (
            "edit_file",
            json!({"path": "README.md", "old": "t", "new": "T"}),
            expect![
                "error: `old` occurs 2 times in README.md (lines 2, 3); give more of the text around it, or set replace_all"
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
    assert!(long.content.ends_with("read again with start_line 2850"), "{}", &long.content[65_000..]);
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

#[tokio::test]
async fn files_keep_their_encoding_and_line_ends() {
    let bench = Bench::new().await;
    let path = bench.root().join("old.txt");
    std::fs::write(&path, b"\xef\xbb\xbfone\r\ntwo\r\n").unwrap();
    answers(
        &bench,
        "read_file",
        json!({"path": "old.txt"}),
        expect![[r"
            (old.txt: UTF-8 with a byte order mark, CRLF line ends; changes keep it)
                 1	one
                 2	two
        "]],
    )
    .await;
    answers(
        &bench,
        "edit_file",
        json!({"path": "old.txt", "edits": [{"old": "one\ntwo", "new": "1\n2"}, {"old": "2\n", "new": "2\n3\n"}]}),
        expect!["edited old.txt in 2 places (kept: UTF-8 with a byte order mark, CRLF line ends)"],
    )
    .await;
    assert_eq!(std::fs::read(&path).unwrap(), b"\xef\xbb\xbf1\r\n2\r\n3\r\n");
    answers(
        &bench,
        "write_file",
        json!({"path": "old.txt", "content": "new\n"}),
        expect!["wrote old.txt (1 lines, 8 bytes) (kept: UTF-8 with a byte order mark, CRLF line ends)"],
    )
    .await;
    std::fs::write(&path, b"caf\xe9\n").unwrap();
    answers(
        &bench,
        "edit_file",
        json!({"path": "old.txt", "old": "café", "new": "→"}),
        expect!["error: `old.txt`: `→` cannot be written in latin-1, the encoding of this file; write it with other characters, or convert the file to UTF-8 first (`iconv`)"],
    )
    .await;
    bench.call("edit_file", json!({"path": "old.txt", "old": "café", "new": "thé"})).await;
    assert_eq!(std::fs::read(&path).unwrap(), b"th\xe9\n");
}

#[tokio::test]
async fn long_lines_are_cut_and_the_file_is_not() {
    let bench = Bench::new().await;
    std::fs::write(bench.root().join("min.js"), format!("{}END\nb\n", "x".repeat(100_000))).unwrap();
    let shown = bench.call("read_file", json!({"path": "min.js"})).await.content;
    assert!(shown.len() < 3_000 && shown.ends_with("x… (the line goes on)\n     2\tb\n"), "{shown}");
    bench.call("edit_file", json!({"path": "min.js", "old": "xEND", "new": "end"})).await;
    assert!(bench.read("min.js").ends_with("xend\nb\n"));
}

#[tokio::test]
async fn a_patch_is_applied_to_the_worktree_and_committed() {
    let bench = Bench::new().await;
    let patch = "--- a/README.md\n+++ b/README.md\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n\
                 --- /dev/null\n+++ b/tools/run.sh\n@@ -0,0 +1 @@\n+echo\n";
    answers(
        &bench,
        "apply_patch",
        json!({"patch": patch}),
        expect![[r"
            applied the patch:
            changed README.md (1 hunk)
            made tools/run.sh (1 hunk)"]],
    )
    .await;
    assert_eq!(
        (bench.read("README.md"), bench.read("tools/run.sh")),
        ("one\n2\nthree\n".into(), "echo\n".into())
    );
    bench.call("git_commit", json!({"message": "Patch"})).await;
    assert_eq!(git(&bench.root(), &["status", "--porcelain"]), "");
    // What git itself prints is taken, whatever it says.
    git(&bench.root(), &["mv", "tools/run.sh", "run.sh"]);
    std::fs::write(bench.root().join("README.md"), "1\n2\n3").unwrap();
    git(&bench.root(), &["update-index", "--chmod=+x", "run.sh"]);
    let patch = git(&bench.root(), &["diff", "HEAD", "-M"]) + "\n";
    git(&bench.root(), &["reset", "-q", "--hard"]);
    let applied = bench.call("apply_patch", json!({"patch": patch})).await;
    assert!(!applied.is_error, "{}\n{patch}", applied.content);
    assert_eq!((bench.read("README.md"), bench.read("run.sh")), ("1\n2\n3".into(), "echo\n".into()));
    assert!(!bench.root().join("tools").exists());
}
