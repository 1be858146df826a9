//! The variables that toolchains find themselves by.

use std::path::Path;

use super::Variable;
use super::installed::{MANAGERS, folder_of};

/// Variables that name a toolchain's folder, beside those of version managers.
const FOLDERS: &[&str] = &[
    "JAVA_HOME",
    "GOROOT",
    "DOTNET_ROOT",
    "M2_HOME",
    "MAVEN_HOME",
    "GRADLE_HOME",
    "CONDA_PREFIX",
    "ANDROID_HOME",
    "ANDROID_SDK_ROOT",
    "ASDF_DIR",
];

/// The variables that toolchains need, with the real folders that they name: inside of the confinement the home folder is
/// another one, and what is looked for below it would not be found. Only names of folders that exist, so no secrets.
pub fn variables(variable: Variable<'_>) -> Vec<(String, String)> {
    let managers = MANAGERS.iter().filter_map(|manager| {
        Some((manager.variable.to_owned(), folder_of(manager, variable)?.display().to_string()))
    });
    let folders = FOLDERS.iter().filter_map(|name| {
        let folder = variable(name)?;
        let path = Path::new(&folder);
        (path.is_absolute() && path.is_dir()).then(|| ((*name).to_owned(), folder))
    });
    managers.chain(folders).collect()
}
