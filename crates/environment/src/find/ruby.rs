//! Ruby: Bundler, with RSpec or rake.

use super::folder::{Folder, Found};
use super::toolchain::{self, Wanted, pinned};
use crate::environment::CheckKind;

pub(super) fn find(folder: &Folder<'_>) -> Option<Found> {
    let gemspec = folder.names().find(|name| name.ends_with(".gemspec"));
    let gemfile = folder.first_of(&["Gemfile", "gems.rb"]);
    let manifest = gemfile.or(gemspec)?;
    let mut found = Found::default();
    if gemfile.is_some() {
        found.step(&["bundle", "install"], folder.witness(manifest));
        // Inside of the part, where every clone has it.
        found.variable("BUNDLE_PATH", "vendor/bundle");
    }
    let rakefile = folder.first_of(&["Rakefile", "rakefile", "Rakefile.rb"]);
    let tests_by_rake = rakefile.and_then(|file| folder.text(file)).is_some_and(|text| {
        ["TestTask", "task :test", "task test", "Minitest::TestTask"].iter().any(|sign| text.contains(sign))
    });
    let bundled: &[&str] = if gemfile.is_some() { &["bundle", "exec"] } else { &[] };
    if folder.has(".rspec")
        || folder.files().any(|path| path.starts_with("spec/") && path.ends_with("_spec.rb"))
    {
        let witness = folder.witness(if folder.has(".rspec") { ".rspec" } else { "spec" });
        found.check(CheckKind::Tests, &[bundled, &["rspec"]].concat(), witness);
    } else if let Some(rakefile) = rakefile.filter(|_| tests_by_rake) {
        found.check(CheckKind::Tests, &[bundled, &["rake", "test"]].concat(), folder.witness(rakefile));
    } else if folder.has("bin/rails") && folder.has_folder("test") {
        found.check(
            CheckKind::Tests,
            &[bundled, &["ruby", "bin/rails", "test"]].concat(),
            folder.witness("bin/rails"),
        );
    }
    found.inputs_of(folder, &["Gemfile", "gems.rb", "Gemfile.lock", "gems.locked", ".ruby-version"]);
    found.inputs.extend(gemspec.map(|name| folder.full(name)));
    let mut wanted = pinned(folder, &["ruby"], &[".ruby-version"]);
    for one in &mut wanted {
        one.asked = one.asked.trim_start_matches("ruby-").to_owned();
    }
    if wanted.is_empty() {
        let version = folder.ci.version("ruby");
        wanted.extend(version.map(|(version, witness)| Wanted::wish(version, witness)));
    }
    toolchain::choose(folder, &mut found, "ruby", &["ruby"], &wanted, folder.witness(manifest));
    Some(found)
}
