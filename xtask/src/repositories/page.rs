//! `docs/repositories.md`: the packages that `syndarix check` is tried on, and what is not supported, as the list has it.

use std::fmt::Write as _;
use std::path::Path;

use crate::generated::Page;

use super::list::{self, Compared, Ecosystem, List};

pub(crate) const PAGE: Page = Page { path: "docs/repositories.md", render };

const INTRODUCTION: &str = "\
# Repositories

This page is written by `cargo xtask docs` from `xtask/repositories/packages.toml`.

`cargo xtask repositories` fetches these published packages with their ecosystems' own clients, puts each under git and
runs its tests as its own documents say. Then `syndarix check` has to find, set up and run the same without any
configuration, and the two have to agree test by test. `cargo xtask repositories --bad` gives it input that cannot work,
and looks at what it says and what it leaves behind.

`cargo xtask repositories --runs` does whole runs of `syndarix run` on three of them, one each of PyPI, npm and Go, with
a mock server in the place of both model providers. What it answers is in `xtask/repositories/runs`: a change with its
test that needs a package which is not installed, a review that sends it back once, and what mends it. Set-up has to
run again in the middle, after a human has allowed it; the branch has to pass the package's own tests, with the new
ones, in a clean clone that the ecosystem's own client has set up; and the bill has to be what the server's log says.
";

fn render(_root: &Path) -> Result<String, String> {
    let list = List::parse(list::TEXT)?;
    let mut text = INTRODUCTION.to_owned();
    for ecosystem in Ecosystem::ALL {
        let _ = write!(text, "\n## {}\n\n| package | what it is tried for |\n|---|---|\n", ecosystem.name());
        for package in list.package.iter().filter(|package| package.ecosystem == ecosystem) {
            let _ = writeln!(text, "| `{}` {} | {} |", package.published, package.version, package.why);
        }
    }
    text.push_str("\n## What may differ\n\n");
    let start = text.len();
    for package in &list.package {
        if let Some(because) = &package.files_because {
            let files: Vec<String> = package.files.keys().map(|path| format!("`{path}`")).collect();
            let _ = writeln!(text, "- `{}` is given {}: {because}.", package.name, files.join(", "));
        }
        for amendment in &package.amend {
            let _ = writeln!(
                text,
                "- `{}` is changed by `{}` first: {}.",
                package.name, amendment.run, amendment.reason
            );
        }
        if let Some(because) = &package.compared_because {
            let by = match package.compared {
                Compared::Names => "name",
                Compared::Counts => "how many tests passed, failed and were skipped",
                Compared::ExitCode => "exit code",
            };
            let _ = writeln!(text, "- `{}` is compared by {by}: {because}.", package.name);
        }
        for tolerance in &package.tolerance {
            let _ = writeln!(text, "- `{}` of `{}`: {}.", tolerance.test, package.name, tolerance.reason);
        }
    }
    if text.len() == start {
        text.push_str("Nothing: every test of every package has to end as it does outside.\n");
    }
    text.push_str("\n## What is not supported\n\n| what | why | instead |\n|---|---|---|\n");
    for unsupported in &list.unsupported {
        let _ = writeln!(text, "| {} | {} | {} |", unsupported.what, unsupported.why, unsupported.instead);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_what_the_list_says() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        PAGE.check(root).unwrap();
    }
}
