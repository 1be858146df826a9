//! Commands for which twice is as good as once: they look, check, build or test, in the customs of each language.
//!
//! This says nothing of risk. What is not listed may well be harmless; only a human can say whether it happened.

use super::words::meant;

/// Programs that are so with any arguments: they look at things, or bring files into a state that they then stay in.
const ALWAYS: &[&str] = &[
    // Looking.
    "[",
    "basename",
    "cat",
    "cmp",
    "column",
    "comm",
    "cut",
    "date",
    "df",
    "diff",
    "dirname",
    "du",
    "echo",
    "egrep",
    "false",
    "fgrep",
    "file",
    "grep",
    "head",
    "hexdump",
    "id",
    "jq",
    "ls",
    "md5sum",
    "nl",
    "nproc",
    "od",
    "printf",
    "pwd",
    "readlink",
    "realpath",
    "rg",
    "sha1sum",
    "sha256sum",
    "sort",
    "stat",
    "strings",
    "tac",
    "tail",
    "test",
    "touch",
    "tr",
    "tree",
    "true",
    "type",
    "uname",
    "uniq",
    "wc",
    "which",
    "whoami",
    "xxd",
    // Testing.
    "ava",
    "bats",
    "ctest",
    "elm-test",
    "gotestsum",
    "jasmine",
    "jest",
    "karma",
    "minitest",
    "mocha",
    "nose2",
    "nox",
    "pest",
    "phpspec",
    "phpunit",
    "py.test",
    "pytest",
    "rspec",
    "stestr",
    "tap",
    "tox",
    "trial",
    "vitest",
    "wtr",
    "cargo-nextest",
    // Checking and formatting.
    "ansible-lint",
    "autopep8",
    "bandit",
    "basedpyright",
    "biome",
    "black",
    "clang-format",
    "clang-tidy",
    "cppcheck",
    "eslint",
    "flake8",
    "gofmt",
    "gofumpt",
    "goimports",
    "golangci-lint",
    "golint",
    "hadolint",
    "isort",
    "ktlint",
    "markdownlint",
    "mypy",
    "oxlint",
    "phpcs",
    "phpcbf",
    "phpstan",
    "php-cs-fixer",
    "prettier",
    "psalm",
    "pycodestyle",
    "pydocstyle",
    "pyflakes",
    "pylint",
    "pyright",
    "rubocop",
    "ruff",
    "rustfmt",
    "shellcheck",
    "shfmt",
    "staticcheck",
    "standard",
    "stylelint",
    "stylua",
    "swiftformat",
    "swiftlint",
    "taplo",
    "ty",
    "vue-tsc",
    "xo",
    "yamllint",
    "yapf",
    // Building.
    "cc",
    "clang",
    "clang++",
    "esbuild",
    "g++",
    "gcc",
    "javac",
    "kotlinc",
    "ld",
    "ninja",
    "rollup",
    "rustc",
    "scons",
    "swc",
    "tsc",
    "tsup",
    "webpack",
];

/// Programs that are so with one of these first arguments that are not flags.
const SUBCOMMANDS: &[(&str, &[&str])] = &[
    (
        "cargo",
        &[
            "b",
            "bench",
            "build",
            "c",
            "check",
            "clean",
            "clippy",
            "d",
            "doc",
            "fetch",
            "fmt",
            "locate-project",
            "metadata",
            "nextest",
            "pkgid",
            "t",
            "test",
            "tree",
            "verify-project",
        ],
    ),
    ("go", &["build", "doc", "env", "fmt", "list", "test", "version", "vet"]),
    ("bazel", &["build", "query", "test"]),
    ("buck2", &["build", "test"]),
    ("cabal", &["build", "check", "test"]),
    ("composer", &["check-platform-reqs", "show", "test", "validate"]),
    ("coverage", &["combine", "html", "json", "lcov", "report", "xml"]),
    ("dart", &["analyze", "format", "test"]),
    ("deno", &["bench", "check", "doc", "fmt", "info", "lint", "test"]),
    ("dotnet", &["build", "clean", "format", "msbuild", "restore", "test", "vstest"]),
    ("dune", &["build", "fmt", "runtest", "test"]),
    ("elm", &["make"]),
    ("flutter", &["analyze", "format", "test"]),
    (
        "git",
        &[
            "add",
            "blame",
            "cat-file",
            "describe",
            "diff",
            "grep",
            "log",
            "ls-files",
            "ls-tree",
            "merge-base",
            "rev-list",
            "rev-parse",
            "shortlog",
            "show",
            "show-ref",
            "status",
        ],
    ),
    ("lein", &["check", "compile", "test"]),
    ("meson", &["compile", "configure", "introspect", "test"]),
    ("mill", &["test"]),
    ("mix", &["compile", "credo", "deps.tree", "dialyzer", "format", "lint", "test", "xref"]),
    ("playwright", &["test"]),
    ("rebar3", &["compile", "ct", "dialyzer", "eunit", "proper", "xref"]),
    ("sbt", &["compile", "test", "testOnly", "scalafmtCheck", "scalafmt"]),
    ("stack", &["build", "test"]),
    ("swift", &["build", "test"]),
    ("turbo", &["build", "check", "lint", "test", "typecheck"]),
    ("xcodebuild", &["build", "test"]),
    ("zig", &["ast-check", "build", "fmt", "test"]),
];

/// Python's modules that are so when run with `-m`.
const PYTHON_MODULES: &[&str] = &[
    "bandit",
    "black",
    "build",
    "compileall",
    "doctest",
    "flake8",
    "isort",
    "json.tool",
    "mypy",
    "nose2",
    "nox",
    "py_compile",
    "pycodestyle",
    "pyflakes",
    "pylint",
    "pyright",
    "pytest",
    "ruff",
    "tabnanny",
    "tox",
    "trial",
    "twisted.trial",
    "unittest",
];

/// What a task of a project's own tooling is called where it adds something each time it is run.
const ADDS_EACH_TIME: &[&str] = &[
    "add",
    "bump",
    "changeset",
    "create",
    "deploy",
    "generate",
    "init",
    "migrate",
    "migration",
    "new",
    "postinstall",
    "publish",
    "push",
    "release",
    "seed",
    "scaffold",
    "tag",
    "upload",
    "version",
];

/// Maven's phases up to the one that installs, which brings the local repository into a state that it stays in.
const MAVEN_PHASES: &[&str] = &[
    "clean",
    "compile",
    "install",
    "integration-test",
    "package",
    "process-classes",
    "process-resources",
    "site",
    "test",
    "test-compile",
    "validate",
    "verify",
];

/// What Gradle's tasks that are so begin with.
const GRADLE_TASKS: &[&str] = &[
    "assemble",
    "build",
    "check",
    "classes",
    "clean",
    "compile",
    "dependencies",
    "jar",
    "lint",
    "projects",
    "spotless",
    "tasks",
    "test",
];

/// Whether a command may be repeated when its result was lost.
pub(super) fn is_repeatable(command: &[&str]) -> bool {
    let Some(words) = meant(command) else { return false };
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let Some((&program, arguments)) = words.split_first() else { return false };
    only_asks_about_itself(program, arguments) || ALWAYS.contains(&program) || does(program, arguments)
}

/// Whether it only says which version it is, or how it is used.
fn only_asks_about_itself(program: &str, arguments: &[&str]) -> bool {
    !program.contains('/') && matches!(arguments, ["--version" | "-V" | "-version" | "--help"])
}

fn does(program: &str, arguments: &[&str]) -> bool {
    let mut plain = arguments.iter().copied().filter(|word| !word.starts_with(['-', '+']));
    let first = plain.next();
    let has = |flags: &[&str]| arguments.iter().any(|word| flags.contains(word));
    match program {
        "python" | "python2" | "python3" | "pypy3" => python(arguments),
        _ if program.strip_prefix("python3.").is_some_and(|minor| minor.parse::<u8>().is_ok()) => {
            python(arguments)
        }
        "coverage" if first == Some("run") => {
            !has(&["-a", "--append"])
                && arguments.windows(2).any(|pair| pair[0] == "-m" && PYTHON_MODULES.contains(&pair[1]))
        }
        "node" => has(&["--test", "--check", "-c"]) && !has(&["-e", "--eval", "-p", "--print"]),
        "npm" | "pnpm" | "yarn" | "bun" => script(arguments),
        "make" | "gmake" | "just" | "task" | "rake" => tasks(arguments),
        "mvn" | "mvnw" => {
            let mut goals =
                options_left_out(arguments, &["-f", "-pl", "-P", "-s", "-T", "--file", "--projects"]);
            goals.clone().next().is_some() && goals.all(|goal| MAVEN_PHASES.contains(&goal))
        }
        "gradle" | "gradlew" => {
            let mut tasks = options_left_out(arguments, &["--tests", "-p", "-b", "-x", "--exclude-task"]);
            let known = |task: &str| {
                let task = task.rsplit(':').next().unwrap_or(task);
                GRADLE_TASKS.iter().any(|known| task.starts_with(known))
            };
            tasks.clone().next().is_some() && tasks.all(known)
        }
        "cmake" => !has(&["-E", "-P", "--install"]),
        "mkdir" => has(&["-p", "--parents", "-pv", "-vp"]),
        "rm" => arguments.first().is_some_and(|flags| matches!(*flags, "-f" | "-rf" | "-fr" | "-Rf")),
        "find" => !arguments.iter().any(|word| {
            matches!(*word, "-delete" | "-fls" | "-ok" | "-okdir")
                || word.starts_with("-exec")
                || word.starts_with("-fprint")
        }),
        "fd" => !has(&["-x", "-X", "--exec", "--exec-batch"]),
        "sed" => sed(arguments),
        "command" => arguments.first().is_some_and(|flag| matches!(*flag, "-v" | "-V")),
        "ruby" => has(&["-c"]) || first.is_some_and(is_test_file),
        "php" => {
            has(&["-l"]) || matches!(first.map(file_name), Some("phpunit" | "pest")) || artisan(arguments)
        }
        "bash" | "sh" | "zsh" => arguments.first() == Some(&"-n"),
        "go" if first == Some("mod") => matches!(plain.next(), Some("graph" | "tidy" | "verify" | "why")),
        _ => {
            let known = SUBCOMMANDS.iter().find(|(known, _)| *known == program);
            known.is_some_and(|(_, known)| first.is_some_and(|first| known.contains(&first)))
        }
    }
}

fn python(arguments: &[&str]) -> bool {
    // Flags of the interpreter that take no word, as in `python -B -m pytest`.
    let arguments = &arguments[arguments
        .iter()
        .take_while(|word| matches!(**word, "-B" | "-I" | "-u" | "-s" | "-b" | "-bb"))
        .count()..];
    match arguments {
        ["-m", "coverage", rest @ ..] => does("coverage", rest),
        ["-m", module, ..] => PYTHON_MODULES.contains(module),
        [file, "test" | "check", ..] => matches!(file_name(file), "manage.py" | "setup.py"),
        _ => false,
    }
}

/// `npm test`, `npm run build`, and what the other package managers make of it.
fn script(arguments: &[&str]) -> bool {
    let mut words =
        options_left_out(arguments, &["--prefix", "--workspace", "--filter", "-F", "--cwd", "-C"]);
    match words.next() {
        Some("test" | "t" | "tst" | "ls" | "list" | "why" | "ci") => true,
        Some("run" | "run-script") => {
            words.next().is_none_or(|name| !name.contains(['.', '/']) && !adds_each_time(name))
        }
        _ => false,
    }
}

/// Targets of a make file and the like: made so that they can be run again, save those whose name says otherwise.
fn tasks(arguments: &[&str]) -> bool {
    let mut targets = options_left_out(arguments, &["-C", "-f", "--directory", "--file", "--justfile"]);
    targets.all(|target| target.contains('=') || !adds_each_time(target))
}

fn adds_each_time(name: &str) -> bool {
    name.split([':', '-', '_', '.', '/', '[']).any(|part| ADDS_EACH_TIME.contains(&part))
}

/// The arguments that are no options; those in `with_value` take the word after them.
fn options_left_out<'a>(
    arguments: &'a [&'a str],
    with_value: &'a [&'a str],
) -> impl Iterator<Item = &'a str> + Clone {
    let mut value = false;
    let own = arguments.iter().take_while(|word| **word != "--");
    own.copied()
        .filter(move |word| {
            let skipped = std::mem::replace(&mut value, with_value.contains(word));
            !skipped && !word.starts_with('-')
        })
        .collect::<Vec<_>>()
        .into_iter()
}

/// `sed -n` that prints: one script, neither in place nor with a command that could write or run something.
fn sed(arguments: &[&str]) -> bool {
    let is_flag = |word: &&&str| word.starts_with('-');
    let quiet = ["-n", "-En", "-nE", "-nr", "-rn", "--quiet"];
    let flags: Vec<&str> = arguments.iter().filter(is_flag).copied().collect();
    let harmless = flags.iter().all(|flag| quiet.contains(flag) || matches!(*flag, "-E" | "-r"));
    let script = arguments.iter().find(|word| !word.starts_with('-'));
    harmless
        && flags.iter().any(|flag| quiet.contains(flag))
        && script.is_some_and(|script| only_prints(script))
}

/// Whether a script is lines, or the lines from one pattern to another, and `p`, `=` or `q` for them.
fn only_prints(script: &str) -> bool {
    let of_numbers = |text: &str| text.chars().all(|c| c.is_ascii_digit() || ",$p;=q+~! ".contains(c));
    if of_numbers(script) {
        return true;
    }
    let after_pattern = |text: &'_ str| -> Option<usize> {
        let inside = text.strip_prefix('/')?;
        Some(inside.find('/').filter(|end| !inside[..*end].contains('\\'))? + 2)
    };
    let Some(end) = after_pattern(script) else { return false };
    let rest = &script[end..];
    match rest.strip_prefix(',') {
        Some(second) if second.starts_with('/') => {
            after_pattern(second).is_some_and(|end| of_numbers(&second[end..]))
        }
        _ => of_numbers(rest),
    }
}

fn is_test_file(path: &str) -> bool {
    let name = file_name(path);
    name.ends_with("_test.rb") || name.ends_with("_spec.rb") || name.starts_with("test_")
}

/// Laravel's own runner of tests.
fn artisan(arguments: &[&str]) -> bool {
    matches!(arguments, ["artisan", "test", ..])
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_checks_builds_and_tests_may_be_repeated() {
        for line in [
            "ls -la",
            "find . -name *.py",
            "sed -n 1,80p src/lib.rs",
            "sed -n /main/,/^}/p a",
            "sed -n /main/,+5p a",
            "mkdir -p a/b",
            "rm -rf build",
            "git status",
            "git diff HEAD~1",
            "git log --oneline",
            "which mvn",
            "command -v node",
            "node --version",
            "cargo test --lib",
            "cargo +nightly clippy",
            "cargo nextest run",
            "rustfmt src/lib.rs",
            "python -m unittest",
            "python3 -m pytest -q",
            "python3.12 -B -m pytest",
            ".venv/bin/python -m mypy src",
            "/opt/venv/bin/pytest",
            "tox -e py312",
            "nox",
            "uv run pytest",
            "uv run --frozen python -m unittest discover",
            "poetry run ruff check",
            "mypy .",
            "ruff check --fix",
            "python manage.py test app",
            "coverage run -m pytest",
            "python -m coverage run -m unittest",
            "coverage report",
            "npm test",
            "npm t",
            "npm run build",
            "npm run test:unit -- --watch=false",
            "npm ci",
            "pnpm -w run lint",
            "yarn test",
            "bun test",
            "bun run typecheck",
            "node --test",
            "node --test test/a.test.js",
            "npx vitest run",
            "jest",
            "mocha --exit",
            "tsc --noEmit",
            "node_modules/.bin/eslint .",
            "go test ./...",
            "go vet ./...",
            "go mod tidy",
            "go build",
            "golangci-lint run",
            "gofmt -w .",
            "mvn test",
            "mvn -q -o clean verify",
            "./mvnw -pl core test",
            "gradle test",
            "./gradlew :app:testDebug --offline",
            "./gradlew test --tests a.B",
            "cmake --build build",
            "cmake -S . -B build",
            "ctest --test-dir build",
            "meson test -C build",
            "ninja -C build",
            "make",
            "make -C sub test",
            "make check VERBOSE=1",
            "bundle exec rspec",
            "bundle exec rake test",
            "rake spec",
            "ruby -Itest test/a_test.rb",
            "vendor/bin/phpunit",
            "phpunit tests",
            "composer test",
            "php artisan test",
            "php -l a.php",
            "dotnet build",
            "dotnet test --no-restore",
            "mix test",
            "mix format --check-formatted",
            "swift test",
            "zig build test",
            "deno test",
            "dune runtest",
            "stack test",
            "sbt test",
            "bash -n run.sh",
            "shellcheck run.sh",
        ] {
            let words: Vec<&str> = line.split(' ').collect();
            assert!(is_repeatable(&words), "{line}");
        }
        for line in ["pytest -q", "npm run test", "sed -n '1,5p' a.txt", "/usr/bin/make check"] {
            assert!(is_repeatable(&["sh", "-c", line]), "sh -c {line}");
        }
    }

    #[test]
    fn what_adds_something_each_time_or_cannot_be_known_may_not() {
        for line in [
            "cargo run",
            "cargo publish",
            "cargo",
            "cargo add serde",
            "python script.py",
            "python -c print()",
            "python",
            "python -m http.server",
            "python -m pip install x",
            "uv run",
            "uv run script.py",
            "uv run --with x pytest",
            "poetry version minor",
            "coverage run -a -m pytest",
            "coverage run app.py",
            "node",
            "node app.js",
            "node --test -e x",
            "npm version patch",
            "npm install x",
            "npm run release",
            "npm run db:migrate",
            "npm publish",
            "yarn add x",
            "npx create-app",
            "go run .",
            "go get x",
            "go mod init",
            "mvn deploy",
            "mvn release:prepare",
            "mvn",
            "./gradlew publish",
            "gradle",
            "gradle test publish",
            "cmake -E copy a b",
            "make release",
            "make test bump-version",
            "rake db:seed",
            "mkdir a",
            "rm a",
            "mv a b",
            "cp a b",
            "find . -delete",
            "find . -name x -exec rm {} ;",
            "fd -x rm",
            "sed -i s/a/b/ a",
            "sed -n -i 1p a",
            "sed -n 1w/tmp/x a",
            "sed -n 1e a",
            "sed -n /x/e a",
            "sed -n -e 1p -e 1e a",
            "sed s/a/b/ a",
            "git commit -m x",
            "git stash",
            "git",
            "dotnet new console",
            "mix ecto.migrate",
            "composer require x",
            "tools/run",
            "./run --now",
            "./test",
            "bun run server.ts",
            "sh run.sh",
            "ruby app.rb",
            "php app.php",
        ] {
            let words: Vec<&str> = line.split(' ').collect();
            assert!(!is_repeatable(&words), "{line}");
        }
        for line in [
            "pytest && echo x >> log",
            "pytest; true",
            "echo x >> log",
            "cat a | tee -a b",
            "echo $(date)",
            "A=1 pytest",
        ] {
            assert!(!is_repeatable(&["sh", "-c", line]), "sh -c {line}");
        }
        assert!(!is_repeatable(&[]));
    }
}
