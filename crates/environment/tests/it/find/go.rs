use expect_test::expect;

use super::check;

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
