//! Go modules.

use super::folder::{Folder, Found};
use super::toolchain::{self, Wanted, pinned};
use super::version::meets;
use crate::environment::CheckKind;

pub(super) fn find(folder: &Folder<'_>) -> Option<Found> {
    let manifest = folder.first_of(&["go.work", "go.mod"])?;
    let text = folder.text(manifest).unwrap_or_default();
    let mut found = Found { workspace: true, ..Found::default() };
    let words =
        |name: &str| text.lines().find_map(|line| line.trim().strip_prefix(name)?.split_whitespace().next());
    let vendored = folder.has("vendor/modules.txt");
    let requires = manifest == "go.work" || text.lines().any(|line| line.trim_start().starts_with("require"));
    if requires && !vendored {
        found.step(&["go", "mod", "download"], folder.witness(manifest));
    }
    let in_ci = |words: &[&str]| {
        folder.lines().find(|line| line.words.iter().map(String::as_str).eq(words.iter().copied()))
    };
    if let Some(line) = in_ci(&["go", "vet", "./..."]).filter(|_| manifest == "go.mod") {
        found.check(CheckKind::Lint, &["go", "vet", "./..."], line.witness.clone());
    }
    if manifest == "go.work" {
        // `./...` at a workspace's root means the root's own module alone.
        let modules = used(text);
        let patterns: Vec<String> = modules.iter().map(|module| format!("{module}/...")).collect();
        let mut command = vec!["go", "test"];
        command.extend(patterns.iter().map(String::as_str));
        found.check(CheckKind::Tests, &command, folder.witness(manifest));
        for module in &modules {
            let module = module.trim_start_matches("./");
            let file = |name: &str| if module == "." { name.to_owned() } else { format!("{module}/{name}") };
            found.inputs_of(folder, &[&file("go.mod"), &file("go.sum")]);
        }
    } else {
        found.check(CheckKind::Tests, &["go", "test", "./..."], folder.witness(manifest));
    }
    found.inputs_of(folder, &["go.work", "go.work.sum", "go.mod", "go.sum"]);
    let mut wanted = pinned(folder, &["go", "golang"], &[".go-version"]);
    let asked = words("toolchain go").or_else(|| words("go "));
    if let Some(asked) = asked {
        let at_least = format!(">={asked}");
        let newest = folder.machine.versions("go");
        if !newest.is_empty() && !newest.iter().any(|one| meets(&one.version, &at_least)) {
            found.notes.push(format!(
                "{} asks for Go {asked}; the installed one is older and fetches it during set-up",
                folder.full(manifest)
            ));
            // Only where it is told so, and even a module without requirements has to be looked at for it.
            found.variable("GOTOOLCHAIN", "auto");
            if found.set_up.is_empty() {
                found.step(&["go", "mod", "download"], folder.witness(manifest));
            }
        } else {
            wanted.push(Wanted::wish(&at_least, folder.witness_of(manifest, asked)));
        }
    }
    toolchain::choose(folder, &mut found, "go", &["go"], &wanted, folder.witness(manifest));
    Some(found)
}

/// The modules that a `go.work` uses.
fn used(text: &str) -> Vec<String> {
    let mut modules = Vec::new();
    let mut inside = false;
    for line in text.lines().map(|line| line.split("//").next().unwrap_or_default().trim()) {
        match line {
            ")" => inside = false,
            line if line.starts_with("use (") || line == "use(" => inside = true,
            line if inside && !line.is_empty() => modules.push(line.to_owned()),
            line => modules.extend(line.strip_prefix("use ").map(|module| module.trim().to_owned())),
        }
    }
    modules
}
