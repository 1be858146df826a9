//! Which folders must be readable so that the user's toolchains work where only what is listed can be read.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::installed::{MANAGERS, conda, folder_of};
use super::{Machine, Variable};

/// What programs need beside the folder that they lie in.
const BESIDE: &[&str] = &[
    "bin", "sbin", "lib", "lib64", "libexec", "share", "include", "ssl", "condabin", "conf", "jmods", "pkgs",
    "envs",
];
/// Folders below the home folder with what toolchains installed and downloaded, and nothing that is secret.
const IN_HOME: &[&str] = &[
    ".cargo/bin",
    ".cargo/registry",
    ".cargo/git",
    ".local/bin",
    ".local/lib",
    ".local/share/uv/python",
    ".local/share/uv/tools",
    ".local/share/pipx",
    ".local/pipx/venvs",
    ".local/share/pnpm",
    ".bun/bin",
    ".deno/bin",
    ".dotnet",
    "go/bin",
    "go/pkg",
    "sdk",
];
/// Files and folders below the home folder that hold secrets, or may: no readable folder has one of them in it, or lies
/// in one.
const SECRET: &[&str] = &[
    ".aws",
    ".azure",
    ".bash_history",
    ".bundle/config",
    ".cargo/config.toml",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".composer/auth.json",
    ".condarc",
    ".config",
    ".docker",
    ".gem/credentials",
    ".git-credentials",
    ".gnupg",
    ".gradle/gradle.properties",
    ".gradle/init.d",
    ".hex",
    ".kube",
    ".local/share/keyrings",
    ".m2/settings-security.xml",
    ".m2/settings.xml",
    ".mozilla",
    ".netrc",
    ".npmrc",
    ".nuget/NuGet",
    ".password-store",
    ".pypirc",
    ".ssh",
    ".terraform.d",
    ".vault-token",
    ".yarnrc.yml",
    ".zsh_history",
    ".local/share/uv/credentials",
];
/// Programs of one folder whose links are followed.
const LINKS: usize = 2_000;

/// The folders, each of them there, without links, and without the user's credentials.
pub fn readable(variable: Variable<'_>, machine: &Machine) -> Vec<PathBuf> {
    let home = variable("HOME").map(PathBuf::from);
    let home = home.map(|home| home.canonicalize().unwrap_or(home));
    let mut folders: BTreeSet<PathBuf> = BTreeSet::new();
    let path = variable("PATH").unwrap_or_default();
    for folder in std::env::split_paths(&path).filter(|folder| folder.is_absolute()) {
        folders.extend(with_beside(&folder, home.as_deref()));
    }
    // A program in a folder of links, such as `~/.local/bin`, needs what lies beside where it really is.
    for program in machine.programs.values().take(LINKS * 10) {
        if let Ok(real) = program.canonicalize()
            && real.parent() != program.parent()
            && let Some(folder) = real.parent()
        {
            folders.extend(with_beside(folder, home.as_deref()));
        }
    }
    for manager in MANAGERS {
        folders.extend(folder_of(manager, variable));
    }
    for installed in machine.installed.values().flatten() {
        folders.extend(with_beside(&installed.bin, home.as_deref()));
    }
    // Go's sources lie beside its programs, and are compiled from there.
    let go = machine.versions("go").iter().filter(|one| one.bin.ends_with("go/bin") || one.by == "go");
    folders.extend(go.filter_map(|one| one.bin.parent()).map(Path::to_owned));
    let homes = ["JAVA_HOME", "GOROOT", "DOTNET_ROOT", "M2_HOME", "MAVEN_HOME", "GRADLE_HOME"];
    folders.extend(homes.iter().filter_map(|name| variable(name)).map(PathBuf::from));
    for prefix in conda(variable) {
        folders.extend(BESIDE.iter().map(|name| prefix.join(name)));
    }
    if let Some(home) = &home {
        folders.extend(IN_HOME.iter().map(|name| home.join(name)));
    }
    let real: BTreeSet<PathBuf> = folders
        .iter()
        .filter_map(|folder| folder.canonicalize().ok())
        .filter(|folder| folder.is_dir() && is_harmless(folder, home.as_deref()))
        .collect();
    // What lies in another one is readable with it.
    let outer = real.iter().filter(|folder| !folder.ancestors().skip(1).any(|above| real.contains(above)));
    outer.cloned().collect()
}

/// A folder of programs, with what programs need beside it.
fn with_beside(bin: &Path, home: Option<&Path>) -> Vec<PathBuf> {
    let mut folders = vec![bin.to_owned()];
    let named = bin.file_name().is_some_and(|name| name == "bin" || name == "sbin" || name == "condabin");
    if let Some(prefix) = bin.parent().filter(|_| named) {
        // The home folder's own `lib` and `share` are the user's, not a toolchain's.
        if Some(prefix) != home && prefix.components().count() > 1 {
            folders.extend(BESIDE.iter().map(|name| prefix.join(name)));
        }
    }
    folders
}

/// Whether a folder neither holds nor lies in what is secret.
fn is_harmless(folder: &Path, home: Option<&Path>) -> bool {
    let Some(home) = home else { return folder.components().count() > 1 };
    let secret = SECRET.iter().map(|name| home.join(name));
    let mut touched = secret.filter(|secret| folder.starts_with(secret) || secret.starts_with(folder));
    // The whole of `~/.local/share` has more than toolchains in it: browsers, mail, key rings.
    let private =
        [".local", ".local/share", ".local/state", ".cache"].iter().any(|name| folder == home.join(name));
    !home.starts_with(folder) && !private && touched.next().is_none()
}
