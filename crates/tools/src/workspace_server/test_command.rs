//! The command that runs one file's tests, or one of them, made from a template.

/// What stands in a template for the file, and for the test's name.
const PATH: &str = "{path}";
const NAME: &str = "{name}";

/// The template's words with the file and the name in their places. Without a name, a word that holds both ends behind
/// the file, and one that holds the name alone goes, with the option before it.
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
    let mut command: Vec<String> = Vec::new();
    for word in template {
        match (name, word.find(NAME), word.find(PATH)) {
            // The path first and the name in between, so that nothing in either is taken for a place of the other.
            (Some(name), _, _) => {
                let parts: Vec<String> = word.split(NAME).map(|part| part.replace(PATH, &path)).collect();
                command.push(parts.join(name));
            }
            (None, None, _) => command.push(word.replace(PATH, &path)),
            (None, Some(_), Some(at)) => command.push(word[..at + PATH.len()].replace(PATH, &path)),
            (None, Some(_), None) => {
                let is_option = |word: &String| word.starts_with('-') && !word.contains('=');
                if command.len() > 1 && command.last().is_some_and(is_option) && !word.starts_with('-') {
                    command.pop();
                }
            }
        }
    }
    Ok(command)
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
            ("pytest {path}::{name}", Some("{path}"), "pytest t/x::{path}"),
        ];
        for (template, name, expected) in cases {
            let template: Vec<String> = template.split(' ').map(str::to_owned).collect();
            assert_eq!(filled(&template, "t/x", name).unwrap().join(" "), expected);
        }
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
