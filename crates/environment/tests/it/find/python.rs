use expect_test::expect;

use syndarix_environment::Repository;
use syndarix_environment::find::{Configured, find};

use super::{check, check_on, machine, with};

const PYTEST: &str = "import pytest\n\ndef test_a():\n    pass\n";
const UNITTEST: &str = "import unittest\n\nclass A(unittest.TestCase):\n    pass\n";

#[test]
fn scripts_without_a_manifest() {
    check(
        &[("a.py", ""), ("test_a.py", UNITTEST)],
        &expect![[r"
        [] [Python] with python 3.12
          set up: python3 -m venv .venv (test_a.py)
          Tests: .venv/bin/python -m unittest discover (test_a.py)
    "]],
    );
    check(
        &[("a.py", ""), ("tests/test_a.py", UNITTEST)],
        &expect![[r"
        [] [Python] with python 3.12
          set up: python3 -m venv .venv (tests/test_a.py)
          Tests: .venv/bin/python -m unittest discover -s tests (tests/test_a.py)
    "]],
    );
    check(
        &[("a.py", ""), ("tests/test_a.py", "def test_a(): pass\n")],
        &expect![[r"
        [] [Python] with python 3.12
          set up: python3 -m venv .venv (tests/test_a.py)
          set up: .venv/bin/python -m pip install --disable-pip-version-check pytest (tests/test_a.py)
          Tests: .venv/bin/python -m pytest (tests/test_a.py)
        note: pytest is declared nowhere and installed because the tests use it
    "]],
    );
}

#[test]
fn extras_for_tests_are_installed_with_the_project() {
    let manifest = "[build-system]\nrequires = []\n[project]\nname = \"a\"\nrequires-python = \">=3.9\"\ndependencies = [\"b\"]\n\
                    [project.optional-dependencies]\ntest = [\"pytest\"]\ndocs = [\"sphinx\"]\n[tool.pytest.ini_options]\naddopts = \"--cov=a -q\"\n";
    check(
        &[("pyproject.toml", manifest), ("tests/test_a.py", PYTEST)],
        &expect![[r"
        [] [Python] with python 3.12
          set up: python3 -m venv .venv (pyproject.toml)
          set up: .venv/bin/python -m pip install --disable-pip-version-check -e .[test] pytest-cov (pyproject.toml:8)
          Tests: .venv/bin/python -m pytest (pyproject.toml:8)
        note: pytest-cov is declared nowhere and installed because the tests use it
    "]],
    );
}

#[test]
fn dependency_groups_are_laid_out() {
    let manifest = "[project]\nname = \"a\"\ndependencies = [\"b>=1\"]\n[dependency-groups]\n\
                    test = [\"pytest>=8\"]\ndev = [{include-group = \"test\"}, \"ruff\"]\n";
    check(
        &[("pyproject.toml", manifest), ("tests/test_a.py", PYTEST)],
        &expect![[r"
        [] [Python] with python 3.12
          set up: python3 -m venv .venv (pyproject.toml)
          set up: .venv/bin/python -m pip install --disable-pip-version-check b>=1 pytest>=8 (pyproject.toml:5)
          Tests: .venv/bin/python -m pytest (pyproject.toml:6)
    "]],
    );
}

#[test]
fn lock_files_are_installed_by_their_managers() {
    let uv = "[project]\nname = \"a\"\n[dependency-groups]\ntest = [\"pytest\"]\n";
    let files = [("pyproject.toml", uv), ("uv.lock", "name = \"pytest\"\n"), ("tests/test_a.py", PYTEST)];
    check_on(
        &with(&["uv"]),
        &files,
        &expect![[r"
        [] [Python] with python 3.12
          set up: uv sync --frozen --group test (uv.lock)
          Tests: .venv/bin/python -m pytest (pyproject.toml:4)
    "]],
    );
    check(
        &files,
        &expect![[r"
        [] [Python] with python 3.12
          set up: python3 -m venv .venv (pyproject.toml)
          set up: .venv/bin/python -m pip install --disable-pip-version-check pytest (pyproject.toml:4)
          Tests: .venv/bin/python -m pytest (pyproject.toml:4)
        note: uv is not installed: pip installs what is declared, without the versions that uv.lock pins
    "]],
    );
    let poetry = "[tool.poetry]\nname = \"a\"\n[tool.poetry.dependencies]\npython = \"^3.8\"\nrequests = \"^2.28\"\n\
                  [tool.poetry.group.dev.dependencies]\npytest = \"^7.1\"\n[build-system]\nrequires = [\"poetry-core\"]\n";
    let files =
        [("pyproject.toml", poetry), ("poetry.lock", "name = \"pytest\"\n"), ("tests/test_a.py", PYTEST)];
    check_on(
        &with(&["poetry"]),
        &files,
        &expect![[r"
        [] [Python] with python 3.12
          set up: poetry install --no-interaction (poetry.lock)
          Tests: .venv/bin/python -m pytest (pyproject.toml:6)
    "]],
    );
    check(
        &files,
        &expect![[r"
        [] [Python] with python 3.12
          set up: python3 -m venv .venv (pyproject.toml)
          set up: .venv/bin/python -m pip install --disable-pip-version-check -e . pytest>=7.1,<8 (pyproject.toml:6)
          Tests: .venv/bin/python -m pytest (pyproject.toml:6)
        note: poetry is not installed: pip installs what is declared, without the versions that poetry.lock pins
    "]],
    );
}

#[test]
fn requirements_files() {
    check(
        &[
            ("requirements.txt", "flask\n"),
            ("requirements-dev.txt", "-r requirements.txt\npytest\nblack\n"),
            ("tests/test_a.py", PYTEST),
        ],
        &expect![[r"
            [] [Python] with python 3.12
              set up: python3 -m venv .venv (requirements.txt)
              set up: .venv/bin/python -m pip install --disable-pip-version-check -r requirements.txt -r requirements-dev.txt (requirements.txt)
              Tests: .venv/bin/python -m pytest (tests/test_a.py)
        "]],
    );
    check(
        &[
            ("setup.py", "setup(name='a', python_requires='>=3.6', tests_require=['pytest', 'mock'])"),
            ("requirements.txt", "six\n"),
            ("tests/test_a.py", PYTEST),
        ],
        &expect![[r"
            [] [Python] with python 3.12
              set up: python3 -m venv .venv (setup.py)
              set up: .venv/bin/python -m pip install --disable-pip-version-check -e . pytest mock (setup.py:1)
              Tests: .venv/bin/python -m pytest (setup.py:1)
        "]],
    );
    check(
        &[
            ("setup.py", "from setuptools import setup\nsetup()"),
            (
                "setup.cfg",
                "[metadata]\nname = a\n[options.extras_require]\ntesting =\n    pytest\n    hypothesis\n",
            ),
            ("test/test_a.py", "import hypothesis\nimport freezegun\nimport pytest\n"),
        ],
        &expect![[r"
            [] [Python] with python 3.12
              set up: python3 -m venv .venv (setup.py)
              set up: .venv/bin/python -m pip install --disable-pip-version-check -e .[testing] freezegun (setup.cfg:4)
              Tests: .venv/bin/python -m pytest (setup.cfg:4)
            note: freezegun is declared nowhere and installed because the tests use it
        "]],
    );
}

#[test]
fn the_project_itself_is_no_package_to_install() {
    let tests = "import a_b\nimport dateutil\nimport pytest\n";
    let name = [
        ("setup.py", "setup(name='Python.Dateutil')"),
        ("setup.cfg", "[metadata]\nname = python-dateutil\n"),
        ("PKG-INFO", "Metadata-Version: 2.1\nName: python-dateutil\n\nName: other\n"),
    ];
    for named in name {
        let files =
            [named, ("tests/test_a.py", tests), ("pyproject.toml", "[build-system]\nrequires = []\n")];
        let files: Vec<_> =
            files.into_iter().chain((named.0 == "PKG-INFO").then_some(("setup.py", ""))).collect();
        let environment = find(&Repository::of(files.iter().copied()), &machine(), &Configured::default());
        let words = &environment.parts[0].set_up[1].command;
        assert_eq!(words[5..].join(" "), "-e . pytest", "{}", named.0);
    }
}

#[test]
fn groups_that_nox_installs_are_laid_out() {
    let nox = "@nox.session\ndef tests(session):\n    session.install('-e.', *nox.project.dependency_groups(PYPROJECT, 'unit'))\n";
    let manifest = "[project]\nname = \"a\"\n[dependency-groups]\nunit = [\"pytest>=8\"]\n[build-system]\nrequires = []\n";
    check(
        &[("noxfile.py", nox), ("pyproject.toml", manifest), ("tests/test_a.py", PYTEST)],
        &expect![[r"
            [] [Python] with python 3.12
              set up: python3 -m venv .venv (pyproject.toml)
              set up: .venv/bin/python -m pip install --disable-pip-version-check -e . pytest>=8 (pyproject.toml:4)
              Tests: .venv/bin/python -m pytest (pyproject.toml:4)
        "]],
    );
}

#[test]
fn extras_of_the_project_itself_are_its_folder_s() {
    let manifest = "[build-system]\nrequires = []\n[project]\nname = \"a_b\"\n[project.optional-dependencies]\n\
                    socks = [\"c\"]\n[dependency-groups]\ntest = [\"a-b[socks, gone]>=1\", \"pytest\"]\n";
    check(
        &[("pyproject.toml", manifest), ("tests/test_a.py", PYTEST)],
        &expect![[r"
            [] [Python] with python 3.12
              set up: python3 -m venv .venv (pyproject.toml)
              set up: .venv/bin/python -m pip install --disable-pip-version-check -e .[socks] pytest (pyproject.toml:8)
              Tests: .venv/bin/python -m pytest (pyproject.toml:8)
        "]],
    );
}

#[test]
fn what_tests_import_chooses_extras() {
    let manifest = "[build-system]\nrequires = []\n[project]\nname = \"a\"\n[project.optional-dependencies]\n\
                    http2 = [\"h2\"]\nfast = [\"orjson\"]\nslow = [\"simplejson\"]\n";
    for (tests, extras) in [
        ("import pytest\n", "."),
        ("import hpack\nimport pytest\n", ".[http2]"),
        ("import pytest, orjson as json, os\n", ".[fast]"),
        ("from orjson import loads, simplejson\nimport pytest\n", ".[fast]"),
    ] {
        let files = [("pyproject.toml", manifest), ("tests/test_a.py", tests)];
        let environment = find(&Repository::of(files), &machine(), &Configured::default());
        let words = &environment.parts[0].set_up[1].command;
        assert_eq!(words[5..].join(" "), format!("-e {extras} pytest"), "{tests}");
    }
}

#[test]
fn tox_says_what_is_installed_and_with_what() {
    let tox = "[tox]\nenvlist = py39\n[testenv]\ndeps =\n    pytest>=6  # new\n    py27: mock\n    -r{toxinidir}/requirements/test.txt\n\
               extras = crypto\nsetenv =\n    A = 1\n    PATH = x\n    B = {envdir}\ncommands = pytest {posargs} tests\n";
    check(
        &[
            ("tox.ini", tox),
            ("setup.py", "setup(extras_require={'crypto': ['x']})"),
            ("requirements/test.txt", "mock\n"),
            ("tests/test_a.py", PYTEST),
        ],
        &expect![[r"
            [] [Python] with python 3.12
              set up: python3 -m venv .venv (setup.py)
              set up: .venv/bin/python -m pip install --disable-pip-version-check -e .[crypto] pytest>=6 -r requirements/test.txt (tox.ini:3)
              Tests: .venv/bin/python -m pytest tests (tox.ini:3)
        "]],
    );
}

#[test]
fn nox_and_continuous_integration_say_what_is_installed() {
    let nox = "@nox.session\ndef lint(session):\n    session.install('flake8')\n\n@nox.session\ndef tests(session):\n    session.install('-e', '.[speed]', 'pytest', 'pytest-cov')\n    session.run('pytest')\n";
    check(
        &[
            ("noxfile.py", nox),
            ("setup.py", "setup(extras_require={'speed': []})"),
            ("tests/test_a.py", PYTEST),
        ],
        &expect![[r"
            [] [Python] with python 3.12
              set up: python3 -m venv .venv (setup.py)
              set up: .venv/bin/python -m pip install --disable-pip-version-check -e .[speed] pytest pytest-cov (noxfile.py:6)
              Tests: .venv/bin/python -m pytest (noxfile.py:6)
        "]],
    );
    let workflow = "jobs:\n  lint:\n    steps:\n      - run: pip install flake8 -r requirements-lint.txt\n  test:\n    strategy:\n      matrix:\n        python: ['3.8', 3.9]\n    steps:\n      - uses: actions/setup-python@v5\n        with:\n          python-version: ${{ matrix.python }}\n      - run: |\n          python -m pip install --upgrade pip wheel\n          pip install -e .[all] coverage\n          pip install \"pytest<9\"\n          coverage run -m pytest tests/unit --cov\n          codecov --token ${{ secrets.X }}\n";
    check(
        &[
            ("setup.py", "setup(extras_require={'all': []})"),
            ("tests/unit/test_a.py", PYTEST),
            (".github/workflows/test.yml", workflow),
            ("requirements-lint.txt", ""),
        ],
        &expect![[r"
            [] [Python] with python 3.9.18 in /home/me/.pyenv/versions/3.9.18/bin
              set up: python3 -m venv .venv (setup.py)
              set up: .venv/bin/python -m pip install --disable-pip-version-check -e .[all] coverage pytest<9 (.github/workflows/test.yml:15)
              Tests: .venv/bin/python -m pytest tests/unit (.github/workflows/test.yml:17)
        "]],
    );
}

#[test]
fn the_versions_that_are_asked_for() {
    let tests = ("test_a.py", UNITTEST);
    check(
        &[tests, (".python-version", "3.9\n")],
        &expect![[r"
        [] [Python] with python 3.9.18 in /home/me/.pyenv/versions/3.9.18/bin
          set up: python3 -m venv .venv (test_a.py)
          Tests: .venv/bin/python -m unittest discover (test_a.py)
    "]],
    );
    check(
        &[tests, (".python-version", "3.13\n")],
        &expect![[r"
        [] [Python] with python 3.12
          set up: python3 -m venv .venv (test_a.py)
          Tests: .venv/bin/python -m unittest discover (test_a.py)
        note: .python-version asks for python 3.13, which is not installed: python 3.12 is used
    "]],
    );
    check(
        &[tests, ("pyproject.toml", "[project]\nname = \"a\"\nrequires-python = \">=3.14\"\n")],
        &expect![[r"
            [] [Python] with 
              set up: python3 -m venv .venv (pyproject.toml)
              Tests: .venv/bin/python -m unittest discover (test_a.py)
            missing: python >=3.14 (pyproject.toml:3)
        "]],
    );
    check(
        &[
            tests,
            ("pyproject.toml", "[project]\nname = \"a\"\nrequires-python = \">=3.8,<3.10\"\n"),
            (".tool-versions", "nodejs 18\npython 3.11.2\n"),
        ],
        &expect![[r"
            [] [Python] with python 3.9.18 in /home/me/.pyenv/versions/3.9.18/bin
              set up: python3 -m venv .venv (pyproject.toml)
              Tests: .venv/bin/python -m unittest discover (test_a.py)
            note: .tool-versions:2 asks for python 3.11.2, which is not installed: python 3.9.18 is used
        "]],
    );
}

#[test]
fn settings_of_a_formatter_are_no_project() {
    check(
        &[("pyproject.toml", "[tool.black]\n"), ("setup.cfg", "[flake8]\n")],
        &expect![[r"
            nothing
        "]],
    );
    check(
        &[("pyproject.toml", "[tool.black\n"), ("test_a.py", UNITTEST)],
        &expect![[r"
        [] [Python] with python 3.12
          set up: python3 -m venv .venv (pyproject.toml)
          Tests: .venv/bin/python -m unittest discover (test_a.py)
        note: pyproject.toml cannot be read and is left out: TOML parse error at line 1, column 12
    "]],
    );
}
