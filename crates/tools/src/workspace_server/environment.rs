//! The environment commands run in: built from nothing, so that no key or token of the host leaks in.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::git::command::{ENVIRONMENT, Identity};

const SYSTEM_PATH: [&str; 6] =
    ["/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin"];

/// The toolchains of the host that commands may use.
#[derive(Debug, Default)]
pub(super) struct Toolchains {
    rustup_home: Option<PathBuf>,
    toolchain: Option<String>,
    cargo_home: Option<PathBuf>,
}

impl Toolchains {
    /// Looks at this process's own environment and at rustup's files.
    pub(super) fn find() -> Self {
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let folder = |variable: &str, default: &str| {
            std::env::var_os(variable)
                .map(PathBuf::from)
                .or_else(|| home.as_ref().map(|home| home.join(default)))
                .and_then(|path| path.canonicalize().ok())
        };
        let rustup_home = folder("RUSTUP_HOME", ".rustup");
        let toolchain = rustup_home.as_deref().and_then(|rustup_home| {
            let wanted = std::env::var("RUSTUP_TOOLCHAIN").ok().or_else(|| default_toolchain(rustup_home))?;
            installed(rustup_home, &wanted)
        });
        Self { rustup_home, toolchain, cargo_home: folder("CARGO_HOME", ".cargo") }
    }

    /// What must be readable for them to work: rustup's folder, and of cargo's only programs and sources, never
    /// its credentials.
    pub(super) fn readable(&self) -> Vec<PathBuf> {
        let mut readable: Vec<PathBuf> = self.rustup_home.iter().cloned().collect();
        if let Some(cargo_home) = &self.cargo_home {
            readable.extend(["bin", "registry", "git"].map(|name| cargo_home.join(name)));
        }
        readable
    }

    fn path(&self) -> Vec<PathBuf> {
        let mut path = Vec::new();
        if let (Some(rustup_home), Some(toolchain)) = (&self.rustup_home, &self.toolchain) {
            path.push(rustup_home.join("toolchains").join(toolchain).join("bin"));
        }
        path.extend(self.cargo_home.iter().map(|cargo_home| cargo_home.join("bin")));
        path
    }
}

/// The environment of every command. Sources that cargo has already downloaded are offered to it through
/// links, since it works offline.
pub(super) fn build(
    toolchains: &Toolchains,
    readable: &[PathBuf],
    scratch: &Path,
    author: &Identity,
) -> std::io::Result<Vec<(OsString, OsString)>> {
    let home = scratch.join("home");
    let temporary = scratch.join("tmp");
    let cargo = scratch.join("cargo");
    for folder in [&home, &temporary, &cargo] {
        std::fs::create_dir_all(folder)?;
    }
    if let Some(cargo_home) = &toolchains.cargo_home {
        for name in ["registry", "git"].into_iter().filter(|name| cargo_home.join(name).is_dir()) {
            let link = cargo.join(name);
            if std::fs::symlink_metadata(&link).is_err() {
                std::os::unix::fs::symlink(cargo_home.join(name), link)?;
            }
        }
    }
    let mut variables: Vec<(OsString, OsString)> = Vec::new();
    let mut set = |name: &str, value: OsString| variables.push((name.into(), value));
    set("PATH", search_path(toolchains, readable));
    set("HOME", home.into());
    set("TMPDIR", temporary.into());
    set("LANG", "C.UTF-8".into());
    set("TERM", "dumb".into());
    set("NO_COLOR", "1".into());
    set("CARGO_HOME", cargo.into());
    set("CARGO_TARGET_DIR", scratch.join("target").into());
    set("CARGO_NET_OFFLINE", "true".into());
    set("CARGO_TERM_COLOR", "never".into());
    if let Some(rustup_home) = &toolchains.rustup_home {
        set("RUSTUP_HOME", rustup_home.into());
    }
    if let Some(toolchain) = &toolchains.toolchain {
        set("RUSTUP_TOOLCHAIN", toolchain.into());
    }
    for (name, value) in ENVIRONMENT.iter().filter(|(name, _)| *name != "LC_ALL") {
        set(name, value.into());
    }
    for (name, value) in author.environment() {
        set(name, value.into());
    }
    Ok(variables)
}

/// The toolchain's programs first, then the system's, then the host's other folders that may be read.
fn search_path(toolchains: &Toolchains, readable: &[PathBuf]) -> OsString {
    let mut path = toolchains.path();
    path.extend(SYSTEM_PATH.map(PathBuf::from));
    let host = std::env::var_os("PATH").unwrap_or_default();
    for folder in std::env::split_paths(&host) {
        let allowed = readable.iter().any(|readable| folder.starts_with(readable))
            || folder.starts_with("/usr")
            || folder.starts_with("/opt");
        if allowed && !path.contains(&folder) {
            path.push(folder);
        }
    }
    std::env::join_paths(path.iter().filter(|folder| !folder.as_os_str().as_encoded_bytes().contains(&b':')))
        .unwrap_or_default()
}

fn default_toolchain(rustup_home: &Path) -> Option<String> {
    let settings = std::fs::read_to_string(rustup_home.join("settings.toml")).ok()?;
    let settings: toml::Table = settings.parse().ok()?;
    Some(settings.get("default_toolchain")?.as_str()?.to_owned())
}

/// The folder name of a toolchain that may be given without its host triple.
fn installed(rustup_home: &Path, wanted: &str) -> Option<String> {
    let toolchains = rustup_home.join("toolchains");
    if toolchains.join(wanted).is_dir() {
        return Some(wanted.to_owned());
    }
    let mut names: Vec<String> = std::fs::read_dir(toolchains)
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.strip_prefix(wanted).is_some_and(|rest| rest.starts_with('-')))
        .collect();
    names.sort();
    names.into_iter().next()
}
