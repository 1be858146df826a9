//! The programs that commands begin with: which are missing, and how they are installed.

use super::command::{is_assignment, simple};
use crate::environment::{Missing, Part, Witness};
use crate::machine::Machine;

/// What a shell has itself, or every system.
const ALWAYS: &[&str] = &[
    "sh", "bash", "cd", "test", "[", "true", "false", "export", "set", "echo", "exit", "if", "then", "fi",
    "env", "cp", "mv", "rm", "mkdir", "ln", "cat", "touch", "chmod", "source", ".", "exec", "!",
];

/// That a program is missing, with where it was looked for.
pub(super) fn missing(machine: &Machine, program: &str, witness: Witness) -> Missing {
    let mut looked: Vec<String> = Vec::new();
    for path in machine.programs.values() {
        if let Some(folder) = path.parent().map(|folder| folder.display().to_string())
            && !looked.contains(&folder)
        {
            looked.push(folder);
        }
    }
    looked.sort();
    let install = install(program);
    let hint = format!("install {install}, or set other commands in [environment] of syndarix.toml");
    Missing { what: program.to_owned(), witness, looked, hint }
}

fn install(program: &str) -> String {
    match program {
        "python3" | "python" => "Python with the system's packages, pyenv or uv".to_owned(),
        "node" | "npm" | "npx" => "Node.js with the system's packages, nvm or fnm".to_owned(),
        "pnpm" | "yarn" => format!("it with `npm install --global {program}` or `corepack enable`"),
        "bun" => "it with `npm install --global bun`".to_owned(),
        "uv" | "poetry" | "pdm" | "pipenv" | "hatch" | "tox" | "nox" => {
            format!("it with `pipx install {program}`")
        }
        "cargo" => "Rust with rustup".to_owned(),
        "go" => "Go with the system's packages".to_owned(),
        "java" => "a Java development kit with the system's packages or sdkman".to_owned(),
        "mvn" => "Maven with the system's packages or `sdk install maven`".to_owned(),
        "gradle" => "Gradle with the system's packages or `sdk install gradle`".to_owned(),
        "cmake" | "ctest" => "CMake with the system's packages or `pipx install cmake`".to_owned(),
        "meson" | "ninja" => format!("it with the system's packages or `pipx install {program}`"),
        "bundle" => "Ruby with the system's packages or rbenv, and `gem install bundler`".to_owned(),
        "composer" => "PHP and Composer with the system's packages".to_owned(),
        "dotnet" => "the .NET SDK with the system's packages".to_owned(),
        "mix" => "Elixir with the system's packages or asdf".to_owned(),
        other => format!("`{other}`"),
    }
}

/// The programs that the commands of a part need and that are not here.
pub(super) fn missing_of(part: &Part, machine: &Machine) -> Vec<Missing> {
    let commands = part.set_up.iter().map(|step| (&step.command, &step.witness));
    let commands = commands.chain(part.checks.iter().map(|check| (&check.command, &check.witness)));
    let mut all: Vec<Missing> = Vec::new();
    for (command, witness) in commands {
        for program in programs(command) {
            let known = ALWAYS.contains(&program.as_str()) || program.contains(['/', '$', '(', '{']);
            let beside = part.tools.iter().any(|tool| tool.bin.is_some() && comes_with(&tool.name, &program));
            let installed = part.path.iter().any(|_| comes_with_set_up(part, &program));
            if !known
                && !beside
                && !installed
                && !machine.has(&program)
                && all.iter().all(|one| one.what != program)
            {
                all.push(missing(machine, &program, witness.clone()));
            }
        }
    }
    all
}

/// The programs of a command, those of a shell's line among them.
pub(super) fn programs(command: &[String]) -> Vec<String> {
    match command {
        [shell, flag, line] if shell == "sh" && flag == "-c" => {
            simple(line).iter().filter_map(|simple| first_word(simple)).collect()
        }
        [program, ..] => vec![program.clone()],
        [] => Vec::new(),
    }
}

fn first_word(simple: &str) -> Option<String> {
    shlex::split(simple)?.into_iter().find(|word| !is_assignment(word))
}

/// Whether a program lies in the folder of a toolchain.
fn comes_with(language: &str, program: &str) -> bool {
    match language {
        "python" => program.starts_with("python") || program.starts_with("pip"),
        "node" => matches!(program, "node" | "npm" | "npx" | "corepack"),
        "rust" => matches!(program, "cargo" | "rustc" | "rustup"),
        "ruby" => matches!(program, "ruby" | "bundle" | "gem" | "rake"),
        "java" => matches!(program, "java" | "javac"),
        other => program == other,
    }
}

/// Whether set-up itself brings a program into a folder of the part that is on the search path.
fn comes_with_set_up(part: &Part, program: &str) -> bool {
    let named = |step: &crate::environment::Step| step.command.iter().skip(1).any(|word| word == program);
    part.set_up.iter().any(named)
}
