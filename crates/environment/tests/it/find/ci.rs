use expect_test::expect;

use super::check;

#[test]
fn a_broken_workflow_is_a_note() {
    check(
        &[("go.mod", "module a\n"), (".github/workflows/ci.yml", "jobs: [\n"), (".devcontainer.json", "{")],
        &expect![[r"
            [] [Go] with go
              Tests: go test ./... (go.mod)
            note: .devcontainer.json cannot be read and is left out: EOF while parsing an object at line 1 column 1
            note: .github/workflows/ci.yml cannot be read and is left out: while parsing a node, did not find expected node content at byte 8 line 2 column 1
        "]],
    );
}

#[test]
fn scripts_of_a_folder_belong_to_its_part() {
    let workflow = "defaults:\n  run:\n    working-directory: ./web\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n      - run: npm ci && npm run build && npm test\n  b:\n    runs-on: windows-latest\n    steps:\n      - run: npm run lint\n";
    check(
        &[
            (
                "web/package.json",
                r#"{"scripts": {"test": "a", "build": "b", "lint": "c"}, "dependencies": {"x": "1"}}"#,
            ),
            (".github/workflows/web.yml", workflow),
        ],
        &expect![[r"
            [web] [JavaScript] with node 22.3.0
              set up: npm install --no-package-lock (web/package.json)
              Build: npm run build (.github/workflows/web.yml:8)
              Tests: npm test (web/package.json:1)
        "]],
    );
    let gitlab = "image: node\ntest:\n  script:\n    - cd web\n    - npm run lint\n";
    check(
        &[("web/package.json", r#"{"scripts": {"test": "a", "lint": "c"}}"#), (".gitlab-ci.yml", gitlab)],
        &expect![[r"
            [web] [JavaScript] with node 22.3.0
              Lint: npm run lint (.gitlab-ci.yml:5)
              Tests: npm test (web/package.json:1)
        "]],
    );
}

#[test]
fn prepared_workspaces_say_what_is_installed() {
    check(
        &[
            ("setup.py", "setup(extras_require={'full': []})"),
            ("test_a.py", "import pytest\n"),
            (
                ".devcontainer/devcontainer.json",
                "{ // one\n \"postCreateCommand\": \"pip install -e '.[full]'\", }",
            ),
        ],
        &expect![[r"
            [] [Python] with python 3.12
              set up: python3 -m venv .venv (setup.py)
              set up: .venv/bin/python -m pip install --disable-pip-version-check -e .[full] pytest (.devcontainer/devcontainer.json:2)
              Tests: .venv/bin/python -m pytest (test_a.py)
            note: pytest is declared nowhere and installed because the tests use it
        "]],
    );
}

#[test]
fn what_jobs_for_other_work_install_is_left_out() {
    let install = |package: &str| format!("    steps:\n      - run: pip install {package}\n");
    let job = |name: &str, package: &str| format!("  {name}:\n{}", install(package));
    let jobs = [job("Spelling", "a"), job("test-release", "b"), job("publish_docs", "c"), job("unit", "d")];
    check(
        &[
            ("setup.py", ""),
            ("test_a.py", "import pytest\n"),
            (".github/workflows/ci.yml", &format!("jobs:\n{}", jobs.concat())),
            (".github/workflows/codespell.yml", &format!("jobs:\n{}", job("main", "e"))),
        ],
        &expect![[r"
            [] [Python] with python 3.12
              set up: python3 -m venv .venv (setup.py)
              set up: .venv/bin/python -m pip install --disable-pip-version-check -e . b d pytest (.github/workflows/ci.yml:7)
              Tests: .venv/bin/python -m pytest (test_a.py)
            note: pytest is declared nowhere and installed because the tests use it
        "]],
    );
}
