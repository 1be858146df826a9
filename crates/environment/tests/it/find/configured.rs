use std::collections::BTreeMap;

use expect_test::expect;
use syndarix_environment::Repository;
use syndarix_environment::find::{Command, Configured, SETTINGS, find, words};

use super::{machine, render};

#[test]
fn what_the_user_says_is_not_looked_for() {
    let settings = "[environment]\nchecks = ['sh -c \"npm ci && npm test\"', \"make check | tee log\", [\"just\", \"test all\"]]\nset_up = []\nvariables = { A = \"1\" }\n\
                    [environment.parts.\"web/\"]\nset_up = [\"npm ci\"]\n";
    let repository = Repository::of([
        ("syndarix.toml", settings),
        ("go.mod", "module a\nrequire b v1\n"),
        ("web/package.json", r#"{"scripts": {"test": "a"}}"#),
    ]);
    let environment = find(&repository, &machine(), &Configured::default());
    let found = expect![[r"
        [] [Go] with go
          Tests: sh -c npm ci && npm test (syndarix.toml:1)
          Tests: sh -c make check | tee log (syndarix.toml:1)
          Tests: just test all (syndarix.toml:1)
        [web] [JavaScript] with node 22.3.0
          set up: npm ci (syndarix.toml:1)
          Tests: npm test (web/package.json:1)
        missing: just (syndarix.toml:1)
    "]];
    found.assert_eq(&render(&environment));
    // The same in the user's own file, in the place of what the repository's says.
    let table: toml::Table = settings.parse().unwrap();
    let configured: Configured = table["environment"].clone().try_into().unwrap();
    let others = "[environment]\nchecks = [\"make lint\"]\n[environment.parts.web]\nset_up = []\n";
    let repository = Repository { texts: texts(&repository, others), ..repository };
    let by_user = render(&find(&repository, &machine(), &configured));
    found.assert_eq(&by_user.replace("(your configuration)", "(syndarix.toml:1)"));
    assert_eq!(environment.parts[0].variables.last().unwrap(), &("A".to_owned(), "1".to_owned()));
    expect![[r"
        The repository's root: Go.
          Uses go.
          Tests: npm ci && npm test (syndarix.toml:1)
          Tests: make check | tee log (syndarix.toml:1)
          Tests: just 'test all' (syndarix.toml:1)
          One test: go test ./FOLDER -run ^NAME$
        web: JavaScript.
          Uses node 22.3.0.
          Set-up: npm ci (syndarix.toml:1)
          Tests: npm test (web/package.json:1)
          One test: npm test -- FILE
        Missing: just (asked for by syndarix.toml:1). Hint: install `just`, or set other commands in [environment] of syndarix.toml.
    "]].assert_eq(&environment.describe());
}

/// The texts of a repository with other settings.
fn texts(repository: &Repository, settings: &str) -> BTreeMap<String, String> {
    let mut texts = repository.texts.clone();
    texts.insert(SETTINGS.to_owned(), settings.to_owned());
    texts
}

#[test]
fn a_repository_says_what_it_needs_and_grants_nothing() {
    let settings = "[models]\nstrong = [\"a/b\"]\n[environment]\nchecks = [\"make lint\"]\nallow_set_up = true\npass = [\"TOKEN\"]\n";
    let (said, ignored) = Configured::in_repository(settings).unwrap();
    assert_eq!(said.checks, Some(vec![Command::Line("make lint".to_owned())]));
    assert_eq!(ignored, ["allow_set_up", "pass"]);
    assert_eq!(Configured::in_repository("[models]\n").unwrap().0, Configured::default());
    for (settings, expected) in [
        ("[environment", "unclosed"),
        ("[environment]\ncheck = [\"a\"]", "unknown field `check`"),
        ("environment = 1", "invalid type"),
    ] {
        let error = Configured::in_repository(settings).unwrap_err().to_string();
        assert!(error.contains(expected), "{settings}: {error}");
        let repository = Repository::of([(SETTINGS, settings), ("go.mod", "module a\n"), ("a_test.go", "")]);
        let found = render(&find(&repository, &machine(), &Configured::default()));
        assert!(found.contains("go test") && found.contains("cannot be read"), "{found}");
    }
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
