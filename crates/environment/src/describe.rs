//! An environment in words, for people and for agents.

use std::fmt::Write as _;

use crate::environment::{CheckKind, Ecosystem, Environment, Part};
use crate::find::line;
use crate::testing::one_test;

impl Environment {
    /// What is installed, what is checked and in which order, how one test is run, and where each was found.
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
    // A check that the user gave to what was not recognised has none.
    let names = if names.is_empty() { Ecosystem::Other.name().to_owned() } else { names.join(", ") };
    let _ = writeln!(text, "{folder}: {names}.");
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
    if let Some(one) = one_test(part) {
        let shown: Vec<String> = one.iter().map(|word| places(word)).collect();
        let _ = writeln!(text, "  One test: {}", shown.join(" "));
    }
}

/// The word of a template with its places as a person would write them.
fn places(word: &str) -> String {
    [("{path}", "FILE"), ("{folder}", "FOLDER"), ("{stem}", "CLASS"), ("{name}", "NAME")]
        .iter()
        .fold(word.to_owned(), |word, (place, shown)| word.replace(place, shown))
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
