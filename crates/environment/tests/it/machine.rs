use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use syndarix_environment::machine::{probe, readable, variables};

/// Makes a file, and the folders above it.
fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a made-up home")).expect("a made-up home");
    fs::write(path, text).expect("a made-up home");
}

/// Makes a program that says its version.
fn program(path: &Path, says: &str) {
    write(path, &format!("#!/bin/sh\necho '{says}'\n"));
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("a made-up home");
}

/// A home folder with version managers in it, and with secrets.
fn home() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a made-up home");
    let home = folder.path().canonicalize().expect("a made-up home").join("me");
    program(&home.join(".pyenv/shims/python3"), "no version of its own");
    program(&home.join(".pyenv/versions/3.9.18/bin/python3"), "");
    program(&home.join(".pyenv/versions/3.11.7/bin/python3"), "");
    write(&home.join(".pyenv/version"), "3.9.18\n");
    program(&home.join(".nvm/versions/node/v20.1.0/bin/node"), "");
    program(&home.join(".rustup/toolchains/stable-x86_64/bin/rustc"), "rustc 1.80.1 (abc)");
    program(&home.join(".cargo/bin/cargo"), "cargo 1.80.1");
    program(&home.join("opt/tool/bin/tool"), "");
    program(&home.join(".local/share/uv/tools/ruff/bin/ruff"), "");
    fs::create_dir_all(home.join(".local/bin")).expect("a made-up home");
    symlink(home.join(".local/share/uv/tools/ruff/bin/ruff"), home.join(".local/bin/ruff"))
        .expect("a made-up home");
    program(&home.join("bin/mine"), "");
    program(&home.join(".config/some/bin/secret"), "");
    for secret in SECRETS {
        write(&home.join(secret), "secret");
    }
    for folder in [".cargo/registry", ".cargo/git", "Documents", "lib"] {
        fs::create_dir_all(home.join(folder)).expect("a made-up home");
    }
    (folder, home)
}

const SECRETS: &[&str] = &[
    ".cargo/credentials.toml",
    ".npmrc",
    ".m2/settings.xml",
    ".config/gh/hosts.yml",
    ".docker/config.json",
    ".aws/credentials",
    ".ssh/id_ed25519",
    ".netrc",
    ".pypirc",
    ".gradle/gradle.properties",
    ".local/share/uv/credentials/x",
    ".local/share/keyrings/x",
];

fn path(home: &Path) -> String {
    let folders = [".pyenv/shims", ".local/bin", ".cargo/bin", "opt/tool/bin", "bin", ".config/some/bin"];
    let mut path: Vec<String> = folders.iter().map(|name| home.join(name).display().to_string()).collect();
    path.push(home.display().to_string());
    path.push("/usr/bin".to_owned());
    path.join(":")
}

#[test]
fn version_managers_are_known_and_shims_are_seen_through() {
    let (_folder, home) = home();
    let path = path(&home);
    let variable = |name: &str| (name == "HOME").then(|| home.display().to_string());
    let machine = probe(path.as_ref(), &variable);
    assert_eq!(machine.programs["python3"], home.join(".pyenv/shims/python3"));
    let pythons: Vec<(&str, &str)> = machine
        .versions("python")
        .iter()
        .filter(|one| one.by == "pyenv")
        .map(|one| (one.version.as_str(), one.by.as_str()))
        .collect();
    assert_eq!(pythons, [("3.9.18", "pyenv"), ("3.11.7", "pyenv")]);
    assert_eq!(machine.versions("python")[0].bin, home.join(".pyenv/versions/3.9.18/bin"));
    assert!(machine.versions("node").iter().any(|one| one.version == "20.1.0" && one.by == "nvm"));
    assert_eq!(machine.versions("rust")[0].version, "1.80.1");
}

#[test]
fn toolchains_are_readable_and_credentials_are_not() {
    let (_folder, home) = home();
    let path = path(&home);
    let variable = |name: &str| match name {
        "HOME" => Some(home.display().to_string()),
        "PATH" => Some(path.clone()),
        _ => None,
    };
    let machine = probe(path.as_ref(), &variable);
    let folders = readable(&variable, &machine);
    let reads = |name: &str| folders.iter().any(|folder| home.join(name).starts_with(folder));
    for secret in SECRETS.iter().chain(&["Documents", "lib", ".config/some/bin/secret"]) {
        assert!(!reads(secret), "{secret}: {folders:?}");
    }
    for tool in [
        ".pyenv/versions/3.11.7/bin/python3",
        ".pyenv/shims/python3",
        ".nvm/versions/node/v20.1.0/bin/node",
        ".cargo/bin/cargo",
        ".cargo/registry",
        ".cargo/git",
        ".rustup/toolchains/stable-x86_64/bin/rustc",
        "opt/tool/bin/tool",
        "bin/mine",
        ".local/bin/ruff",
        ".local/share/uv/tools/ruff/bin/ruff",
    ] {
        assert!(reads(tool), "{tool}: {folders:?}");
    }
    assert!(folders.iter().all(|folder| !home.starts_with(folder)), "{folders:?}");
}

#[test]
fn variables_name_real_folders() {
    let (_folder, home) = home();
    let java = home.join("opt/tool").display().to_string();
    let variable = |name: &str| match name {
        "HOME" => Some(home.display().to_string()),
        "JAVA_HOME" => Some(java.clone()),
        "GOROOT" => Some("/not/there".to_owned()),
        _ => None,
    };
    let names: Vec<String> = variables(&variable).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["PYENV_ROOT", "NVM_DIR", "RUSTUP_HOME", "JAVA_HOME"]);
}
