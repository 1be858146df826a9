//! Which of a repository's instructions reach an agent, and in which order.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use expect_test::{Expect, expect};
use syndarix_environment::instructions::{instructions, wanted};

fn check(files: &[(&str, &str)], folders: &[&str], budget_bytes: usize, expected: &Expect) {
    let texts: BTreeMap<String, String> =
        files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    let folders: Vec<String> = folders.iter().map(|folder| (*folder).to_owned()).collect();
    let mut text = String::new();
    for instruction in instructions(&texts, &folders, budget_bytes) {
        let cut = if instruction.shortened { ", shortened" } else { "" };
        let bytes = instruction.text.len();
        assert!(bytes <= budget_bytes);
        let first = instruction.text.lines().next().unwrap_or_default();
        writeln!(
            text,
            "{} for {:?}{cut}: {}",
            instruction.file,
            instruction.folder,
            &first[..first.len().min(30)]
        )
        .expect("a string takes it");
    }
    expected.assert_eq(&text);
}

#[test]
fn the_nearest_folder_comes_first() {
    check(
        &[
            ("AGENTS.md", "the whole"),
            ("CLAUDE.md", "for one"),
            ("GEMINI.md", "for another"),
            ("CONTRIBUTING.md", "send a patch"),
            (".github/copilot-instructions.md", "for a third"),
            (".cursorrules", "for an editor"),
            ("packages/a/AGENTS.md", "of a"),
            ("packages/b/AGENTS.md", "of b"),
        ],
        &["packages/a/src"],
        10_000,
        &expect![[r#"
            packages/a/AGENTS.md for "packages/a": of a
            AGENTS.md for "": the whole
            CLAUDE.md for "": for one
            .github/copilot-instructions.md for "": for a third
            .cursorrules for "": for an editor
            GEMINI.md for "": for another
            CONTRIBUTING.md for "": send a patch
        "#]],
    );
}

#[test]
fn what_was_said_is_not_repeated() {
    check(
        &[
            ("AGENTS.md", "# Rules\n\nBe kind."),
            ("CLAUDE.md", "@AGENTS.md\n"),
            ("GEMINI.md", "AGENTS.md"),
            (".github/copilot-instructions.md", "# Rules\r\n\r\nBe  kind.\r\n"),
            (".cursorrules", "  \n"),
            ("a/CLAUDE.md", "../AGENTS.md"),
        ],
        &["a"],
        10_000,
        &expect![[r#"
            AGENTS.md for "": # Rules
        "#]],
    );
    // A reference to a file that is not given is kept: it says where to look.
    check(
        &[("CLAUDE.md", "@docs/rules.md")],
        &[],
        10_000,
        &expect![[r#"
        CLAUDE.md for "": @docs/rules.md
    "#]],
    );
}

#[test]
fn cursor_s_rules_reach_the_folders_of_their_globs() {
    let rules = [
        (".cursor/rules/all.mdc", "---\nalwaysApply: true\n---\nalways"),
        (".cursor/rules/web.mdc", "---\nglobs: web/**/*.ts, \"web/*.css\"\n---\nweb only"),
        (".cursor/rules/any.mdc", "---\nglobs: **/*.py\nalwaysApply: false\n---\nany Python"),
        (".cursor/rules/hand.mdc", "---\ndescription: by hand\n---\nby hand"),
        (".cursor/rules/deep/plain.mdc", "no front matter"),
    ];
    check(
        &rules,
        &["server"],
        10_000,
        &expect![[r#"
        .cursor/rules/all.mdc for "": always
        .cursor/rules/any.mdc for "": any Python
        .cursor/rules/deep/plain.mdc for "": no front matter
    "#]],
    );
    check(
        &rules,
        &["web/src"],
        10_000,
        &expect![[r#"
        .cursor/rules/all.mdc for "": always
        .cursor/rules/any.mdc for "": any Python
        .cursor/rules/deep/plain.mdc for "": no front matter
        .cursor/rules/web.mdc for "": web only
    "#]],
    );
}

#[test]
fn a_budget_cuts_the_last_ones_first() {
    let long = "a line of it\n".repeat(100);
    let files = [("AGENTS.md", long.as_str()), ("CLAUDE.md", "short"), ("CONTRIBUTING.md", &long[1..])];
    check(
        &files,
        &[],
        10_000,
        &expect![[r#"
        AGENTS.md for "": a line of it
        CLAUDE.md for "": short
        CONTRIBUTING.md for "": line of it
    "#]],
    );
    check(
        &files,
        &[],
        2_000,
        &expect![[r#"
        AGENTS.md for "": a line of it
        CLAUDE.md for "": short
        CONTRIBUTING.md for "", shortened: line of it
    "#]],
    );
    check(
        &files,
        &[],
        600,
        &expect![[r#"
        AGENTS.md for "", shortened: a line of it
        CLAUDE.md for "": short
    "#]],
    );
    check(
        &files,
        &[],
        10,
        &expect![[r#"
        CLAUDE.md for "": short
    "#]],
    );
}

#[test]
fn only_instructions_are_read() {
    let paths = [
        "src/main.rs",
        "a/b/AGENTS.md",
        "AGENTS.md",
        ".cursor/rules/a.mdc",
        "docs/a.mdc",
        "x/copilot-instructions.md",
    ];
    assert_eq!(wanted(paths), ["AGENTS.md", ".cursor/rules/a.mdc", "a/b/AGENTS.md"]);
    let many: Vec<String> = (0..1000).map(|at| format!("p{at}/AGENTS.md")).collect();
    assert_eq!(wanted(many.iter().map(String::as_str)).len(), 200);
}
