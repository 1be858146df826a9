//! The command that runs one file's tests, or one of them, made from a template.

use super::options::TestCommand;

/// What stands in a template for the file, for the folder it is in, for its name without endings, and for the test's name.
const PATH: &str = "{path}";
const FOLDER: &str = "{folder}";
const STEM: &str = "{stem}";
const NAME: &str = "{name}";

/// The command for a file, that of the innermost folder which has one, and the file's path relative to that folder.
pub(super) fn of_file<'a>(commands: &'a [TestCommand], path: &'a str) -> Option<(&'a TestCommand, &'a str)> {
    let within = |known: &'a TestCommand| {
        let path = match known.folder.as_str() {
            "" => path,
            folder => path.strip_prefix(folder)?.strip_prefix('/')?,
        };
        Some((known, path))
    };
    commands.iter().filter_map(within).max_by_key(|(known, _)| known.folder.len())
}

/// The template's words with the file and the name in their places. Without a name, a word ends behind what stands for the
/// file in it; one that holds nothing of the file goes, with the option before it.
pub(super) fn filled(template: &[String], path: &str, name: Option<&str>) -> Result<Vec<String>, String> {
    if let Some(name) = name {
        if name.is_empty() || name.starts_with('-') || name.contains('\0') {
            return Err(format!("`{}` cannot be the name of a test", name.escape_default()));
        }
        if !template.iter().any(|word| word.contains(NAME)) {
            return Err("one test cannot be chosen here; leave `name` out, or use run_command".into());
        }
    }
    // So that no file is taken for an option.
    let path = if path.starts_with('-') { format!("./{path}") } else { path.to_owned() };
    let (folder, file) = path.rsplit_once('/').unwrap_or((".", &path));
    let stem = file.split_once('.').map_or(file, |(stem, _)| stem);
    let located = |text: &str| text.replace(PATH, &path).replace(FOLDER, folder).replace(STEM, stem);
    let mut command: Vec<String> = Vec::new();
    for word in template {
        let Some((before, _)) = word.split_once(NAME) else {
            command.push(located(word));
            continue;
        };
        if let Some(name) = name {
            // The file first and the name in between, so that nothing in either is taken for a place of the other.
            command.push(word.split(NAME).map(located).collect::<Vec<_>>().join(name));
        } else if let Some(end) = end_of_file(before) {
            command.push(located(&before[..end]));
        } else {
            let is_option = |word: &String| word.starts_with('-') && !word.contains('=');
            if command.len() > 1 && command.last().is_some_and(is_option) && !word.starts_with('-') {
                command.pop();
            }
        }
    }
    Ok(command)
}

/// Where the last thing ends that stands for the file.
fn end_of_file(text: &str) -> Option<usize> {
    [PATH, FOLDER, STEM].iter().filter_map(|place| Some(text.rfind(place)? + place.len())).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_filled_with_or_without_a_name() {
        let cases = [
            ("pytest {path}::{name}", Some("test_a"), "pytest t/x::test_a"),
            ("pytest {path}::{name}", None, "pytest t/x"),
            ("pytest -q {path} -k {name}", Some("test_a"), "pytest -q t/x -k test_a"),
            ("pytest -q {path} -k {name}", None, "pytest -q t/x"),
            ("go test -run {name} ./{path}", None, "go test ./t/x"),
            ("node --test --test-name-pattern={name} {path}", None, "node --test t/x"),
            ("cargo test {name}", None, "cargo test"),
            ("go test ./{folder} -run ^{name}$", Some("TestA"), "go test ./t -run ^TestA$"),
            ("go test ./{folder} -run ^{name}$", None, "go test ./t"),
            ("mvn test -Dtest={stem}#{name}", Some("adds"), "mvn test -Dtest=x#adds"),
            ("mvn test -Dtest={stem}#{name}", None, "mvn test -Dtest=x"),
            ("pytest {path}::{name}", Some("{path}"), "pytest t/x::{path}"),
        ];
        for (template, name, expected) in cases {
            let template: Vec<String> = template.split(' ').map(str::to_owned).collect();
            assert_eq!(filled(&template, "t/x", name).unwrap().join(" "), expected);
        }
    }

    #[test]
    fn a_file_is_tested_as_the_innermost_folder_says() {
        let commands = ["", "web", "web/app"].map(|folder| TestCommand {
            folder: folder.to_owned(),
            command: vec!["test".to_owned(), PATH.to_owned()],
        });
        for (path, folder, relative) in [
            ("tests/a.py", "", "tests/a.py"),
            ("web/a.test.js", "web", "a.test.js"),
            ("web/app/src/a.test.js", "web/app", "src/a.test.js"),
            ("webs/a.js", "", "webs/a.js"),
        ] {
            let (known, found) = of_file(&commands, path).unwrap();
            assert_eq!((known.folder.as_str(), found), (folder, relative), "{path}");
        }
        assert_eq!(of_file(&commands[1..], "tests/a.py"), None);
    }

    #[test]
    fn nothing_becomes_an_option() {
        let template = ["run".to_owned(), PATH.to_owned()];
        assert_eq!(filled(&template, "-x", None).unwrap(), ["run", "./-x"]);
        assert!(filled(&template, "x", Some("a")).unwrap_err().contains("leave `name` out"));
        let template = ["run".to_owned(), NAME.to_owned()];
        for name in ["-x", "", "a\0"] {
            assert!(filled(&template, "x", Some(name)).is_err(), "{name:?}");
        }
    }
}
