//! An environment in words, for people and for agents.

use std::fmt::Write as _;

use crate::environment::{CheckKind, Ecosystem, Environment, Part};
use crate::find::line;

impl Environment {
    /// What is installed, what is checked and in which order, how one test file is run, and where each was found.
    pub fn describe(&self) -> String {
        let mut text = String::new();
        for part in &self.parts {
            describe(part, &mut text);
        }
        if self.parts.is_empty() {
            text.push_str("No way to build or test this repository was recognised.\n");
        }
        for missing in &self.missing {
            let _ = writeln!(
                text,
                "Missing: {} (asked for by {}). Hint: {}.",
                missing.what, missing.witness, missing.hint
            );
        }
        for note in &self.notes {
            let _ = writeln!(text, "Note: {note}.");
        }
        text
    }
}

fn describe(part: &Part, text: &mut String) {
    let folder = if part.folder.is_empty() { "The repository's root" } else { &part.folder };
    let names: Vec<&str> = part.ecosystems.iter().map(|ecosystem| ecosystem.name()).collect();
    let _ = writeln!(text, "{folder}: {}.", names.join(", "));
    for tool in &part.tools {
        let version = tool.found.as_deref().map(|version| format!(" {version}")).unwrap_or_default();
        let wanted =
            tool.wanted.as_ref().map(|wanted| format!(", asked for as {wanted} by {}", tool.witness));
        let _ = writeln!(text, "  Uses {}{version}{}.", tool.name, wanted.unwrap_or_default());
    }
    for step in &part.set_up {
        let _ = writeln!(text, "  Set-up: {} ({})", line(&step.command), step.witness);
    }
    for check in &part.checks {
        let _ = writeln!(text, "  {}: {} ({})", check.kind.name(), line(&check.command), check.witness);
    }
    if let Some(one) = one_test_file(part) {
        let _ = writeln!(text, "  One test file: {one}");
    }
}

/// The command that runs one test file, by what runs all of them.
fn one_test_file(part: &Part) -> Option<String> {
    let tests = part.checks.iter().find(|check| check.kind == CheckKind::Tests)?;
    let all = line(&tests.command);
    let has = |word: &str| tests.command.iter().any(|known| known == word);
    let program = |words: usize| line(&tests.command[..words.min(tests.command.len())]);
    let one = match part.ecosystems.first()? {
        Ecosystem::Rust => "cargo test --test NAME (tests/NAME.rs), or cargo test MODULE::".to_owned(),
        Ecosystem::Go => "go test ./FOLDER -run '^TestName$'".to_owned(),
        Ecosystem::Python if has("pytest") => format!("{} tests/test_NAME.py", program(3)),
        Ecosystem::Python if has("unittest") => format!("{} tests.test_NAME", program(3)),
        Ecosystem::JavaScript if has("test") => format!("{all} -- PATH"),
        Ecosystem::Java if all.contains("gradle") => format!("{all} --tests ClassName"),
        Ecosystem::Java => format!("{all} -Dtest=ClassName"),
        Ecosystem::C if has("ctest") => format!("{all} -R NAME"),
        Ecosystem::C if has("meson") => format!("{all} NAME"),
        Ecosystem::Ruby if has("rake") => format!("{all} TEST=test/NAME_test.rb"),
        Ecosystem::Ruby if has("rspec") => format!("{all} spec/NAME_spec.rb"),
        Ecosystem::Php if !has("composer") => format!("{all} tests/NameTest.php"),
        Ecosystem::DotNet => format!("{all} --filter ClassName"),
        Ecosystem::Elixir => format!("{all} test/NAME_test.exs"),
        _ => return None,
    };
    Some(one)
}

impl Ecosystem {
    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::Python => "Python",
            Self::JavaScript => "JavaScript",
            Self::Go => "Go",
            Self::Java => "Java",
            Self::C => "C and C++",
            Self::Ruby => "Ruby",
            Self::Php => "PHP",
            Self::DotNet => ".NET",
            Self::Elixir => "Elixir",
            Self::Other => "other",
        }
    }
}

impl CheckKind {
    /// What people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Build => "Build",
            Self::Lint => "Lint",
            Self::Types => "Types",
            Self::Tests => "Tests",
        }
    }
}
