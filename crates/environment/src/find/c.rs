//! C and C++: CMake, Meson, autotools, and Make where it has a target for tests.

use super::folder::{Folder, Found};
use crate::environment::CheckKind;

/// Names of build folders, the first that the repository does not have being used.
const BUILD_FOLDERS: &[&str] = &["build", "_build", "cmake-build"];
const MAKEFILES: &[&str] = &["GNUmakefile", "Makefile", "makefile"];
/// How the files end that say where Meson fetches a project.
const WRAP: &str = ".wrap";
/// What CMake fetches while it configures.
const FETCHES: &[&str] = &["FetchContent_Declare", "CPMAddPackage", "ExternalProject_Add", "file(DOWNLOAD"];

/// What is found; a Makefile alone counts only where no other ecosystem has a manifest.
pub(super) fn find(folder: &Folder<'_>, alone: bool) -> Option<Found> {
    let mut found = Found { workspace: true, ..Found::default() };
    if let Some(text) = folder.text("CMakeLists.txt") {
        // A listing without a project is a piece of another.
        if !text.to_lowercase().contains("project") {
            return None;
        }
        cmake(folder, &mut found, text);
    } else if folder.has("meson.build") {
        meson(folder, &mut found);
    } else if folder.has("configure") || folder.has("configure.ac") {
        autotools(folder, &mut found);
    } else {
        let (makefile, target) = make_target(folder).filter(|_| alone)?;
        found.check(CheckKind::Tests, &["make", target], folder.witness_of(makefile, &format!("{target}:")));
        found.inputs_of(folder, &[makefile]);
    }
    Some(found)
}

fn build_folder(folder: &Folder<'_>) -> &'static str {
    BUILD_FOLDERS.iter().find(|name| !folder.has_folder(name)).copied().unwrap_or("build-checked")
}

fn cmake(folder: &Folder<'_>, found: &mut Found, text: &str) {
    let build = build_folder(folder);
    let witness = || folder.witness("CMakeLists.txt");
    let listings = || {
        let below = folder
            .files()
            .filter(|path| ["/CMakeLists.txt", ".cmake"].iter().any(|ending| path.ends_with(ending)));
        std::iter::once(text).chain(below.filter_map(|path| folder.text(path)))
    };
    let switches: Vec<String> = test_switches(text).map(|name| format!("-D{name}=ON")).collect();
    let mut configure = vec!["cmake", "-S", ".", "-B", build];
    configure.extend(switches.iter().map(String::as_str));
    if listings().any(|text| FETCHES.iter().any(|fetch| text.contains(fetch))) {
        found.step(&configure, witness());
    }
    found.check(CheckKind::Build, &configure, witness());
    found.check(CheckKind::Build, &["cmake", "--build", build], witness());
    let tests = listings().any(|text| {
        let text = text.to_lowercase();
        ["add_test", "enable_testing", "include(ctest)", "discover_tests"]
            .iter()
            .any(|sign| text.contains(sign))
    });
    if tests {
        found.check(CheckKind::Tests, &["ctest", "--test-dir", build, "--output-on-failure"], witness());
    }
    found.inputs_of(
        folder,
        &["CMakeLists.txt", "CMakePresets.json", "conanfile.txt", "conanfile.py", "vcpkg.json"],
    );
}

/// The switches of a listing that turn tests on and are off by default.
fn test_switches(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let inside = line.trim().strip_prefix("option(").or_else(|| line.trim().strip_prefix("OPTION("))?;
        let name = inside.split_whitespace().next()?;
        let upper = inside.to_uppercase();
        let off = upper.trim_end().trim_end_matches(')').trim_end().ends_with("OFF");
        let named = name.ends_with("BUILD_TESTS")
            || name.ends_with("BUILD_TESTING")
            || name.ends_with("ENABLE_TESTS");
        (named && off).then_some(name)
    })
}

fn meson(folder: &Folder<'_>, found: &mut Found) {
    let build = build_folder(folder);
    let witness = || folder.witness("meson.build");
    let is_wrap = |path: &&str| path.strip_prefix("subprojects/").is_some_and(|name| name.ends_with(WRAP));
    if folder.files().any(|path| is_wrap(&path)) {
        found.step(&["meson", "subprojects", "download"], witness());
        let wraps = folder.files().filter(is_wrap);
        found.inputs.extend(wraps.take(50).map(|path| folder.full(path)));
    }
    found.check(CheckKind::Build, &["meson", "setup", build], witness());
    found.check(CheckKind::Build, &["meson", "compile", "-C", build], witness());
    let tests = folder.files().any(|path| {
        path.ends_with("meson.build") && folder.text(path).is_some_and(|text| text.contains("test("))
    });
    if tests {
        found.check(CheckKind::Tests, &["meson", "test", "-C", build], witness());
    }
    found.inputs_of(folder, &["meson.build", "meson.options", "meson_options.txt"]);
}

fn autotools(folder: &Folder<'_>, found: &mut Found) {
    let witness = || folder.witness(if folder.has("configure") { "configure" } else { "configure.ac" });
    if !folder.has("configure") {
        found.check(CheckKind::Build, &["autoreconf", "--install"], witness());
    }
    // Handed to a shell, for its executable bit is often lost.
    found.check(CheckKind::Build, &["sh", "./configure"], witness());
    found.check(CheckKind::Build, &["make"], witness());
    let automake = folder.has("Makefile.am");
    let template = folder.text("Makefile.in").unwrap_or_default();
    let target = if automake || has_target(template, "check") {
        Some("check")
    } else {
        has_target(template, "test").then_some("test")
    };
    if let Some(target) = target {
        found.check(CheckKind::Tests, &["make", target], witness());
    }
    found.inputs_of(folder, &["configure", "configure.ac"]);
}

/// The target of a folder's Makefile that tests, with the Makefile.
pub(super) fn make_target<'name>(folder: &Folder<'_>) -> Option<(&'name str, &'name str)> {
    let makefile = MAKEFILES.iter().find(|name| folder.has(name)).copied()?;
    let text = folder.text(makefile)?;
    let target = ["check", "test", "tests"].into_iter().find(|target| has_target(text, target))?;
    Some((makefile, target))
}

/// Whether a Makefile has a rule for a target.
fn has_target(text: &str, target: &str) -> bool {
    text.lines().any(|line| {
        let Some((targets, after)) = line.split_once(':') else { return false };
        !line.starts_with(['\t', '#', ' '])
            && !after.starts_with('=')
            && targets.split_whitespace().any(|name| name == target)
    })
}
