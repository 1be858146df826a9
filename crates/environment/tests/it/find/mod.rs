//! What is found in repositories: files in, a short rendering of their environment out.

mod c;
mod ci;
mod configured;
mod go;
mod java;
mod javascript;
mod monorepo;
mod others;
mod python;
mod rust;

use std::path::PathBuf;

use expect_test::Expect;
use syndarix_environment::find::{Configured, find};
use syndarix_environment::machine::Installed;
use syndarix_environment::{Environment, Machine, Repository};

/// Files by path and text.
type Files<'a> = &'a [(&'a str, &'a str)];

/// A machine with what most have.
pub(crate) fn machine() -> Machine {
    let programs = [
        "python3", "node", "npm", "npx", "go", "cargo", "java", "mvn", "gradle", "cmake", "ctest", "meson",
        "make", "ruby", "bundle", "php", "composer", "dotnet", "mix", "git",
    ];
    Machine {
        programs: programs
            .iter()
            .map(|name| ((*name).to_owned(), PathBuf::from("/usr/bin").join(name)))
            .collect(),
        installed: [
            (
                "python".to_owned(),
                vec![
                    installed("3.12", "/usr/bin", "system"),
                    installed("3.9.18", "/home/me/.pyenv/versions/3.9.18/bin", "pyenv"),
                ],
            ),
            (
                "node".to_owned(),
                vec![
                    installed("22.3.0", "/usr/bin", "search path"),
                    installed("18.20.0", "/home/me/.nvm/versions/node/v18.20.0/bin", "nvm"),
                ],
            ),
        ]
        .into(),
    }
}

pub(crate) fn installed(version: &str, bin: &str, by: &str) -> Installed {
    Installed { version: version.to_owned(), bin: PathBuf::from(bin), by: by.to_owned() }
}

/// A machine with these programs beside what most have.
fn with(programs: &[&str]) -> Machine {
    let mut machine = machine();
    for program in programs {
        machine.programs.insert((*program).to_owned(), PathBuf::from("/usr/local/bin").join(program));
    }
    machine
}

fn check(files: Files<'_>, expected: &Expect) {
    check_on(&machine(), files, expected);
}

fn check_on(machine: &Machine, files: Files<'_>, expected: &Expect) {
    let environment = find(&Repository::of(files.iter().copied()), machine, &Configured::default());
    expected.assert_eq(&render(&environment));
}

/// Short, and with all that decides.
pub(crate) fn render(environment: &Environment) -> String {
    let mut lines = Vec::new();
    for part in &environment.parts {
        let tools: Vec<String> = part
            .tools
            .iter()
            .map(|tool| {
                let found = tool.found.as_ref().map(|found| format!(" {found}")).unwrap_or_default();
                let bin = tool.bin.as_ref().map(|bin| format!(" in {}", bin.display())).unwrap_or_default();
                format!("{}{found}{bin}", tool.name)
            })
            .collect();
        lines.push(format!("[{}] {:?} with {}", part.folder, part.ecosystems, tools.join(", ")));
        for step in &part.set_up {
            lines.push(format!("  set up: {} ({})", step.command.join(" "), step.witness));
        }
        for check in &part.checks {
            lines.push(format!("  {:?}: {} ({})", check.kind, check.command.join(" "), check.witness));
        }
    }
    lines.extend(
        environment.missing.iter().map(|missing| format!("missing: {} ({})", missing.what, missing.witness)),
    );
    lines.extend(environment.notes.iter().map(|note| format!("note: {note}")));
    if lines.is_empty() {
        lines.push("nothing".to_owned());
    }
    lines.join("\n") + "\n"
}
