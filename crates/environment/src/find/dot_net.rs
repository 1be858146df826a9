//! .NET: solutions and projects.

use super::folder::{Folder, Found};
use super::json;
use super::toolchain::{self, Wanted, pinned};
use crate::environment::CheckKind;

pub(super) fn find(folder: &Folder<'_>) -> Option<Found> {
    let named =
        |endings: &[&str]| folder.names().find(|name| endings.iter().any(|ending| name.ends_with(ending)));
    let manifest = named(&[".sln", ".slnx"]).or_else(|| named(&[".csproj", ".fsproj", ".vbproj"]))?;
    let mut found = Found { workspace: true, ..Found::default() };
    found.step(&["dotnet", "restore", manifest], folder.witness(manifest));
    let projects = || {
        folder
            .files()
            .filter(|path| [".csproj", ".fsproj", ".vbproj"].iter().any(|ending| path.ends_with(ending)))
    };
    let tests = projects().any(|path| {
        path.to_lowercase().contains("test")
            || folder.text(path).is_some_and(|text| text.contains("Microsoft.NET.Test.Sdk"))
    });
    if tests {
        found.check(
            CheckKind::Tests,
            &["dotnet", "test", "--no-restore", manifest],
            folder.witness(manifest),
        );
    } else {
        found.check(
            CheckKind::Build,
            &["dotnet", "build", "--no-restore", manifest],
            folder.witness(manifest),
        );
    }
    found.variable("DOTNET_CLI_TELEMETRY_OPTOUT", "1");
    found.variable("DOTNET_NOLOGO", "1");
    found.inputs_of(
        folder,
        &[manifest, "global.json", "Directory.Packages.props", "Directory.Build.props", "packages.lock.json"],
    );
    found.inputs.extend(projects().take(200).map(|path| folder.full(path)));
    found.inputs.sort();
    found.inputs.dedup();
    let mut wanted = pinned(folder, &["dotnet", "dotnet-core"], &[]);
    let global = folder.text("global.json").and_then(|text| json::parse_with_comments(text).ok());
    let version = global.as_ref().and_then(|global| global["sdk"]["version"].as_str());
    wanted.extend(version.map(|version| Wanted::wish(version, folder.witness_of("global.json", version))));
    toolchain::choose(folder, &mut found, "dotnet", &["dotnet"], &wanted, folder.witness(manifest));
    Some(found)
}
