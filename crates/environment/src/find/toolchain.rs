//! Which installed version a part uses.

use std::path::Path;

use super::folder::{Folder, Found};
use super::programs;
use super::version::{distance, meets};
use crate::environment::{Missing, Tool, Witness};
use crate::machine::Installed;

/// A version that is asked for.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// As it is written.
    pub(super) asked: String,
    pub(super) witness: Witness,
    /// Whether its own tools refuse other versions.
    pub(super) must: bool,
}

impl Wanted {
    pub(super) fn must(asked: &str, witness: Witness) -> Self {
        Self { asked: asked.trim().to_owned(), witness, must: true }
    }

    pub(super) fn wish(asked: &str, witness: Witness) -> Self {
        Self { asked: asked.trim().to_owned(), witness, must: false }
    }
}

/// The versions that version managers' files ask for in this folder or above it, the nearest first.
pub(super) fn pinned(folder: &Folder<'_>, names: &[&str], files: &[&str]) -> Vec<Wanted> {
    let mut wanted = Vec::new();
    let mut path = folder.path;
    loop {
        let here = Folder { path, ..*folder };
        for file in files {
            let first = here.text(file).and_then(|text| {
                text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'))
            });
            wanted.extend(first.map(|version| Wanted::wish(version, here.witness(file))));
        }
        for line in here.text(".tool-versions").unwrap_or_default().lines() {
            let mut words = line.split_whitespace();
            if let (Some(name), Some(version)) = (words.next(), words.next())
                && names.contains(&name)
            {
                wanted.push(Wanted::wish(version, here.witness_of(".tool-versions", line)));
            }
        }
        for file in ["mise.toml", ".mise.toml"] {
            let table = here.text(file).and_then(|text| text.parse::<toml::Table>().ok()).unwrap_or_default();
            for name in names {
                let version = match table.get("tools").and_then(|tools| tools.get(name)) {
                    Some(toml::Value::Array(versions)) => versions.first().cloned(),
                    other => other.cloned(),
                };
                let version = version.as_ref().and_then(|version| {
                    version.as_str().or_else(|| version.get("version").and_then(toml::Value::as_str))
                });
                wanted.extend(version.map(|version| Wanted::wish(version, here.witness_of(file, name))));
            }
        }
        if path.is_empty() {
            return wanted;
        }
        path = path.rsplit_once('/').map_or("", |(above, _)| above);
    }
}

/// Chooses among the installed versions of a language, and says in what is found what there is to say of that. `None`
/// where its versions are not known, or it is missing.
pub(super) fn choose(
    folder: &Folder<'_>,
    found: &mut Found,
    language: &str,
    programs: &[&str],
    wanted: &[Wanted],
    otherwise: Witness,
) -> Option<Installed> {
    let machine = folder.machine;
    let installed = machine.versions(language);
    let first = wanted.first();
    let witness = first.map_or(otherwise, |wanted| wanted.witness.clone());
    let asked = first.map(|wanted| wanted.asked.clone());
    let tool = |found, bin| Tool {
        name: language.to_owned(),
        wanted: asked.clone(),
        found,
        bin,
        witness: witness.clone(),
    };
    if installed.is_empty() {
        if programs.iter().any(|program| machine.has(program)) {
            found.tools.push(tool(None, None));
        } else {
            found.missing.push(programs::missing(machine, programs[0], witness.clone()));
        }
        return None;
    }
    let musts: Vec<&Wanted> = wanted.iter().filter(|wanted| wanted.must).collect();
    let allowed: Vec<&Installed> = installed
        .iter()
        .filter(|installed| musts.iter().all(|wanted| meets(&installed.version, &wanted.asked)))
        .collect();
    let Some(&best) = allowed.first() else {
        let must = musts.first()?;
        let here = installed.iter().map(|one| format!("{language} {} ({})", one.version, one.bin.display()));
        found.missing.push(Missing {
            what: format!("{language} {}", must.asked),
            witness: must.witness.clone(),
            looked: here.collect(),
            hint: format!(
                "install {language} {} with {}, or set other commands in [environment] of syndarix.toml",
                must.asked,
                manager(language)
            ),
        });
        return None;
    };
    let wishes: Vec<&Wanted> = wanted.iter().filter(|wanted| !wanted.must).collect();
    let meets_wish =
        |installed: &&&Installed| wishes.iter().all(|wish| meets(&installed.version, &wish.asked));
    let chosen = allowed.iter().find(meets_wish).copied().unwrap_or_else(|| {
        let Some(wish) = wishes.first() else { return best };
        let exactly = allowed.iter().find(|one| meets(&one.version, &wish.asked)).copied();
        exactly.unwrap_or_else(|| {
            let nearest =
                allowed.iter().min_by_key(|one| distance(&one.version, &wish.asked)).copied().unwrap_or(best);
            found.notes.push(format!(
                "{} asks for {language} {}, which is not installed: {language} {} is used",
                wish.witness, wish.asked, nearest.version
            ));
            nearest
        })
    });
    let is_reached = is_system(&chosen.bin)
        || programs.iter().any(|&program| {
            machine.programs.get(program).and_then(|path| path.parent()) == Some(chosen.bin.as_path())
        });
    found.tools.push(tool(Some(chosen.version.clone()), (!is_reached).then(|| chosen.bin.clone())));
    Some(chosen.clone())
}

/// Whether a folder of programs is the system's own: put first on the search path, it would hide the user's programs.
pub(super) fn is_system(bin: &Path) -> bool {
    ["/bin", "/usr/bin", "/usr/local/bin"].iter().any(|system| bin == Path::new(system))
}

fn manager(language: &str) -> &'static str {
    match language {
        "python" => "`uv python install` or `pyenv install`",
        "node" => "`nvm install` or `fnm install`",
        "rust" => "`rustup toolchain install`",
        "ruby" => "`rbenv install`",
        "java" => "`sdk install java` or the system's packages",
        _ => "the system's packages or a version manager such as mise",
    }
}
