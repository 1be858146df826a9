//! How a test runner is asked for single results without changing what it runs.

use serde::{Deserialize, Serialize};

/// A command that tells single results, as far as its runner can.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reporting {
    /// The command to run instead: the same tests, the same exit code.
    pub command: Vec<String>,
    /// Variables to add to its environment.
    pub variables: Vec<(String, String)>,
    /// Report files that the runner writes anyway, as globs relative to the folder that the command runs in. What an
    /// earlier run left there must be removed before.
    pub files: Vec<String>,
    /// Report files that it was asked for, as globs in the folder that was given for them.
    pub reports: Vec<String>,
}

/// Where Maven and Gradle write reports of their own accord, in every module.
const MAVEN: &[&str] = &["**/target/surefire-reports/TEST-*.xml", "**/target/failsafe-reports/TEST-*.xml"];
const GRADLE: &[&str] = &["**/build/test-results/**/*.xml"];

/// How this command is asked for single results. Reports go to `folder`, an absolute path outside of the work tree:
/// what a check leaves behind must not end up in a commit.
///
/// Runners behind a script (`npm test`, `make check`, a shell's line) can be asked only where a variable reaches them:
/// pytest has one. jest, vitest and mocha have none; node's runner has, but every other program of node that the
/// script starts would obey it, too. Their usual text is read instead.
pub fn reporting(command: &[String], folder: &str) -> Reporting {
    let mut asked = Reporting { command: command.to_vec(), ..Reporting::default() };
    let Some(words) = Words::of(command) else { return asked };
    match words.program {
        "cargo" => {
            // The tests of one binary that fails hide those of all that follow.
            if words.has("test") && !words.has("--no-fail-fast") && !words.has("nextest") {
                insert(&mut asked.command, words.at("test") + 1, &["--no-fail-fast"]);
            }
        }
        "go" => {
            if words.first_argument() == Some("test") && !words.has("-json") {
                insert(&mut asked.command, words.at("test") + 1, &["-json"]);
            }
        }
        "ctest" => {
            if !words.has("--output-junit") {
                asked.command.extend(["--output-junit".to_owned(), format!("{folder}/ctest.xml")]);
                asked.reports.push("ctest.xml".into());
            }
        }
        "mvn" | "mvnw" | "mvnd" => {
            asked.files = MAVEN.iter().map(|glob| (*glob).to_owned()).collect();
            if !["-fae", "-ff", "-fn", "--fail-at-end"].iter().any(|flag| words.has(flag)) {
                insert(&mut asked.command, words.start + 1, &["-fae"]);
            }
        }
        "gradle" | "gradlew" => {
            asked.files = GRADLE.iter().map(|glob| (*glob).to_owned()).collect();
            if !words.has("--continue") {
                asked.command.push("--continue".into());
            }
        }
        "jest" => {
            if !["--verbose", "--json", "--reporters", "--silent"].iter().any(|flag| words.has(flag)) {
                asked.command.push("--verbose".into());
            }
        }
        "vitest" => {
            if !words.arguments().any(|word| word.starts_with("--reporter")) {
                asked.command.push("--reporter=verbose".into());
            }
        }
        program if is_python(program) && words.has("unittest") => {
            if !words.has("-v") && !words.has("--verbose") {
                // At the end: what follows `unittest` at once may be `discover`.
                asked.command.push("-v".into());
            }
        }
        "dotnet" | "mix" | "rspec" | "phpunit" | "bundle" | "composer" | "node" | "mocha" | "ava"
        | "tape" | "deno" | "meson" => {}
        // pytest, or anything that may start it: a variable of its own harms no other program.
        _ => {
            asked.variables.push((
                "PYTEST_ADDOPTS".into(),
                format!("--junitxml={}", quoted(&format!("{folder}/pytest.xml"))),
            ));
            asked.reports.push("pytest.xml".into());
        }
    }
    asked
}

fn is_python(program: &str) -> bool {
    program
        .strip_prefix("python")
        .is_some_and(|version| version.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

fn insert(command: &mut Vec<String>, at: usize, words: &[&str]) {
    let at = at.min(command.len());
    command.splice(at..at, words.iter().map(|word| (*word).to_owned()));
}

/// A path as one word of a shell's language, which pytest splits its variable by.
fn quoted(path: &str) -> String {
    if path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-+".contains(c)) {
        return path.to_owned();
    }
    format!("'{}'", path.replace('\'', "'\\''"))
}

/// A command's words from the runner on, behind the programs that only start another one.
#[derive(Debug)]
struct Words<'a> {
    all: &'a [String],
    /// Where the runner itself stands.
    start: usize,
    program: &'a str,
}

impl<'a> Words<'a> {
    fn of(all: &'a [String]) -> Option<Self> {
        let name = |word: &'a str| {
            let file = word.rsplit(['/', '\\']).next().unwrap_or(word);
            file.strip_suffix(".cmd")
                .or_else(|| file.strip_suffix(".bat"))
                .or_else(|| file.strip_suffix(".exe"))
                .unwrap_or(file)
        };
        let mut at = 0;
        // Each step passes one word at least.
        loop {
            let program = name(all.get(at)?);
            let next = all.get(at + 1).map(String::as_str);
            at += match (program, next) {
                ("env", Some(_)) => 1 + all[at + 1..].iter().take_while(|word| word.contains('=')).count(),
                ("npx" | "pnpx" | "bunx" | "xvfb-run" | "time" | "nice", Some(word))
                    if !word.starts_with('-') =>
                {
                    1
                }
                ("uv" | "poetry" | "pdm" | "pipenv" | "hatch" | "rye" | "mise", Some("run" | "exec"))
                | ("pnpm" | "npm" | "yarn", Some("exec")) => 2,
                ("yarn" | "pnpm", Some(word @ ("jest" | "vitest" | "mocha" | "ava"))) if !word.is_empty() => {
                    1
                }
                _ => return Some(Self { all, start: at, program }),
            };
        }
    }

    /// What follows the runner, up to what is passed on to something else.
    fn arguments(&self) -> impl Iterator<Item = &'a str> {
        self.all[self.start + 1..].iter().map(String::as_str).take_while(|word| *word != "--")
    }

    fn first_argument(&self) -> Option<&'a str> {
        self.arguments().next()
    }

    fn has(&self, word: &str) -> bool {
        self.arguments().any(|argument| argument == word)
    }

    /// Where this argument stands in the whole command.
    fn at(&self, word: &str) -> usize {
        self.start + 1 + self.arguments().take_while(|argument| *argument != word).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_asked_for_single_results() {
        for (command, expected) in [
            ("cargo test", "cargo test --no-fail-fast"),
            ("cargo test -p a -- --nocapture", "cargo test --no-fail-fast -p a -- --nocapture"),
            ("cargo clippy", "cargo clippy"),
            ("go test ./...", "go test -json ./..."),
            ("go vet ./...", "go vet ./..."),
            ("env A=1 go test ./...", "env A=1 go test -json ./..."),
            ("ctest --test-dir build", "ctest --test-dir build --output-junit /r/ctest.xml"),
            ("python3 -m unittest discover -s tests", "python3 -m unittest discover -s tests -v"),
            ("python3.12 -m unittest -v", "python3.12 -m unittest -v"),
            ("./mvnw verify", "./mvnw -fae verify"),
            ("npx jest", "npx jest --verbose"),
            ("yarn vitest run", "yarn vitest run --reporter=verbose"),
            ("npm test", "npm test"),
        ] {
            let words: Vec<String> = command.split(' ').map(str::to_owned).collect();
            assert_eq!(reporting(&words, "/r").command.join(" "), expected);
        }
    }

    #[test]
    fn pytest_is_reached_behind_any_front() {
        for command in [
            "pytest -q",
            "python -m pytest",
            "uv run pytest",
            "make check",
            "tox",
            "sh -c pytest",
            "python runtests.py",
        ] {
            let words: Vec<String> = command.split(' ').map(str::to_owned).collect();
            let asked = reporting(&words, "/r s");
            assert_eq!(
                asked.variables,
                [("PYTEST_ADDOPTS".to_owned(), "--junitxml='/r s/pytest.xml'".to_owned())],
                "{command}"
            );
            assert_eq!(asked.reports, ["pytest.xml"]);
        }
    }

    #[test]
    fn an_empty_command_is_left_alone() {
        assert_eq!(reporting(&[], "/r"), Reporting::default());
    }
}
