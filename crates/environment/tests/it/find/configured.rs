use expect_test::expect;
use syndarix_environment::Repository;
use syndarix_environment::find::{Configured, find, words};

use super::{machine, render};

#[test]
fn what_the_user_says_is_not_looked_for() {
    let settings = "[environment]\nchecks = ['sh -c \"npm ci && npm test\"', \"make check | tee log\", [\"just\", \"test all\"]]\nset_up = []\nvariables = { A = \"1\" }\n\
                    [environment.parts.\"web/\"]\nset_up = [\"npm ci\"]\n";
    let table: toml::Table = settings.parse().unwrap();
    let configured: Configured = table["environment"].clone().try_into().unwrap();
    let repository = Repository::of([
        ("syndarix.toml", settings),
        ("go.mod", "module a\nrequire b v1\n"),
        ("web/package.json", r#"{"scripts": {"test": "a"}}"#),
    ]);
    let environment = find(&repository, &machine(), &configured);
    expect![[r"
        [] [Go] with go
          Tests: sh -c npm ci && npm test (syndarix.toml:1)
          Tests: sh -c make check | tee log (syndarix.toml:1)
          Tests: just test all (syndarix.toml:1)
        [web] [JavaScript] with node 22.3.0
          set up: npm ci (syndarix.toml:1)
          Tests: npm test (web/package.json:1)
        missing: just (syndarix.toml:1)
    "]]
    .assert_eq(&render(&environment));
    assert_eq!(environment.parts[0].variables.last().unwrap(), &("A".to_owned(), "1".to_owned()));
    expect![[r"
        The repository's root: Go.
          Uses go.
          Tests: npm ci && npm test (syndarix.toml:1)
          Tests: make check | tee log (syndarix.toml:1)
          Tests: just 'test all' (syndarix.toml:1)
          One test file: go test ./FOLDER -run '^TestName$'
        web: JavaScript.
          Uses node 22.3.0.
          Set-up: npm ci (syndarix.toml:1)
          Tests: npm test (web/package.json:1)
          One test file: npm test -- PATH
        Missing: just (asked for by syndarix.toml:1). Hint: install `just`, or set other commands in [environment] of syndarix.toml.
    "]].assert_eq(&environment.describe());
}

#[test]
fn a_key_that_nobody_knows_is_refused() {
    assert!(toml::from_str::<Configured>("check = []").is_err());
    assert!(toml::from_str::<Configured>("[parts.a]\nchecks = []\nx = 1").is_err());
}

#[test]
fn a_line_is_split_as_a_shell_would() {
    for (line, expected) in [
        ("cargo test", &["cargo", "test"][..]),
        ("a 'b c' \"d e\" f\\ g", &["a", "b c", "d e", "f g"]),
        ("a '$b' '&&'", &["a", "$b", "&&"]),
        ("sh -c \"npm ci && npm test\"", &["sh", "-c", "npm ci && npm test"]),
        ("a && b", &["sh", "-c", "a && b"]),
        ("a \"$b\"", &["sh", "-c", "a \"$b\""]),
        ("A=1 b", &["sh", "-c", "A=1 b"]),
        ("a 'b", &["sh", "-c", "a 'b"]),
        ("", &[]),
    ] {
        assert_eq!(words(line), expected, "{line}");
    }
}
