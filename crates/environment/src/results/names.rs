//! Names of tests as people write them, matched with names as runners write them.

/// The words of a name. A path, a class and a title are taken apart alike, so that `tests/test_a.py::test_b` matches
/// the `tests.test_a::test_b` of a report; a file's extension is no word.
fn words(name: &str) -> Vec<&str> {
    const EXTENSIONS: &[&str] = &[
        "py", "js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx", "rs", "go", "java", "kt", "rb", "php",
        "exs",
    ];
    let mut words: Vec<&str> = name
        .split(|c: char| !c.is_alphanumeric() && c != '_' && c != '*')
        .filter(|word| !word.is_empty())
        .collect();
    // The first word of a name is never an extension.
    let mut first = true;
    words.retain(|word| std::mem::take(&mut first) || !EXTENSIONS.contains(word));
    words
}

/// Whether a pattern names this test: its words follow one another in the name; `*` stands for the rest of a word.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (words(pattern), words(name));
    !pattern.is_empty()
        && name
            .windows(pattern.len())
            .any(|window| window.iter().zip(&pattern).all(|(word, pattern)| word_matches(pattern, word)))
}

fn word_matches(pattern: &str, word: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == word,
        Some((start, end)) => {
            word.len() >= start.len() + end.len()
                && word.starts_with(start)
                && word.ends_with(end.trim_matches('*'))
        }
    }
}

/// What holds this test: its file, package, class or suite, as far as the name tells.
pub(super) fn container(name: &str) -> Option<&str> {
    [" › ", " > ", "::", "/", "."].iter().find_map(|separator| {
        let end = name.find(['[', '(']).unwrap_or(name.len());
        name[..end].rfind(separator).map(|at| &name[..at])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_by_words() {
        for (pattern, name, expected) in [
            ("tests/test_a.py::test_b", "tests.test_a::test_b", true),
            ("test_b", "tests.test_a::test_b", true),
            ("test_b", "tests.test_a::test_bc", false),
            ("test_b*", "tests.test_a::test_bc", true),
            ("test_b", "tests/test_a.py::test_b[a b]", true),
            ("has a square", "test/a.test.js › shapes › has a square", true),
            ("a circle", "test/a.test.js › shapes › has a square", false),
            ("TestTable/one_two", "example.org/shapes.TestTable/one_two", true),
            ("parser::tests", "shapes parser::tests::reads", true),
            ("", "anything", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} in {name}");
        }
    }

    #[test]
    fn a_container_is_what_stands_before_the_last_part() {
        for (name, expected) in [
            ("tests/test_a.py::Case::test_b[x::y]", Some("tests/test_a.py::Case")),
            ("a.test.js › shapes › has a.b", Some("a.test.js › shapes")),
            ("example.org/shapes.TestTable/one", Some("example.org/shapes.TestTable")),
            ("org.example.ATest::bad", Some("org.example.ATest")),
            ("good", None),
        ] {
            assert_eq!(container(name), expected, "{name}");
        }
    }
}
