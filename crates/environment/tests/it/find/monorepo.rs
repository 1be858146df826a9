use expect_test::expect;
use syndarix_environment::Repository;
use syndarix_environment::find::{Configured, find_within};

use super::{check, machine, render};

#[test]
fn a_workspace_is_one_part() {
    check(
        &[
            ("package.json", r#"{"workspaces": ["packages/*"], "scripts": {"test": "lerna run test"}}"#),
            ("packages/a/package.json", r#"{"scripts": {"test": "jest"}}"#),
        ],
        &expect![[r"
            [] [JavaScript] with node 22.3.0
              set up: npm install --no-package-lock (package.json)
              Tests: npm test (package.json:1)
        "]],
    );
}

#[test]
fn another_ecosystem_in_a_folder_is_a_part_of_its_own() {
    check(
        &[
            ("go.mod", "module a\n"),
            (
                "frontend/package.json",
                r#"{"scripts": {"test": "vitest run"}, "devDependencies": {"vitest": "1"}}"#,
            ),
            ("examples/x/package.json", r#"{"scripts": {"test": "x"}}"#),
            ("tools/gen/go.mod", "module b\n"),
        ],
        &expect![[r"
            [] [Go] with go
              Tests: go test ./... (go.mod)
            [frontend] [JavaScript] with node 22.3.0
              set up: npm install --no-package-lock (frontend/package.json)
              Tests: npm test (frontend/package.json:1)
        "]],
    );
}

#[test]
fn without_a_manifest_at_the_root_each_folder_is_a_part() {
    check(
        &[
            ("README.md", ""),
            ("Makefile", "lint:\n\tx\n"),
            ("api/pyproject.toml", "[project]\nname = \"a\"\n[build-system]\n"),
            ("api/requirements-dev.txt", "pytest\n"),
            ("api/tests/test_a.py", "import pytest\n"),
            ("web/package.json", r#"{"scripts": {"test": "jest"}}"#),
        ],
        &expect![[r"
            [api] [Python] with python 3.12
              set up: python3 -m venv .venv (api/pyproject.toml)
              set up: .venv/bin/python -m pip install --disable-pip-version-check -e . -r requirements-dev.txt (api/requirements-dev.txt)
              Tests: .venv/bin/python -m pytest (api/tests/test_a.py)
            [web] [JavaScript] with node 22.3.0
              Tests: npm test (web/package.json:1)
        "]],
    );
}

#[test]
fn tests_decide_which_of_several_is_the_main_one() {
    check(
        &[
            ("package.json", r#"{"devDependencies": {"prettier": "3"}}"#),
            ("setup.py", ""),
            ("tests/test_a.py", "import pytest\n"),
            ("Makefile", "test:\n\tpytest\n"),
            ("CMakeLists.txt", "project(a)"),
        ],
        &expect![[r"
            [] [Python] with python 3.12
              set up: python3 -m venv .venv (setup.py)
              set up: .venv/bin/python -m pip install --disable-pip-version-check -e . pytest (setup.py)
              Tests: .venv/bin/python -m pytest (tests/test_a.py)
            note: pytest is declared nowhere and installed because the tests use it
        "]],
    );
}

#[test]
fn a_makefile_says_how_a_manifest_s_tests_run_where_nothing_else_does() {
    check(
        &[("package.json", r#"{"dependencies": {"a": "1"}}"#), ("Makefile", "test: build\n\t./run\n")],
        &expect![[r"
            [] [JavaScript] with node 22.3.0
              set up: npm install --no-package-lock (package.json)
              Tests: make test (Makefile:1)
        "]],
    );
}

#[test]
fn parts_are_bounded() {
    let manifests: Vec<String> = (10..40).map(|number| format!("s{number}/go.mod")).collect();
    let files: Vec<(&str, &str)> = manifests.iter().map(|path| (path.as_str(), "module a\n")).collect();
    let repository = Repository::of(files);
    let environment = syndarix_environment::find::find(&repository, &machine(), &Configured::default());
    assert_eq!(environment.parts.len(), 16);
    assert_eq!(environment.notes.len(), 1);
}

#[test]
fn one_folder_has_its_own_parts_or_its_checks_within_the_whole() {
    let repository = Repository::of([
        ("package.json", r#"{"workspaces": ["packages/*"], "scripts": {"test": "npm test --workspaces"}}"#),
        ("package-lock.json", "{}"),
        ("packages/a/package.json", r#"{"name": "a", "scripts": {"test": "node --test"}}"#),
        ("packages/b/index.js", ""),
        ("api/go.mod", "module a\ngo 1.22\n"),
        ("api/a_test.go", "package a"),
        ("tool/pyproject.toml", "[project]\nname = \"x\"\nrequires-python = \">=3.99\"\n[tool.pytest]\n"),
        ("tool/tests/test_a.py", "def test_a(): pass"),
    ]);
    let of = |within: &str| render(&find_within(&repository, &machine(), &Configured::default(), within));
    expect![[r"
        [api] [Go] with go
          Tests: go test ./... (api/go.mod)
        note: the work is about the folder api: only its checks are run
    "]]
    .assert_eq(&of("api"));
    expect![[r"
        [] [JavaScript] with node 22.3.0
          set up: npm ci (package-lock.json)
        [packages/a] [JavaScript] with node 22.3.0
          Tests: npm test (packages/a/package.json:1)
        note: the work is about the folder packages/a: only its checks are run
    "]]
    .assert_eq(&of("packages/a"));
    expect![[r"
        [] [JavaScript] with node 22.3.0
          set up: npm ci (package-lock.json)
          Tests: npm test (package.json:1)
        note: the work is about the folder packages/b, which has no checks of its own
    "]]
    .assert_eq(&of("packages/b"));
    assert!(of("").contains("missing: python") && of("tool").contains("missing: python"));
}
