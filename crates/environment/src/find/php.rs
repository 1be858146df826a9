//! PHP: Composer, with PHPUnit, Pest or the `test` script.

use super::folder::{Folder, Found};
use super::json;
use super::toolchain::{self, Wanted, pinned};
use crate::environment::CheckKind;

pub(super) fn find(folder: &Folder<'_>) -> Option<Found> {
    let text = folder.text("composer.json")?;
    let mut found = Found::default();
    let manifest = match json::parse(text) {
        Ok(manifest) => manifest,
        Err(why) => {
            found.unreadable(folder, "composer.json", &why);
            return Some(found);
        }
    };
    let witness = || folder.witness("composer.json");
    let needs = |name: &str| ["require", "require-dev"].iter().any(|key| manifest[*key].get(name).is_some());
    let has_packages = ["require", "require-dev"].iter().any(|key| {
        manifest[*key].as_object().is_some_and(|packages| packages.keys().any(|name| name.contains('/')))
    });
    if has_packages {
        let install = &["composer", "install", "--no-interaction", "--no-progress", "--prefer-dist"];
        found.step(install, folder.witness(folder.first_of(&["composer.lock", "composer.json"])?));
    }
    // A program of the part is run by PHP itself: its path is then the same in every shell.
    if needs("pestphp/pest") {
        found.check(CheckKind::Tests, &["php", "vendor/bin/pest"], witness());
    } else if needs("phpunit/phpunit") {
        let witness = folder
            .first_of(&["phpunit.xml", "phpunit.xml.dist"])
            .map_or_else(witness, |file| folder.witness(file));
        found.check(CheckKind::Tests, &["php", "vendor/bin/phpunit"], witness);
    } else if manifest["scripts"].get("test").is_some() {
        found.check(
            CheckKind::Tests,
            &["composer", "run-script", "test"],
            folder.witness_of("composer.json", "\"test\""),
        );
    }
    found.path.push("vendor/bin".to_owned());
    found.inputs_of(folder, &["composer.json", "composer.lock"]);
    let mut wanted = pinned(folder, &["php"], &[".php-version"]);
    let required = manifest["require"]["php"].as_str();
    wanted.extend(required.map(|asked| {
        Wanted::must(&asked.replace(" | ", " || "), folder.witness_of("composer.json", "\"php\""))
    }));
    toolchain::choose(folder, &mut found, "php", &["php"], &wanted, witness());
    Some(found)
}
