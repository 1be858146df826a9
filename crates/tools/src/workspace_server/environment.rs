//! The environment commands run in: built from nothing, so that no key or token of the host leaks in.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::namespace::Inside;
use super::options::Prepared;
use crate::git::Signature;
use crate::git::command::ENVIRONMENT;

const SYSTEM_PATH: [&str; 6] =
    ["/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin"];

/// What keeps package managers from asking a network that is not there: they say at once what is missing, instead of
/// trying again until a time is up.
const OFFLINE: [(&str, &str); 6] = [
    ("CARGO_NET_OFFLINE", "true"),
    ("GOPROXY", "off"),
    ("UV_OFFLINE", "1"),
    ("PIP_NO_INDEX", "1"),
    ("YARN_ENABLE_NETWORK", "0"),
    ("HEX_OFFLINE", "1"),
];

/// The Rust toolchain of the host, which commands may use.
#[derive(Debug, Default)]
pub(super) struct Toolchains {
    rustup_home: Option<PathBuf>,
    /// The toolchain to name, where rustup would not choose one: its proxies take a repository's `rust-toolchain.toml`
    /// and `+nightly` as people have them, which a named toolchain would override.
    toolchain: Option<String>,
    cargo_home: Option<PathBuf>,
}

impl Toolchains {
    /// Looks at this process's own environment and at rustup's files.
    pub(super) fn find() -> Self {
        Self::of(|variable| std::env::var_os(variable))
    }

    /// The same, with these variables.
    fn of(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let home = variable("HOME").map(PathBuf::from);
        let folder = |name: &str, default: &str| {
            variable(name)
                .map(PathBuf::from)
                .or_else(|| home.as_ref().map(|home| home.join(default)))
                .and_then(|path| path.canonicalize().ok())
        };
        let rustup_home = folder("RUSTUP_HOME", ".rustup");
        let cargo_home = folder("CARGO_HOME", ".cargo");
        let toolchain = rustup_home.as_deref().and_then(|rustup_home| {
            let default = default_toolchain(rustup_home);
            let path = variable("PATH").unwrap_or_default();
            if default.is_some() && has_proxies(cargo_home.as_deref(), &path) {
                return None;
            }
            let named = variable("RUSTUP_TOOLCHAIN").and_then(|named| named.into_string().ok());
            installed(rustup_home, &named.or(default)?)
        });
        Self { rustup_home, toolchain, cargo_home }
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

/// What the environment of every command is made of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sources<'a> {
    pub(super) toolchains: &'a Toolchains,
    pub(super) prepared: &'a Prepared,
    /// What may be read beside the system.
    pub(super) readable: &'a [PathBuf],
    pub(super) inside: &'a Inside,
    /// Whether there is a network to ask.
    pub(super) network: bool,
    pub(super) signature: &'a Signature,
}

/// The environment of every command. Without a network, sources that cargo has already downloaded are offered to it
/// through links, where set-up has not brought any.
pub(super) fn build(sources: Sources<'_>) -> std::io::Result<Vec<(OsString, OsString)>> {
    let Sources { toolchains, prepared, inside, network, signature, .. } = sources;
    let cargo = inside.home.join(".cargo");
    for folder in [&inside.home, &inside.temporary, &cargo] {
        std::fs::create_dir_all(folder)?;
    }
    if let (Some(cargo_home), false) = (&toolchains.cargo_home, network) {
        for name in ["registry", "git"].into_iter().filter(|name| cargo_home.join(name).is_dir()) {
            let link = cargo.join(name);
            if std::fs::symlink_metadata(&link).is_err() {
                std::os::unix::fs::symlink(cargo_home.join(name), link)?;
            }
        }
    }
    let mut variables: Vec<(OsString, OsString)> = Vec::new();
    let mut set = |name: &str, value: OsString| variables.push((name.into(), value));
    set("LANG", "C.UTF-8".into());
    // Not NO_COLOR: what tests colours would fail by it, and programs colour no pipe of their own accord.
    set("TERM", "dumb".into());
    set("CARGO_TARGET_DIR", inside.home.join("target").into());
    set("CARGO_TERM_COLOR", "never".into());
    // Toolchains are the user's: they are read and not added to, with a network or without.
    set("GOTOOLCHAIN", "local".into());
    set("RUSTUP_AUTO_INSTALL", "0".into());
    for (name, value) in OFFLINE.into_iter().filter(|_| !network) {
        set(name, value.into());
    }
    // A set-up may read lines from a person, and here there is none.
    set("DEBIAN_FRONTEND", "noninteractive".into());
    if let Some(rustup_home) = &toolchains.rustup_home {
        set("RUSTUP_HOME", rustup_home.into());
    }
    if let Some(toolchain) = &toolchains.toolchain {
        set("RUSTUP_TOOLCHAIN", toolchain.into());
    }
    for (name, value) in &prepared.variables {
        set(name, value.into());
    }
    set("PATH", search_path(sources));
    set("HOME", inside.home.clone().into());
    set("TMPDIR", inside.temporary.clone().into());
    set("CARGO_HOME", cargo.into());
    for (name, value) in ENVIRONMENT.iter().filter(|(name, _)| *name != "LC_ALL") {
        set(name, value.into());
    }
    for (name, value) in signature.environment() {
        set(name, value.into());
    }
    Ok(variables)
}

/// What was prepared first, then the toolchain's programs, then the user's own folders in their order as far as they may
/// be read, then the system's.
fn search_path(sources: Sources<'_>) -> OsString {
    let Sources { toolchains, prepared, readable, inside, .. } = sources;
    let mut path: Vec<PathBuf> = prepared.path.iter().map(|folder| inside.root.join(folder)).collect();
    path.extend(toolchains.path());
    let host = std::env::var_os("PATH").unwrap_or_default();
    let host: Vec<PathBuf> = std::env::split_paths(&host).collect();
    let allowed = |folder: &Path| {
        // A folder that is not in the process's root is none of its programs'.
        let Ok(real) = folder.canonicalize() else { return false };
        let system = ["/usr", "/opt", "/bin", "/sbin", "/nix/store"].map(PathBuf::from);
        readable.iter().chain(&system).any(|above| real.starts_with(above))
    };
    let host = host.into_iter().filter(|folder| allowed(folder));
    for folder in host.chain(SYSTEM_PATH.map(PathBuf::from)) {
        if !path.contains(&folder) {
            path.push(folder);
        }
    }
    std::env::join_paths(path.iter().filter(|folder| !folder.as_os_str().as_encoded_bytes().contains(&b':')))
        .unwrap_or_default()
}

/// Whether `cargo` is rustup's proxy.
fn has_proxies(cargo_home: Option<&Path>, path: &OsStr) -> bool {
    let own = cargo_home.map(|cargo_home| cargo_home.join("bin"));
    own.into_iter().chain(std::env::split_paths(path)).any(|folder| folder.join("rustup").is_file())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_toolchain_is_named_only_where_rustup_would_choose_none() {
        for (proxies, default, named, expected) in [
            (true, Some("stable"), None, None),
            // What cargo says of itself to what it runs is no wish of the user's.
            (true, Some("stable"), Some("nightly"), None),
            (true, None, Some("nightly"), Some("nightly-x")),
            (true, None, None, None),
            (false, Some("stable"), None, Some("stable-x")),
            (false, Some("stable"), Some("nightly"), Some("nightly-x")),
            (false, Some("gone"), None, None),
        ] {
            let home = tempfile::tempdir().unwrap();
            let folder = |path: &str| std::fs::create_dir_all(home.path().join(path)).unwrap();
            for path in [".rustup/toolchains/stable-x/bin", ".rustup/toolchains/nightly-x/bin", ".cargo/bin"]
            {
                folder(path);
            }
            if proxies {
                std::fs::write(home.path().join(".cargo/bin/rustup"), "").unwrap();
            }
            if let Some(default) = default {
                let settings = format!("default_toolchain = \"{default}\"\n");
                std::fs::write(home.path().join(".rustup/settings.toml"), settings).unwrap();
            }
            let found = Toolchains::of(|name| match name {
                "HOME" => Some(home.path().into()),
                "RUSTUP_TOOLCHAIN" => named.map(OsString::from),
                _ => None,
            });
            assert_eq!(found.toolchain.as_deref(), expected, "{proxies} {default:?} {named:?}");
            let path = found.path();
            assert_eq!(path.len(), if expected.is_some() { 2 } else { 1 }, "{path:?}");
            assert!(path.last().unwrap().ends_with(".cargo/bin"), "{path:?}");
        }
    }
}
