//! What set-up is told of the network, and nothing else is: proxies, certificates, registries. No credentials, unless the
//! user names the variable that holds one.

use std::io;
use std::path::{Path, PathBuf};

/// Variables that say where packages come from and how the network is reached.
const VARIABLES: &[&str] = &[
    "ALL_PROXY",
    "BUNDLE_MIRROR__HTTPS://RUBYGEMS__ORG/",
    "CARGO_HTTP_CAINFO",
    "CARGO_HTTP_PROXY",
    "COREPACK_NPM_REGISTRY",
    "CURL_CA_BUNDLE",
    "GOINSECURE",
    "GONOPROXY",
    "GONOSUMDB",
    "GOPRIVATE",
    "GOPROXY",
    "GOSUMDB",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NODE_EXTRA_CA_CERTS",
    "NO_PROXY",
    "PIP_CERT",
    "PIP_DEFAULT_TIMEOUT",
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "PIP_INDEX_URL",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "UV_DEFAULT_INDEX",
    "UV_EXTRA_INDEX_URL",
    "UV_INDEX_URL",
    "YARN_NPM_REGISTRY_SERVER",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "npm_config_registry",
    "NPM_CONFIG_REGISTRY",
];

/// The user's files that say so, and where set-up finds them in its home.
const FILES: &[&str] = &[".npmrc", ".config/pip/pip.conf", ".pip/pip.conf", ".cargo/config.toml", ".yarnrc"];

/// The largest of these files that is read.
const FILE_BYTES: u64 = 256 * 1024;

/// What set-up is told of the network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkSettings {
    /// Variables of its commands.
    pub variables: Vec<(String, String)>,
    /// Files that those name.
    pub readable: Vec<PathBuf>,
    /// Files in its home, with their texts.
    pub files: Vec<(PathBuf, String)>,
}

impl NetworkSettings {
    /// Looks at the user's variables and files. `passed` are variables that the user names: a token for a private
    /// registry, say.
    pub fn of_user(variable: &dyn Fn(&str) -> Option<String>, passed: &[String]) -> Self {
        let mut settings = Self::default();
        for name in VARIABLES {
            if let Some(value) = variable(name).filter(|value| !holds_credentials(value)) {
                settings.variables.push(((*name).to_owned(), value));
            }
        }
        for name in passed {
            if let Some(value) = variable(name) {
                settings.variables.retain(|(known, _)| known != name);
                settings.variables.push((name.clone(), value));
            }
        }
        settings.readable = settings
            .variables
            .iter()
            .map(|(_, value)| PathBuf::from(value))
            .filter(|path| path.is_absolute() && path.exists())
            .collect();
        let Some(home) = variable("HOME").map(PathBuf::from) else { return settings };
        for name in FILES {
            let path = home.join(name);
            let small = std::fs::metadata(&path).is_ok_and(|found| found.len() <= FILE_BYTES);
            if let Some(text) = std::fs::read_to_string(&path).ok().filter(|_| small) {
                settings.files.push((PathBuf::from(name), without_secrets(&text)));
            }
        }
        settings
    }

    /// Writes the files into a home.
    pub(super) fn write(&self, home: &Path) -> io::Result<()> {
        for (name, text) in &self.files {
            let path = home.join(name);
            path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
            std::fs::write(path, text)?;
        }
        Ok(())
    }
}

/// Whether an address has a name or a password in it.
fn holds_credentials(value: &str) -> bool {
    value.split_whitespace().any(|word| {
        let authority = word.split_once("://").map_or("", |(_, rest)| rest);
        authority.split(['/', '?', '#']).next().unwrap_or_default().contains('@')
    })
}

/// A settings file without the lines that hold a secret.
fn without_secrets(text: &str) -> String {
    let secret = |line: &str| {
        let key = line.split(['=', ':']).next().unwrap_or_default();
        let last = line.rsplit_once(":_").map_or("", |(_, key)| key).to_lowercase();
        let key = key.to_lowercase();
        let named = |word: &str| key.contains(word) || last.starts_with(word);
        holds_credentials(line)
            || ["auth", "_auth", "password", "token", "secret", "username", "email", "client-cert", "key"]
                .iter()
                .any(|word| named(word))
    };
    text.lines().filter(|line| !secret(line)).flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_packages_come_from_is_passed_on_and_no_secret_is() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(
            home.path().join(".npmrc"),
            "registry=https://npm.example.org/\n//npm.example.org/:_authToken=s3cret\n_password=s3cret\nfund=false\n\
             @team:registry=https://me:s3cret@npm.example.org/\n",
        )
        .unwrap();
        let home = home.path().display().to_string();
        let variable = |name: &str| {
            let value = match name {
                "HOME" => home.as_str(),
                "PIP_INDEX_URL" => "https://me:s3cret@pypi.example.org/simple",
                "GOPROXY" => "https://go.example.org,direct",
                "NPM_TOKEN" => "s3cret-named",
                _ => return None,
            };
            Some(value.to_owned())
        };
        let settings = NetworkSettings::of_user(&variable, &["NPM_TOKEN".to_owned()]);
        assert_eq!(
            settings.variables,
            [
                ("GOPROXY".to_owned(), "https://go.example.org,direct".to_owned()),
                ("NPM_TOKEN".to_owned(), "s3cret-named".to_owned())
            ]
        );
        assert_eq!(settings.files.len(), 1);
        assert_eq!(settings.files[0].1, "registry=https://npm.example.org/\nfund=false\n");
    }
}
