//! Where version managers and the system keep the versions that they installed.

use std::fs;
use std::path::{Path, PathBuf};

use super::Variable;
use super::probe::is_program;

/// Versions of one manager that are looked at.
const VERSIONS: usize = 200;

/// An installed version whose number the path may not tell.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) language: &'static str,
    pub(super) bin: PathBuf,
    pub(super) by: &'static str,
    pub(super) version: Option<String>,
    /// The program that is asked where the version is not known, and how.
    pub(super) program: &'static str,
    pub(super) asks: &'static str,
}

/// A manager's folder: the variable that names it, and where it is otherwise, relative to the home folder.
#[derive(Debug)]
pub(super) struct Manager {
    pub(super) name: &'static str,
    pub(super) variable: &'static str,
    pub(super) homes: &'static [&'static str],
}

pub(super) const MANAGERS: &[Manager] = &[
    Manager { name: "pyenv", variable: "PYENV_ROOT", homes: &[".pyenv"] },
    Manager { name: "nvm", variable: "NVM_DIR", homes: &[".nvm"] },
    Manager { name: "fnm", variable: "FNM_DIR", homes: &[".local/share/fnm", ".fnm"] },
    Manager { name: "volta", variable: "VOLTA_HOME", homes: &[".volta"] },
    Manager { name: "asdf", variable: "ASDF_DATA_DIR", homes: &[".asdf"] },
    Manager { name: "mise", variable: "MISE_DATA_DIR", homes: &[".local/share/mise"] },
    Manager { name: "uv", variable: "UV_PYTHON_INSTALL_DIR", homes: &[".local/share/uv/python"] },
    Manager { name: "rustup", variable: "RUSTUP_HOME", homes: &[".rustup"] },
    Manager { name: "sdkman", variable: "SDKMAN_DIR", homes: &[".sdkman"] },
    Manager { name: "rbenv", variable: "RBENV_ROOT", homes: &[".rbenv"] },
];

/// A manager's folder of versions: the manager, the folder in it, the language, and where a version's programs are.
const KEPT: &[(&str, &str, &str, &str)] = &[
    ("pyenv", "versions", "python", "bin"),
    ("nvm", "versions/node", "node", "bin"),
    ("fnm", "node-versions", "node", "installation/bin"),
    ("volta", "tools/image/node", "node", "bin"),
    ("asdf", "installs/python", "python", "bin"),
    ("asdf", "installs/nodejs", "node", "bin"),
    ("asdf", "installs/golang", "go", "go/bin"),
    ("asdf", "installs/ruby", "ruby", "bin"),
    ("asdf", "installs/java", "java", "bin"),
    ("asdf", "installs/php", "php", "bin"),
    ("asdf", "installs/elixir", "elixir", "bin"),
    ("mise", "installs/python", "python", "bin"),
    ("mise", "installs/node", "node", "bin"),
    ("mise", "installs/go", "go", "bin"),
    ("mise", "installs/ruby", "ruby", "bin"),
    ("mise", "installs/java", "java", "bin"),
    ("mise", "installs/php", "php", "bin"),
    ("mise", "installs/elixir", "elixir", "bin"),
    ("uv", "", "python", "bin"),
    ("rustup", "toolchains", "rust", "bin"),
    ("sdkman", "candidates/java", "java", "bin"),
    ("rbenv", "versions", "ruby", "bin"),
];
const CONDA: &[&str] = &["miniconda3", "anaconda3", "miniforge3", "mambaforge", "micromamba"];

/// A manager's folder on this machine.
pub(super) fn folder_of(manager: &Manager, variable: Variable<'_>) -> Option<PathBuf> {
    let home = variable("HOME").map(PathBuf::from);
    let said = variable(manager.variable).map(PathBuf::from);
    let usual = home.iter().flat_map(|home| manager.homes.iter().map(move |name| home.join(name)));
    said.into_iter().chain(usual).find(|folder| folder.is_dir())
}

/// Conda's folders: the active environment, and where it is usually installed.
pub(super) fn conda(variable: Variable<'_>) -> Vec<PathBuf> {
    let mut prefixes: Vec<PathBuf> = variable("CONDA_PREFIX").map(PathBuf::from).into_iter().collect();
    let home = variable("HOME").map(PathBuf::from);
    prefixes.extend(home.iter().flat_map(|home| CONDA.iter().map(move |name| home.join(name))));
    prefixes.extend(CONDA.iter().map(|name| Path::new("/opt").join(name)));
    prefixes.retain(|prefix| prefix.is_dir());
    prefixes
}

/// All places with a version of a language.
pub(super) fn places(variable: Variable<'_>) -> Vec<Place> {
    let mut places = Vec::new();
    for manager in MANAGERS {
        let Some(root) = folder_of(manager, variable) else { continue };
        for (_, inside, language, bin) in KEPT.iter().filter(|(name, ..)| *name == manager.name) {
            for folder in folders(&root.join(inside)) {
                places.extend(place(language, &folder.join(bin), manager.name, version_of(&folder)));
            }
        }
    }
    for prefix in conda(variable) {
        let environments = folders(&prefix.join("envs"));
        for folder in std::iter::once(prefix).chain(environments) {
            if let Some(version) = conda_python(&folder) {
                places.extend(place("python", &folder.join("bin"), "conda", Some(version)));
            }
        }
    }
    let home = variable("HOME").map(PathBuf::from);
    let sdks = home.iter().flat_map(|home| folders(&home.join("sdk")));
    let roots = variable("GOROOT").map(PathBuf::from).into_iter();
    for root in roots.chain([PathBuf::from("/usr/local/go"), PathBuf::from("/usr/lib/go")]).chain(sdks) {
        let version = fs::read_to_string(root.join("VERSION")).ok().and_then(|text| version_in(&text));
        if version.is_some() {
            places.extend(place("go", &root.join("bin"), "go", version));
        }
    }
    let system = folders(Path::new("/usr/lib/jvm"));
    for root in variable("JAVA_HOME").map(PathBuf::from).into_iter().chain(system) {
        let release = fs::read_to_string(root.join("release")).unwrap_or_default();
        let version = release.lines().find_map(|line| version_in(line.strip_prefix("JAVA_VERSION=")?));
        // Without a compiler nothing is built.
        if is_program(&root.join("bin/javac")) {
            places.extend(place("java", &root.join("bin"), "system", version));
        }
    }
    let local = home.map(|home| home.join(".local/bin"));
    for folder in ["/usr/bin", "/usr/local/bin"].map(PathBuf::from).into_iter().chain(local) {
        for minor in 6..30 {
            if is_program(&folder.join(format!("python3.{minor}"))) {
                places.extend(place("python", &folder, "system", Some(format!("3.{minor}"))));
            }
        }
    }
    places
}

fn place(language: &str, bin: &Path, by: &'static str, version: Option<String>) -> Option<Place> {
    let (language, program, asks) = match language {
        "python" => ("python", "python3", "--version"),
        "node" => ("node", "node", "--version"),
        "go" => ("go", "go", "version"),
        "java" => ("java", "java", "-version"),
        "ruby" => ("ruby", "ruby", "--version"),
        "php" => ("php", "php", "--version"),
        "elixir" => ("elixir", "elixir", "--version"),
        _ => ("rust", "rustc", "--version"),
    };
    let there = is_program(&bin.join(program)) || (by == "system" && language == "python");
    there.then(|| Place { language, bin: bin.to_owned(), by, version, program, asks })
}

fn folders(parent: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(parent) else { return Vec::new() };
    let mut folders: Vec<PathBuf> = entries.flatten().take(VERSIONS).map(|entry| entry.path()).collect();
    // Links such as `current`, `lts` and `3.11` name what is listed anyway.
    folders.retain(|path| path.is_dir() && !path.is_symlink());
    folders.sort();
    folders
}

/// The version that a folder's name tells: `3.11.7`, `v20.1.0`, `cpython-3.11.7-linux-x86_64-gnu`, `17.0.2-tem`.
fn version_of(folder: &Path) -> Option<String> {
    let name = folder.file_name()?.to_str()?;
    if name.starts_with("pypy") || name.starts_with("graalpy") {
        return None;
    }
    let name = name.strip_prefix("cpython-").or_else(|| name.strip_prefix("temurin-")).unwrap_or(name);
    version_in(name)
}

fn conda_python(prefix: &Path) -> Option<String> {
    let entries = fs::read_dir(prefix.join("conda-meta")).ok()?;
    entries.flatten().find_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let rest = name
            .strip_prefix("python-")
            .filter(|rest| rest.starts_with(|first: char| first.is_ascii_digit()))?;
        rest.split('-').next().map(str::to_owned)
    })
}

/// The first version in a text.
pub(super) fn version_in(text: &str) -> Option<String> {
    text.split(|character: char| character.is_whitespace() || "\"()".contains(character)).find_map(|word| {
        let word = word.trim_start_matches('v');
        let word = word.strip_prefix("go").unwrap_or(word);
        let end = word
            .find(|character: char| !character.is_ascii_digit() && character != '.')
            .unwrap_or(word.len());
        let version = word[..end].trim_end_matches('.');
        version.starts_with(|first: char| first.is_ascii_digit()).then(|| version.to_owned())
    })
}

/// A version's numbers, to sort by.
pub(super) fn numbers(version: &str) -> Vec<u64> {
    version.split('.').map_while(|number| number.parse().ok()).collect()
}

/// The manager whose shim a program is.
pub(super) fn shim(program: &Path, variable: Variable<'_>) -> Option<&'static str> {
    let folder = program.parent()?;
    MANAGERS.iter().find_map(|manager| {
        let root = folder_of(manager, variable)?;
        let is_shim = folder == root.join("shims") || (manager.name == "volta" && folder == root.join("bin"));
        is_shim.then_some(manager.name)
    })
}

/// The version that the user selected for all folders.
pub(super) fn selected(manager: &str, language: &str, variable: Variable<'_>) -> Option<String> {
    let home = PathBuf::from(variable("HOME")?);
    let root = MANAGERS.iter().find(|one| one.name == manager).and_then(|one| folder_of(one, variable))?;
    let first_line = |path: PathBuf| -> Option<String> {
        Some(fs::read_to_string(path).ok()?.lines().next()?.trim().to_owned())
    };
    match manager {
        "pyenv" => variable("PYENV_VERSION").or_else(|| first_line(root.join("version"))),
        "rbenv" => variable("RBENV_VERSION").or_else(|| first_line(root.join("version"))),
        "asdf" => {
            let name = match language {
                "node" => "nodejs",
                "go" => "golang",
                other => other,
            };
            let text = fs::read_to_string(home.join(".tool-versions")).ok()?;
            text.lines().find_map(|line| {
                let mut words = line.split_whitespace();
                (words.next()? == name).then(|| words.next().map(str::to_owned))?
            })
        }
        _ => None,
    }
}
