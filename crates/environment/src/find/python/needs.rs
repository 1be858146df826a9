//! Which packages a Python project's tests need: by what they import, and by how pytest is configured.

use std::collections::BTreeSet;

use super::super::folder::Folder;
use super::declared::Declared;
use super::requirement::normalised;
use super::runner::{Runner, configuration, texts};

/// Options of pytest, or keys of its configuration, with the package that brings them.
const OPTIONS: &[(&str, &str)] = &[
    ("--cov", "pytest-cov"),
    ("--numprocesses", "pytest-xdist"),
    ("-n", "pytest-xdist"),
    ("-n=", "pytest-xdist"),
    ("--dist", "pytest-xdist"),
    ("--timeout", "pytest-timeout"),
    ("--benchmark", "pytest-benchmark"),
    ("--asyncio-mode", "pytest-asyncio"),
    ("--reruns", "pytest-rerunfailures"),
    ("--mypy", "pytest-mypy"),
    ("--flake8", "pytest-flake8"),
    ("--black", "pytest-black"),
    ("--isort", "pytest-isort"),
    ("--ruff", "pytest-ruff"),
    ("--randomly", "pytest-randomly"),
    ("--forked", "pytest-forked"),
    ("--disable-socket", "pytest-socket"),
    ("--html", "pytest-html"),
    ("--doctest-plus", "pytest-doctestplus"),
    ("--doctest-rst", "pytest-doctestplus"),
    ("--codspeed", "pytest-codspeed"),
    ("--hypothesis", "hypothesis"),
    ("--snapshot", "syrupy"),
];
const KEYS: &[(&str, &str)] = &[
    ("asyncio_mode", "pytest-asyncio"),
    ("asyncio_default_fixture_loop_scope", "pytest-asyncio"),
    ("timeout", "pytest-timeout"),
    ("env", "pytest-env"),
    ("DJANGO_SETTINGS_MODULE", "pytest-django"),
    ("django_settings_module", "pytest-django"),
    ("doctest_plus", "pytest-doctestplus"),
    ("trio_mode", "pytest-trio"),
    ("mypy_plugin", "pytest-mypy-plugins"),
];
/// What tests say that shows a package, beside its import.
const SIGNS: &[(&str, &str)] = &[
    ("pytest.mark.asyncio", "pytest-asyncio"),
    ("pytest.mark.anyio", "anyio"),
    ("pytest.mark.trio", "pytest-trio"),
    ("pytest.mark.timeout", "pytest-timeout"),
    ("pytest.mark.django_db", "pytest-django"),
    ("pytest.mark.benchmark", "pytest-benchmark"),
    ("pytest.mark.flaky", "pytest-rerunfailures"),
    ("(mocker", "pytest-mock"),
    (", mocker", "pytest-mock"),
    ("(benchmark", "pytest-benchmark"),
    (", benchmark", "pytest-benchmark"),
    ("(httpbin", "pytest-httpbin"),
    (", httpbin", "pytest-httpbin"),
    ("(httpserver", "pytest-httpserver"),
    ("httpx_mock", "pytest-httpx"),
    ("(subtests", "pytest-subtests"),
    (", subtests", "pytest-subtests"),
    ("(freezer", "pytest-freezer"),
    (", freezer", "pytest-freezer"),
    ("(testdir", ""),
];
/// Modules whose package is called differently.
const MODULES: &[(&str, &str)] = &[
    ("yaml", "pyyaml"),
    ("PIL", "pillow"),
    ("dateutil", "python-dateutil"),
    ("attr", "attrs"),
    ("bs4", "beautifulsoup4"),
    ("sklearn", "scikit-learn"),
    ("factory", "factory-boy"),
    ("pkg_resources", "setuptools"),
    ("ruamel", "ruamel-yaml"),
    ("jwt", "pyjwt"),
    ("dotenv", "python-dotenv"),
    ("cv2", "opencv-python"),
    ("OpenSSL", "pyopenssl"),
    ("pytest_lazyfixture", "pytest-lazy-fixture"),
    ("pytest_reraise", "pytest-reraise"),
    ("_pytest", "pytest"),
    ("hpack", "h2"),
    ("hyperframe", "h2"),
];
/// Well-known packages that tests import: needed and declared nowhere, they are installed by name. Others are not, for a
/// module's name is no proof of its package's.
const KNOWN: &[&str] = &[
    "pytest",
    "hypothesis",
    "mock",
    "freezegun",
    "responses",
    "requests-mock",
    "parameterized",
    "time-machine",
    "factory-boy",
    "faker",
    "testfixtures",
    "pretend",
    "sybil",
    "syrupy",
    "respx",
    "trio",
    "anyio",
    "nose2",
    "flaky",
    "trustme",
    "approvaltests",
    "expecttest",
    "inline-snapshot",
    "dirty-equals",
    "ddt",
    "vcrpy",
    "moto",
    "pexpect",
    "psutil",
    "coverage",
    "numpy",
    "pandas",
    "scipy",
    "matplotlib",
    "attrs",
    "pyyaml",
    "requests",
    "httpx",
    "aiohttp",
    "uvicorn",
    "starlette",
    "flask",
    "django",
    "tornado",
    "twisted",
    "gevent",
    "werkzeug",
    "jinja2",
    "click",
    "rich",
    "pydantic",
    "cryptography",
    "sqlalchemy",
    "redis",
    "simplejson",
    "ujson",
    "orjson",
    "msgpack",
    "jsonschema",
    "lxml",
    "html5lib",
    "beautifulsoup4",
    "chardet",
    "brotli",
    "zstandard",
    "h2",
    "pytz",
    "tzdata",
    "babel",
    "python-dateutil",
    "pillow",
    "pygments",
    "markdown",
    "docutils",
    "packaging",
    "filelock",
    "virtualenv",
    "cloudpickle",
    "dill",
    "pympler",
    "typing-extensions",
    "setuptools",
    "six",
    "toml",
    "tomli",
    "tomli-w",
    "tomlkit",
];
/// The modules that a file imports without a condition.
pub(super) fn imports(text: &str) -> impl Iterator<Item = &str> {
    let named = text.lines().flat_map(|line| {
        let several = line.strip_prefix("import ").into_iter().flat_map(|names| names.split(','));
        several.chain(line.strip_prefix("from "))
    });
    named.filter_map(|rest| {
        let rest = rest.trim_start();
        let end = rest
            .find(|character: char| !character.is_alphanumeric() && character != '_')
            .unwrap_or(rest.len());
        Some(&rest[..end]).filter(|module| !module.is_empty())
    })
}

/// The packages that the tests need, by what they import and how pytest is configured.
pub(super) fn needs(folder: &Folder<'_>, declared: &Declared, runner: &Runner) -> BTreeSet<String> {
    let mut needs = BTreeSet::new();
    let by_pytest = matches!(runner, Runner::Pytest(..));
    for text in texts(folder) {
        for module in imports(text) {
            let package =
                MODULES.iter().find(|(name, _)| *name == module).map_or(module, |(_, package)| package);
            needs.insert(normalised(package));
        }
        if by_pytest {
            let shown = SIGNS.iter().filter(|(sign, package)| !package.is_empty() && text.contains(sign));
            needs.extend(shown.map(|(_, package)| (*package).to_owned()));
        }
    }
    if by_pytest {
        needs.insert("pytest".to_owned());
        for (key, value) in configuration(folder, declared) {
            if key == "addopts" {
                let words: Vec<&str> = value.split_whitespace().collect();
                needs.extend(
                    OPTIONS
                        .iter()
                        .filter(|(option, _)| {
                            words.iter().any(|word| {
                                if option.starts_with("--") {
                                    word.starts_with(option)
                                } else {
                                    word.starts_with(option) && !word.starts_with("--")
                                }
                            })
                        })
                        .map(|(_, package)| (*package).to_owned()),
                );
            }
            needs.extend(
                KEYS.iter().filter(|(name, _)| *name == key).map(|(_, package)| (*package).to_owned()),
            );
        }
    } else {
        needs.remove("pytest");
    }
    needs
}

/// What is installed by name where nothing declares it.
pub(super) fn by_name(needed: &str) -> Option<String> {
    match needed {
        // Its later versions are without the module that is asked for.
        "setuptools" => Some("setuptools<81".to_owned()),
        _ => (KNOWN.contains(&needed) || needed.starts_with("pytest-")).then(|| needed.to_owned()),
    }
}
