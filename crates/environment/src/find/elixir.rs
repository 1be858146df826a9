//! Elixir: Mix.

use super::folder::{Folder, Found};
use super::toolchain::{self, Wanted, pinned};
use crate::environment::CheckKind;

pub(super) fn find(folder: &Folder<'_>) -> Option<Found> {
    let text = folder.text("mix.exs")?;
    let mut found = Found { workspace: true, ..Found::default() };
    let witness = || folder.witness("mix.exs");
    let fetched = folder.has("mix.lock") || text.contains("{:");
    if fetched {
        // Hex and rebar are asked for interactively where they are not installed.
        found.step(&["mix", "local.hex", "--force", "--if-missing"], witness());
        found.step(&["mix", "local.rebar", "--force", "--if-missing"], witness());
        found.step(&["mix", "deps.get"], witness());
    }
    if folder.files().any(|path| path.ends_with("_test.exs")) {
        found.check(CheckKind::Tests, &["mix", "test"], witness());
    } else {
        found.check(CheckKind::Build, &["mix", "compile"], witness());
    }
    found.inputs_of(folder, &["mix.exs", "mix.lock"]);
    let mut wanted = pinned(folder, &["elixir"], &[".elixir-version"]);
    let asked = text.lines().find_map(|line| line.trim().strip_prefix("elixir:")?.split('"').nth(1));
    wanted.extend(asked.map(|asked| Wanted::must(asked, folder.witness_of("mix.exs", "elixir:"))));
    toolchain::choose(folder, &mut found, "elixir", &["mix", "elixir"], &wanted, witness());
    Some(found)
}
