//! The words of a command as it is meant, whoever runs it and from wherever: without the shell, the folder and the runner
//! in front of it.

/// How many runners in front of a program are looked behind, as in `sh -c "uv run pytest"`. Nobody means more.
const MOST_RUNNERS: usize = 3;

/// Shells whose `-c` takes a line.
const SHELLS: &[&str] = &["sh", "bash", "dash", "zsh", "ash", "ksh"];

/// Programs that run the program after them, in an environment of the project.
const RUNNERS: &[&[&str]] = &[
    &["uv", "run"],
    &["poetry", "run"],
    &["pdm", "run"],
    &["pipenv", "run"],
    &["hatch", "run"],
    &["rye", "run"],
    &["bundle", "exec"],
    &["npx"],
    &["npm", "exec", "--"],
    &["pnpm", "exec"],
    &["yarn", "exec"],
    &["bunx"],
    &["mise", "exec", "--"],
    &["corepack"],
    &["time"],
];

/// What such a runner may be told about itself without taking another word.
const RUNNER_FLAGS: &[&str] = &[
    "--frozen",
    "--locked",
    "--offline",
    "--no-sync",
    "--no-project",
    "--quiet",
    "-q",
    "--no-install",
    "--no",
    "--yes",
    "-y",
    "--",
];

/// Folders of a project that hold the programs of its environment.
const PROGRAM_FOLDERS: &[&str] = &[".venv/bin/", "venv/bin/", "node_modules/.bin/", "vendor/bin/", "bin/"];

/// Programs that a project keeps beside its manifest. Any other one there may be called like a program that it is not.
const WRAPPERS: &[&str] = &["gradlew", "mvnw"];

/// The words that are meant. The program is a bare name where it was an absolute path, or one in a folder where a project
/// keeps its programs. Of a shell's line there are words only if it is a single command without anything the shell does to
/// it; otherwise there are none.
pub(super) fn meant(words: &[&str]) -> Option<Vec<String>> {
    let mut words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
    for _ in 0..=MOST_RUNNERS {
        let first = words.first_mut()?;
        *first = bare(first).to_owned();
        if SHELLS.contains(&first.as_str()) && words.get(1).is_some_and(|flag| is_line_flag(flag)) {
            let [_, _, line] = words.as_slice() else { return None };
            words = simple(line)?;
        } else if let Some(length) = runner(&words) {
            words.drain(..length);
        } else {
            return Some(words);
        }
    }
    None
}

/// The words of a shell's line that is one simple command: nothing is expanded, redirected, assigned or put after another.
pub(super) fn simple(line: &str) -> Option<Vec<String>> {
    let mut words: Vec<String> = Vec::new();
    let mut open: Option<String> = None;
    let mut quote: Option<char> = None;
    for character in line.trim().chars() {
        match (quote, character) {
            (Some(mark), _) if character == mark => quote = None,
            (Some('"'), '$' | '`' | '\\' | '!') => return None,
            (None, '\'' | '"') => {
                quote = Some(character);
                open.get_or_insert_default();
            }
            (None, ' ' | '\t') => words.extend(open.take()),
            (None, _) if "|&;<>()$`\\*?[]{}~#!\n\r".contains(character) => return None,
            _ => open.get_or_insert_default().push(character),
        }
    }
    if quote.is_some() {
        return None;
    }
    words.extend(open);
    let assigns = words.first().is_some_and(|word| word.contains('='));
    (!words.is_empty() && !assigns).then_some(words)
}

fn bare(program: &str) -> &str {
    if let Some(absolute) = program.strip_prefix('/') {
        return absolute.rsplit('/').next().unwrap_or(absolute);
    }
    let inside = program.strip_prefix("./").unwrap_or(program);
    if WRAPPERS.contains(&inside) {
        return inside;
    }
    let kept = PROGRAM_FOLDERS.iter().find_map(|folder| inside.strip_prefix(folder));
    kept.filter(|name| !name.contains('/')).unwrap_or(program)
}

fn is_line_flag(flag: &str) -> bool {
    flag.starts_with('-') && !flag.starts_with("--") && flag.ends_with('c')
}

/// How many words the runner in front of a program takes, if there is one and a program after it.
fn runner(words: &[String]) -> Option<usize> {
    let named = |runner: &&&[&str]| {
        words.len() > runner.len() && runner.iter().zip(words).all(|(expected, word)| expected == word)
    };
    let name = RUNNERS.iter().find(named)?.len();
    let flags = words[name..].iter().take_while(|word| RUNNER_FLAGS.contains(&word.as_str())).count();
    let length = name + flags;
    words.get(length).is_some_and(|program| !program.starts_with('-')).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_front_of_a_program_is_looked_behind() {
        for (command, expected) in [
            (&["pytest", "-q"][..], Some("pytest|-q")),
            (&["/usr/bin/python3", "-m", "pytest"], Some("python3|-m|pytest")),
            (&[".venv/bin/python", "x.py"], Some("python|x.py")),
            (&["./.venv/bin/pytest"], Some("pytest")),
            (&["./gradlew", "test"], Some("gradlew|test")),
            (&["node_modules/.bin/jest"], Some("jest")),
            (&["tools/bin/jest"], Some("tools/bin/jest")),
            (&["sh", "-c", "pytest -q tests"], Some("pytest|-q|tests")),
            (&["/bin/bash", "-lc", "npm test -- 'a b'"], Some("npm|test|--|a b")),
            (&["sh", "-c", "uv run --frozen pytest"], Some("pytest")),
            (&["poetry", "run", "python", "-m", "unittest"], Some("python|-m|unittest")),
            (&["npx", "--no-install", "tsc"], Some("tsc")),
            (&["uv", "run"], Some("uv|run")),
            (&["uv", "run", "--with", "x", "pytest"], Some("uv|run|--with|x|pytest")),
            (&["sh", "script.sh"], Some("sh|script.sh")),
            (&["sh", "-c", "pytest", "extra"], None),
            (&["sh", "-c", "time time time time x"], None),
            (&["sh", "-c", ""], None),
            (&[], None),
        ] {
            let found = meant(command).map(|words| words.join("|"));
            assert_eq!(found.as_deref(), expected, "{command:?}");
        }
    }

    #[test]
    fn only_a_line_that_is_one_command_has_words() {
        for (line, expected) in [
            ("cargo test", Some("cargo|test")),
            ("  grep 'a|b'  src ", Some("grep|a|b|src")),
            ("grep \"a b\" ''", Some("grep|a b|")),
            ("a && b", None),
            ("a; b", None),
            ("a | b", None),
            ("a > b", None),
            ("a $(b)", None),
            ("a \"$b\"", None),
            ("a `b`", None),
            ("A=1 a", None),
            ("a *.py", None),
            ("a\nb", None),
            ("a &", None),
            ("a 'b", None),
            ("", None),
        ] {
            assert_eq!(simple(line).map(|words| words.join("|")).as_deref(), expected, "{line:?}");
        }
    }
}
