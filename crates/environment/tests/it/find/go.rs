use expect_test::expect;

use syndarix_environment::Repository;
use syndarix_environment::find::{Configured, find};

use super::{check, installed, machine};

#[test]
fn a_module_with_requirements_is_downloaded() {
    check(
        &[("go.mod", "module a\n\ngo 1.22\n\nrequire b v1.0.0\n"), ("go.sum", "")],
        &expect![[r"
        [] [Go] with go
          set up: go mod download (go.mod)
          Tests: go test ./... (go.mod)
    "]],
    );
    check(
        &[("go.mod", "module a\n\ngo 1.22\n")],
        &expect![[r"
        [] [Go] with go
          Tests: go test ./... (go.mod)
    "]],
    );
}

#[test]
fn what_is_vendored_is_not_downloaded() {
    check(
        &[("go.mod", "module a\nrequire b v1.0.0\n"), ("vendor/modules.txt", "# b\n")],
        &expect![[r"
        [] [Go] with go
          Tests: go test ./... (go.mod)
    "]],
    );
}

#[test]
fn a_workspace_tests_each_of_its_modules() {
    check(
        &[
            ("go.work", "go 1.22\n\nuse (\n\t./a // first\n\t./b\n)\n"),
            ("a/go.mod", "module a\n"),
            ("b/go.mod", "module b\n"),
            (".github/workflows/ci.yml", "jobs:\n  test:\n    steps:\n      - run: go vet ./...\n"),
        ],
        &expect![[r"
            [] [Go] with go
              set up: go mod download (go.work)
              Tests: go test ./a/... ./b/... (go.work)
        "]],
    );
}

#[test]
fn a_newer_go_than_the_installed_one_is_fetched() {
    let mut machine = machine();
    machine.installed.insert("go".to_owned(), vec![installed("1.22.1", "/usr/local/go/bin", "search path")]);
    for (manifest, steps, toolchain) in [
        ("module a\n\ngo 1.22\n", 0, None),
        ("module a\n\ngo 1.23.0\n", 1, Some("auto")),
        ("module a\n\ngo 1.22\n\ntoolchain go1.24.1\n\nrequire b v1.0.0\n", 1, Some("auto")),
    ] {
        let found = find(&Repository::of([("go.mod", manifest)]), &machine, &Configured::default());
        let variable = found.parts[0].variables.iter().find(|(name, _)| name == "GOTOOLCHAIN");
        assert_eq!(found.parts[0].set_up.len(), steps, "{manifest}");
        assert_eq!(variable.map(|(_, value)| value.as_str()), toolchain, "{manifest}");
    }
}
