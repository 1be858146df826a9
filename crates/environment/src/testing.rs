//! How the tests of one file, or one of them, are run, by what runs all of them.

use syndarix_tools::workspace_server::TestCommand;

use crate::environment::{CheckKind, Ecosystem, Environment, Part};

impl Environment {
    /// How single tests are run, in the parts where that is known.
    pub fn test_commands(&self) -> Vec<TestCommand> {
        let of_part =
            |part: &Part| Some(TestCommand { folder: part.folder.clone(), command: one_test(part)? });
        self.parts.iter().filter_map(of_part).collect()
    }
}

/// The command in the form that [`TestCommand`] describes.
pub(crate) fn one_test(part: &Part) -> Option<Vec<String>> {
    let all = &part.checks.iter().find(|check| check.kind == CheckKind::Tests)?.command;
    let in_shell = all.first().is_none_or(|program| program == "sh");
    let has = |word: &str| all.iter().any(|known| known == word);
    let program = all.first()?.rsplit('/').next().unwrap_or_default();
    // What follows the runner's name are usually the files that all of the tests are in.
    let up_to = |word: &str| all.iter().position(|known| known == word).map(|at| all[..=at].to_vec());
    let with = |mut command: Vec<String>, words: &[&str]| {
        command.extend(words.iter().map(|word| (*word).to_owned()));
        Some(command)
    };
    match part.ecosystems.first()? {
        Ecosystem::Go => with(Vec::new(), &["go", "test", "./{folder}", "-run", "^{name}$"]),
        _ if in_shell => None,
        Ecosystem::Rust if program == "cargo" && !has("--") => with(all.clone(), &["{name}"]),
        Ecosystem::Python if has("pytest") => with(up_to("pytest")?, &["{path}::{name}"]),
        Ecosystem::Python if has("unittest") => with(up_to("unittest")?, &["{path}", "-k", "{name}"]),
        Ecosystem::JavaScript if program == "npm" => with(all.clone(), &["--", "{path}"]),
        Ecosystem::JavaScript | Ecosystem::Elixir => with(all.clone(), &["{path}"]),
        Ecosystem::Java if program.starts_with("gradle") => with(all.clone(), &["--tests", "{stem}.{name}"]),
        Ecosystem::Java => with(all.clone(), &["-Dtest={stem}#{name}"]),
        Ecosystem::C if has("ctest") => with(all.clone(), &["-R", "{name}"]),
        Ecosystem::C if has("meson") => with(all.clone(), &["{name}"]),
        Ecosystem::Ruby if has("rspec") => with(all.clone(), &["{path}", "-e", "{name}"]),
        Ecosystem::Ruby if has("rake") => with(all.clone(), &["TEST={path}"]),
        Ecosystem::Php if !has("composer") => with(all.clone(), &["{path}", "--filter", "{name}"]),
        Ecosystem::DotNet => with(all.clone(), &["--filter", "{stem}"]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::environment::{Check, Witness};

    #[test]
    fn one_test_is_run_as_all_of_them_are() {
        for (ecosystem, all, one) in [
            (Ecosystem::Rust, "cargo test --offline", Some("cargo test --offline {name}")),
            (Ecosystem::Rust, "cargo test -- --nocapture", None),
            (Ecosystem::Go, "go test -race ./...", Some("go test ./{folder} -run ^{name}$")),
            (Ecosystem::Go, "sh -c make", Some("go test ./{folder} -run ^{name}$")),
            (
                Ecosystem::Python,
                ".venv/bin/python -m pytest tests",
                Some(".venv/bin/python -m pytest {path}::{name}"),
            ),
            (
                Ecosystem::Python,
                "python -m unittest discover -v",
                Some("python -m unittest {path} -k {name}"),
            ),
            (Ecosystem::Python, "tox", None),
            (Ecosystem::JavaScript, "npm test", Some("npm test -- {path}")),
            (Ecosystem::JavaScript, "yarn test", Some("yarn test {path}")),
            (Ecosystem::Java, "./gradlew test", Some("./gradlew test --tests {stem}.{name}")),
            (Ecosystem::Java, "mvn -q test", Some("mvn -q test -Dtest={stem}#{name}")),
            (Ecosystem::Ruby, "bundle exec rspec", Some("bundle exec rspec {path} -e {name}")),
            (Ecosystem::Other, "just test", None),
            (Ecosystem::Python, "sh -c pytest", None),
        ] {
            let command = all.split(' ').map(str::to_owned).collect();
            let witness = Witness { file: String::new(), line: None };
            let check = Check { kind: CheckKind::Tests, command, witness };
            let part = Part { ecosystems: vec![ecosystem], checks: vec![check], ..Part::default() };
            assert_eq!(one_test(&part).map(|words| words.join(" ")).as_deref(), one, "{all}");
        }
    }
}
