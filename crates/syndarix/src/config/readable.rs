//! `[tools] readable`: folders beside the system's own that agents' commands may read. What somebody keeps secret is
//! refused by name, because an agent that reads it can put it into a commit.

use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Where the programs of today keep keys and tokens, below the user's home.
const CREDENTIALS: &[&str] = &[
    ".ssh",
    ".gnupg",
    ".aws",
    ".azure",
    ".kube",
    ".docker",
    ".config/gcloud",
    ".config/gh",
    ".config/glab-cli",
    ".config/hub",
    ".config/git/credentials",
    ".config/op",
    ".config/google-chrome",
    ".config/chromium",
    ".config/syndarix",
    ".git-credentials",
    ".netrc",
    ".npmrc",
    ".yarnrc.yml",
    ".pypirc",
    ".config/pip/pip.conf",
    ".config/pypoetry/auth.toml",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".gem/credentials",
    ".m2/settings.xml",
    ".m2/settings-security.xml",
    ".gradle/gradle.properties",
    ".composer/auth.json",
    ".config/composer/auth.json",
    ".nuget/NuGet/NuGet.Config",
    ".terraform.d/credentials.tfrc.json",
    ".vault-token",
    ".password-store",
    ".local/share/keyrings",
    ".mozilla",
];

/// A data directory of Syndarix, and the file by which one is known under another name.
const DATA: [&str; 2] = [".syndarix", "syndarix.db"];

/// The folder that is meant: one below the home where it begins with `~`, and otherwise relative to `base`, which is
/// where the configuration is.
fn meant(written: &Path, home: Option<&Path>, base: &Path) -> Result<PathBuf, Failure> {
    match (written.strip_prefix("~"), home) {
        (Ok(rest), Some(home)) => Ok(home.join(rest)),
        (Ok(_), None) => {
            Err(refused(written, "begins with `~`, and HOME is not set", "write the whole path"))
        }
        (Err(_), _) => Ok(base.join(written)),
    }
}

/// The folder as it is on this machine, if it is one that may be shown to agents.
pub(super) fn resolve(written: &Path, home: Option<&Path>, base: &Path) -> Result<PathBuf, Failure> {
    let path = meant(written, home, base)?.canonicalize().map_err(|error| {
        refused(written, "cannot be found", "name a folder that is there, or take it out").because(error)
    })?;
    if !path.is_dir() {
        return Err(refused(written, "is not a folder", "name the folder that it is in"));
    }
    let home = home.and_then(|home| home.canonicalize().ok());
    let held = home.as_deref().and_then(|home| secret(&path, home, &|path| path.exists()));
    match held {
        Some(Secret::Home) => Err(refused(
            written,
            "holds your whole home, with every key in it",
            "name the folder that is needed, such as `~/tools`",
        )),
        Some(Secret::Credentials(name)) => Err(refused(
            written,
            &format!("holds credentials: ~/{name}"),
            "name a folder beside or below it that holds none, such as `~/.cargo/bin`",
        )),
        None if DATA.iter().any(|name| path.join(name).exists()) || path.ends_with(DATA[0]) => Err(refused(
            written,
            "holds a data directory of Syndarix, with everything that was said in it",
            "name a folder that holds none",
        )),
        None => Ok(path),
    }
}

/// What must not be shown.
#[derive(Debug, PartialEq, Eq)]
enum Secret {
    Home,
    Credentials(&'static str),
}

/// What a folder would show that it must not. Both paths are without links.
fn secret(path: &Path, home: &Path, exists: &dyn Fn(&Path) -> bool) -> Option<Secret> {
    if home.starts_with(path) {
        return Some(Secret::Home);
    }
    let holds = |name: &&&str| {
        let place = home.join(name);
        path.starts_with(&place) || place.starts_with(path) && exists(&place)
    };
    CREDENTIALS.iter().find(holds).map(|name| Secret::Credentials(name))
}

fn refused(written: &Path, why: &str, hint: &str) -> Failure {
    Failure::bad_input(format!("[tools] readable: `{}` {why}", written.display())).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_holds_secrets_is_not_shown() {
        let home = Path::new("/home/ann");
        let exists = |path: &Path| path.ends_with(".cargo/credentials.toml") || path.ends_with(".config/gh");
        for (path, expected) in [
            ("/", Some(Secret::Home)),
            ("/home", Some(Secret::Home)),
            ("/home/ann", Some(Secret::Home)),
            ("/home/ann/.cargo", Some(Secret::Credentials(".cargo/credentials.toml"))),
            ("/home/ann/.cargo/bin", None),
            ("/home/ann/.config", Some(Secret::Credentials(".config/gh"))),
            ("/home/ann/.config/nvim", None),
            ("/home/ann/.ssh/keys", Some(Secret::Credentials(".ssh"))),
            ("/home/ann/.gradle", None),
            ("/home/ann/tools", None),
            ("/home/annabel", None),
            ("/opt/sdk", None),
        ] {
            assert_eq!(secret(Path::new(path), home, &exists), expected, "{path}");
        }
    }

    #[test]
    fn folders_are_found_from_the_home_and_from_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("it is there");
        for path in ["home/tools", "home/.aws", "here/sdk", "here/.syndarix"] {
            std::fs::create_dir_all(root.join(path)).expect("a folder");
        }
        std::fs::write(root.join("here/file"), "").expect("a file");
        let (home, here) = (root.join("home"), root.join("here"));
        let resolved = |written: &str| resolve(Path::new(written), Some(&home), &here);
        assert_eq!(resolved("~/tools").expect("a folder"), home.join("tools"));
        assert_eq!(resolved("sdk").expect("a folder"), here.join("sdk"));
        assert_eq!(resolved("../home/tools").expect("a folder"), home.join("tools"));
        for (written, said) in [
            ("~", "your whole home"),
            ("../home", "your whole home"),
            ("~/.aws", "credentials: ~/.aws"),
            ("nowhere", "cannot be found"),
            ("file", "not a folder"),
            (".", "a data directory"),
            (".syndarix", "a data directory"),
        ] {
            let failure = resolved(written).expect_err(written).render(false);
            assert!(failure.contains(said) && failure.contains("hint:"), "{written}: {failure}");
            assert!(failure.contains(&format!("[tools] readable: `{written}`")), "{failure}");
        }
        assert!(resolve(Path::new("~/x"), None, &here).is_err());
    }
}
