//! Java and Kotlin: Maven and Gradle, by their wrappers where a repository has them.

use super::folder::{Folder, Found};
use super::toolchain::{self, Wanted, pinned};
use crate::environment::CheckKind;

const GRADLE: &[&str] =
    &["build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts", "gradle.properties"];
/// Modules of which one test each is run during set-up: enough that every test framework in use is seen.
const SAMPLED_MODULES: usize = 8;

pub(super) fn find(folder: &Folder<'_>) -> Option<Found> {
    let mut found = Found { workspace: true, ..Found::default() };
    let manifest = if folder.has("pom.xml") {
        maven(folder, &mut found);
        "pom.xml"
    } else {
        let manifest = folder.first_of(&GRADLE[..4])?;
        gradle(folder, &mut found, manifest);
        manifest
    };
    let mut wanted = pinned(folder, &["java"], &[".java-version"]);
    wanted.extend(
        folder
            .text("pom.xml")
            .and_then(release)
            .map(|release| Wanted::wish(&format!(">={release}"), folder.witness_of("pom.xml", &release))),
    );
    if wanted.is_empty() {
        let version = folder.ci.version("java");
        wanted.extend(version.map(|(version, witness)| Wanted::wish(version, witness)));
    }
    let chosen = toolchain::choose(folder, &mut found, "java", &["java"], &wanted, folder.witness(manifest));
    if let Some(home) =
        chosen.as_ref().and_then(|chosen| chosen.bin.parent()).filter(|home| home.components().count() > 2)
    {
        found.variable("JAVA_HOME", &home.display().to_string());
    }
    Some(found)
}

fn maven(folder: &Folder<'_>, found: &mut Found) {
    // The wrapper is handed to a shell, for its executable bit is often lost.
    let program: &[&str] = if folder.has("mvnw") { &["sh", "./mvnw"] } else { &["mvn"] };
    let witness = folder.witness(if folder.has("mvnw") { "mvnw" } else { "pom.xml" });
    let tests = sampled_tests(folder);
    let only = format!("-Dtest={}", if tests.is_empty() { "NoSuchTest".to_owned() } else { tests.join(",") });
    // Only a test that runs makes Maven fetch what runs tests; neither `dependency:go-offline` nor `-DskipTests` does.
    // Whether that test passes is the check's business.
    let set_up: &[&str] = &[
        "-B",
        "-Dmaven.test.failure.ignore=true",
        "-DfailIfNoTests=false",
        "-Dsurefire.failIfNoSpecifiedTests=false",
        &only,
        "test",
    ];
    found.step(&[program, set_up].concat(), witness.clone());
    found.check(CheckKind::Tests, &[program, &["-o", "-B", "test"]].concat(), witness);
    // Java does not read HOME: it asks the system for the user's folder, which the confinement hides.
    found.variable("MAVEN_OPTS", "-Duser.home=${HOME}");
    found.inputs_of(
        folder,
        &[
            "mvnw",
            ".mvn/wrapper/maven-wrapper.properties",
            ".mvn/maven.config",
            ".mvn/extensions.xml",
            ".mvn/jvm.config",
        ],
    );
    found.inputs.extend(
        folder
            .files()
            .filter(|path| *path == "pom.xml" || path.ends_with("/pom.xml"))
            .take(200)
            .map(|path| folder.full(path)),
    );
}

fn gradle(folder: &Folder<'_>, found: &mut Found, manifest: &str) {
    let wrapper = folder.has("gradlew");
    let program = if wrapper { "sh ./gradlew" } else { "gradle" };
    let witness = folder.witness(if wrapper { "gradlew" } else { manifest });
    if wrapper && !folder.has("gradle/wrapper/gradle-wrapper.jar") {
        found.notes.push(format!(
            "{} has no gradle/wrapper/gradle-wrapper.jar beside it and may not start",
            folder.full("gradlew")
        ));
    }
    // What runs tests is fetched when tests run: they run, and whether they pass is the check's business.
    let line = format!("{program} --no-daemon --continue test || {program} --no-daemon testClasses");
    found.step(&["sh", "-c", &line], witness.clone());
    let program: Vec<&str> = program.split(' ').collect();
    found.check(CheckKind::Tests, &[&program[..], &["--offline", "--no-daemon", "test"]].concat(), witness);
    found.variable("GRADLE_USER_HOME", "${HOME}/.gradle");
    found.inputs_of(folder, GRADLE);
    found.inputs_of(
        folder,
        &[
            "gradlew",
            "gradle/wrapper/gradle-wrapper.properties",
            "gradle/libs.versions.toml",
            "gradle.lockfile",
        ],
    );
    let below =
        folder.files().filter(|path| path.ends_with("/build.gradle") || path.ends_with("/build.gradle.kts"));
    found.inputs.extend(below.take(200).map(|path| folder.full(path)));
}

/// The version of Java that a `pom.xml` compiles for.
fn release(pom: &str) -> Option<String> {
    ["maven.compiler.release", "maven.compiler.target", "maven.compiler.source", "java.version"]
        .iter()
        .find_map(|name| {
            let (_, after) = pom.split_once(&format!("<{name}>"))?;
            let release = after.split('<').next()?.trim();
            let release = release.strip_prefix("1.").unwrap_or(release);
            release
                .chars()
                .all(|digit| digit.is_ascii_digit())
                .then(|| release.to_owned())
                .filter(|text| !text.is_empty())
        })
}

/// One test class of each of the first modules.
fn sampled_tests(folder: &Folder<'_>) -> Vec<String> {
    let mut modules: Vec<&str> = Vec::new();
    let mut tests: Vec<String> = Vec::new();
    for path in folder.files() {
        let Some((module, rest)) = path.split_once("src/test/") else { continue };
        let Some(name) = rest
            .rsplit('/')
            .next()
            .and_then(|name| name.strip_suffix(".java").or_else(|| name.strip_suffix(".kt")))
        else {
            continue;
        };
        // What surefire looks for of its own accord.
        let is_test =
            name.starts_with("Test") || ["Test", "Tests", "TestCase"].iter().any(|end| name.ends_with(end));
        if is_test && !name.contains("Abstract") && !name.contains("Base") && !modules.contains(&module) {
            modules.push(module);
            tests.push(name.to_owned());
        }
        if tests.len() == SAMPLED_MODULES {
            break;
        }
    }
    tests.sort();
    tests.dedup();
    tests
}
