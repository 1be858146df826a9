//! The list of published packages, as `xtask/repositories/packages.toml` has it.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The list, and what is deliberately not on it.
pub(crate) const TEXT: &str = include_str!("../../repositories/packages.toml");

/// How many tests of one package may be excused from agreeing. A package that needs more does not agree.
const TOLERATED_MAX: usize = 10;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct List {
    pub(crate) package: Vec<Package>,
    #[serde(default)]
    pub(crate) unsupported: Vec<Unsupported>,
}

/// A published package whose tests pass where nothing is confined.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Package {
    /// What the command line and the table call it; the name of its folder, too.
    pub(crate) name: String,
    pub(crate) ecosystem: Ecosystem,
    /// What its registry calls it: for Maven `GROUP:ARTIFACT`, for Go the module's path.
    pub(crate) published: String,
    pub(crate) version: String,
    /// What it is on the list for.
    pub(crate) why: String,
    /// Whether it belongs to the small set: its set-up and tests take well under a minute.
    #[serde(default)]
    pub(crate) small: bool,
    /// The tag of the first commit, for packages that ask git for their version.
    pub(crate) tag: Option<String>,
    /// Files that the published archive lacks, with their contents.
    #[serde(default)]
    pub(crate) files: BTreeMap<String, String>,
    /// Why it is given files, where it is.
    pub(crate) files_because: Option<String>,
    /// What its maintainers' repository has otherwise than the published archive, or what time has broken since.
    #[serde(default)]
    pub(crate) amend: Vec<Amendment>,
    /// Shell lines that install what its tests need, from its own documents, in a clone of the repository.
    #[serde(default)]
    pub(crate) set_up: Vec<String>,
    /// The shell line that runs its tests there.
    pub(crate) test: String,
    /// The reports in JUnit's format that the tests write: paths, in whose last part one `*` stands for anything.
    #[serde(default)]
    pub(crate) reports: Vec<String>,
    /// How the two runs are compared.
    #[serde(default)]
    pub(crate) compared: Compared,
    /// Why not by name, where they are not.
    pub(crate) compared_because: Option<String>,
    #[serde(default)]
    pub(crate) tolerance: Vec<Tolerance>,
}

/// Where a package comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Ecosystem {
    PyPi,
    Npm,
    Go,
    Crates,
    Maven,
}

impl Ecosystem {
    pub(crate) const ALL: [Self; 5] = [Self::PyPi, Self::Npm, Self::Go, Self::Crates, Self::Maven];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::PyPi => "PyPI",
            Self::Npm => "npm",
            Self::Go => "Go",
            Self::Crates => "crates.io",
            Self::Maven => "Maven",
        }
    }
}

/// A shell line that runs in the repository before its first commit.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Amendment {
    pub(crate) run: String,
    pub(crate) reason: String,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Compared {
    /// Every test by its name.
    #[default]
    Names,
    /// By how many passed, failed and were skipped.
    Counts,
    /// By the exit code alone.
    ExitCode,
}

/// A test that may end differently in the confinement.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tolerance {
    /// Its name; a `*` at the end stands for the rest.
    pub(crate) test: String,
    pub(crate) reason: String,
}

/// Something that is not on the list, because Syndarix does not do it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Unsupported {
    pub(crate) what: String,
    pub(crate) why: String,
    pub(crate) instead: String,
}

impl List {
    /// Reads a list and says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let list: Self = toml::from_str(text).map_err(|error| format!("packages.toml: {error}"))?;
        for (index, package) in list.package.iter().enumerate() {
            let name = &package.name;
            if list.package[..index].iter().any(|other| other.name == *name) {
                return Err(format!("packages.toml: `{name}` is there twice"));
            }
            if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) {
                return Err(format!("packages.toml: `{name}` cannot name a folder"));
            }
            if package.tolerance.len() > TOLERATED_MAX {
                return Err(format!("packages.toml: `{name}` excuses more than {TOLERATED_MAX} tests"));
            }
            if package.files.is_empty() != package.files_because.is_none() {
                return Err(format!(
                    "packages.toml: `{name}` is given files and not a reason, or the reverse"
                ));
            }
            if (package.compared == Compared::Names) != package.compared_because.is_none() {
                return Err(format!(
                    "packages.toml: `{name}` says how it is compared and not why, or why and not how"
                ));
            }
        }
        Ok(list)
    }

    /// The packages that are asked for, in the list's order.
    pub(crate) fn chosen(&self, only: &[String], small: bool) -> Result<Vec<&Package>, String> {
        if let Some(unknown) =
            only.iter().find(|name| self.package.iter().all(|package| package.name != **name))
        {
            let known: Vec<_> = self.package.iter().map(|package| package.name.as_str()).collect();
            return Err(format!("no package is called `{unknown}`\nhint: there are {}", known.join(", ")));
        }
        let wanted = |package: &&Package| {
            if only.is_empty() { !small || package.small } else { only.contains(&package.name) }
        };
        Ok(self.package.iter().filter(wanted).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many packages of each ecosystem the list promises at least.
    const PROMISED: [(Ecosystem, usize); 5] = [
        (Ecosystem::PyPi, 8),
        (Ecosystem::Npm, 6),
        (Ecosystem::Go, 4),
        (Ecosystem::Crates, 4),
        (Ecosystem::Maven, 2),
    ];

    #[test]
    fn the_list_is_what_is_promised() {
        let list = List::parse(TEXT).unwrap();
        for (ecosystem, promised) in PROMISED {
            let of_it: Vec<_> =
                list.package.iter().filter(|package| package.ecosystem == ecosystem).collect();
            assert!(of_it.len() >= promised, "{} of {}", of_it.len(), ecosystem.name());
            assert!(of_it.iter().any(|package| package.small), "none of {} is small", ecosystem.name());
        }
        assert!(list.chosen(&[], true).unwrap().len() >= 6);
    }

    #[test]
    fn mistakes_are_told() {
        const PACKAGE: &str = r#"
            [[package]]
            name = "NAME"
            ecosystem = "crates"
            published = "strsim"
            version = "0.11.1"
            why = "small"
            test = "cargo test"
        "#;
        let named = |name: &str| PACKAGE.replace("NAME", name);
        for (text, expected) in [
            (named("strsim").repeat(2), "`strsim` is there twice"),
            (named("../strsim"), "cannot name a folder"),
            (format!("{}compared = \"counts\"", named("strsim")), "says how it is compared and not why"),
            (format!("{}[package.files]\n\"a\" = \"b\"", named("strsim")), "is given files and not a reason"),
            (format!("{}colour = \"red\"", named("strsim")), "unknown field `colour`"),
        ] {
            let error = List::parse(&text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn packages_are_chosen_by_name_or_by_set() {
        let list = List::parse(TEXT).unwrap();
        let names = |only: &[&str], small| {
            let only: Vec<_> = only.iter().map(|name| (*name).to_owned()).collect();
            list.chosen(&only, small)
                .map(|packages| packages.iter().map(|it| it.name.clone()).collect::<Vec<_>>())
        };
        assert_eq!(names(&["strsim"], false).unwrap(), ["strsim"]);
        assert_eq!(names(&[], false).unwrap().len(), list.package.len());
        assert!(names(&[], true).unwrap().len() < list.package.len());
        assert!(names(&["nothing"], false).unwrap_err().contains("no package is called `nothing`"));
    }
}
