//! Examples in prompts, in the language of the repository: a model that is shown another language's commands calls them.

use serde_json::json;

/// What an example is made of in one language.
#[derive(Debug)]
struct Language {
    /// Its names, as [`Surroundings::languages`](crate::Surroundings::languages) has them.
    names: &'static [&'static str],
    /// A file with code.
    source: &'static str,
    /// Files like it.
    glob: &'static str,
    /// The beginning of a function's definition.
    definition: &'static str,
    /// A line of code, and one that could follow it.
    lines: [&'static str; 2],
    /// Running what was built, up to its first argument.
    run: &'static [&'static str],
    /// Running the tests, where the repository does not say how.
    check: &'static [&'static str],
}

/// The first is what is shown where the language is not known.
const LANGUAGES: [Language; 13] = [
    Language {
        names: &[],
        source: "src/options.txt",
        glob: "src/**",
        definition: "parse_options",
        lines: ["verbose: no", "json: no"],
        run: &["./notes"],
        check: &["make", "test"],
    },
    Language {
        names: &["rust"],
        source: "src/options.rs",
        glob: "src/**/*.rs",
        definition: "fn parse_options",
        lines: ["    verbose: bool,", "    json: bool,"],
        run: &["cargo", "run", "--offline", "--"],
        check: &["cargo", "test", "--offline"],
    },
    Language {
        names: &["python"],
        source: "notes/options.py",
        glob: "**/*.py",
        definition: "def parse_options",
        lines: ["    verbose: bool = False", "    json: bool = False"],
        run: &["python3", "-m", "notes"],
        check: &["python3", "-m", "pytest"],
    },
    Language {
        names: &["typescript"],
        source: "src/options.ts",
        glob: "src/**/*.ts",
        definition: "function parseOptions",
        lines: ["  verbose: boolean;", "  json: boolean;"],
        run: &["node", "dist/main.js"],
        check: &["npm", "test"],
    },
    Language {
        names: &["javascript"],
        source: "src/options.js",
        glob: "src/**/*.js",
        definition: "function parseOptions",
        lines: ["  verbose: false,", "  json: false,"],
        run: &["node", "src/main.js"],
        check: &["npm", "test"],
    },
    Language {
        names: &["go"],
        source: "options.go",
        glob: "**/*.go",
        definition: "func parseOptions",
        lines: ["\tVerbose bool", "\tJSON    bool"],
        run: &["go", "run", "."],
        check: &["go", "test", "./..."],
    },
    Language {
        names: &["java"],
        source: "src/main/java/notes/Options.java",
        glob: "src/**/*.java",
        definition: "Options parse",
        lines: ["    boolean verbose;", "    boolean json;"],
        run: &["java", "-cp", "target/classes", "notes.Main"],
        check: &["mvn", "-o", "test"],
    },
    Language {
        names: &["kotlin"],
        source: "src/main/kotlin/notes/Options.kt",
        glob: "src/**/*.kt",
        definition: "fun parseOptions",
        lines: ["    val verbose: Boolean,", "    val json: Boolean,"],
        run: &["java", "-jar", "build/libs/notes.jar"],
        check: &["gradle", "--offline", "test"],
    },
    Language {
        names: &["c", "c++", "cpp"],
        source: "src/options.h",
        glob: "src/**",
        definition: "parse_options",
        lines: ["    bool verbose;", "    bool json;"],
        run: &["build/notes"],
        check: &["ctest", "--test-dir", "build"],
    },
    Language {
        names: &["ruby"],
        source: "lib/notes/options.rb",
        glob: "lib/**/*.rb",
        definition: "def parse_options",
        lines: ["    verbose: false,", "    json: false,"],
        run: &["ruby", "-Ilib", "bin/notes"],
        check: &["bundle", "exec", "rake", "test"],
    },
    Language {
        names: &["php"],
        source: "src/Options.php",
        glob: "src/**/*.php",
        definition: "function parse",
        lines: ["    public bool $verbose = false;", "    public bool $json = false;"],
        run: &["php", "bin/notes"],
        check: &["vendor/bin/phpunit"],
    },
    Language {
        names: &["c#", "csharp"],
        source: "src/Options.cs",
        glob: "src/**/*.cs",
        definition: "Options Parse",
        lines: ["    public bool Verbose;", "    public bool Json;"],
        run: &["dotnet", "run", "--no-restore", "--"],
        check: &["dotnet", "test", "--no-restore"],
    },
    Language {
        names: &["elixir"],
        source: "lib/notes/options.ex",
        glob: "lib/**/*.ex",
        definition: "def parse",
        lines: ["    verbose: false,", "    json: false,"],
        run: &["mix", "run", "--"],
        check: &["mix", "test"],
    },
];

/// What stands in prompts for an example, and the example.
pub(super) type Placeholder = (&'static str, String);

/// The examples for a repository in these languages, whose check is `check` where that is known.
pub(super) fn placeholders(languages: &[String], check: Option<&[String]>) -> Vec<Placeholder> {
    let known = |language: &String| {
        LANGUAGES.iter().find(|known| known.names.contains(&language.to_lowercase().as_str()))
    };
    let language = languages.iter().find_map(known).unwrap_or(&LANGUAGES[0]);
    let [before, after] = language.lines.map(|line| format!("{line}\n"));
    let edit = format!(
        r#"{{"path": {}, "old": {}, "new": {}}}"#,
        json!(language.source),
        json!(before),
        json!(format!("{before}{after}"))
    );
    vec![
        ("{source_example}", language.source.to_owned()),
        ("{glob_example}", language.glob.to_owned()),
        ("{definition_example}", language.definition.to_owned()),
        ("{edit_example}", edit),
        ("{run_example}", list(language.run.iter().copied().chain(["--json", ""]))),
        ("{check_example}", check.map_or_else(|| list(language.check.iter().copied()), list)),
    ]
}

/// Words as models write a list of them.
fn list<W: AsRef<str>>(words: impl IntoIterator<Item = W>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| json!(word.as_ref()).to_string()).collect();
    format!("[{}]", words.join(", "))
}

/// A command in the words that a list of words has: what a shell would have to read is given to a shell.
pub(super) fn words(command: &str) -> Vec<String> {
    let needs_shell = |character: char| "\"'`\\$&|;<>()*?[]#~{}\n".contains(character);
    if command.contains(needs_shell) {
        return ["sh", "-c", command].map(str::to_owned).to_vec();
    }
    command.split_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_of_the_first_language_that_is_known() {
        for (languages, source, check) in [
            (&[][..], "src/options.txt", r#"["make", "test"]"#),
            (&["cobol"], "src/options.txt", r#"["make", "test"]"#),
            (&["cobol", "Python"], "notes/options.py", r#"["python3", "-m", "pytest"]"#),
            (&["typescript", "python"], "src/options.ts", r#"["npm", "test"]"#),
            (&["c++"], "src/options.h", r#"["ctest", "--test-dir", "build"]"#),
        ] {
            let languages: Vec<String> = languages.iter().map(|name: &&str| (*name).to_owned()).collect();
            let found = placeholders(&languages, None);
            let value =
                |name: &str| found.iter().find(|(known, _)| *known == name).map(|(_, text)| text.as_str());
            assert_eq!(value("{source_example}"), Some(source), "{languages:?}");
            assert_eq!(value("{check_example}"), Some(check), "{languages:?}");
        }
    }

    #[test]
    fn the_repositorys_own_check_is_shown_as_it_is_called() {
        for (command, expected) in [
            ("uv run pytest -q", r#"["uv", "run", "pytest", "-q"]"#),
            ("npm run build && npm test", r#"["sh", "-c", "npm run build && npm test"]"#),
            ("pytest -k 'not slow'", r#"["sh", "-c", "pytest -k 'not slow'"]"#),
        ] {
            let found = placeholders(&["rust".to_owned()], Some(&words(command)));
            assert!(found.contains(&("{check_example}", expected.to_owned())), "{command}: {found:?}");
        }
    }

    #[test]
    fn no_language_is_listed_twice() {
        let names: Vec<&str> = LANGUAGES.iter().flat_map(|language| language.names).copied().collect();
        let unique: std::collections::BTreeSet<&str> = names.iter().copied().collect();
        assert_eq!(names.len(), unique.len());
    }
}
