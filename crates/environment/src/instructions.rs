//! The instructions that a repository holds for agents and for those who contribute.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::repository::is_within;

/// The most files whose texts are asked for: a monorepo may have one in every package, and an agent works in few.
const FILES_MAX: usize = 200;

/// The smallest part of a file that is worth its place: less than a paragraph says nothing.
const PART_BYTES_MIN: usize = 200;

/// What of the budget CONTRIBUTING may take, as a fraction: it is written for people, and most of it is about
/// opening pull requests.
const CONTRIBUTING_SHARE: usize = 4;

/// What stands where a text was cut.
const CUT: &str = "\n[… the rest is left out: read the file …]\n";

/// One text that agents are given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// Where it stands, relative to the repository's root.
    pub file: String,
    /// The folder that it is about; empty for the whole repository.
    pub folder: String,
    /// What it says.
    pub text: String,
    /// Whether its end was left out.
    pub shortened: bool,
}

/// The kinds of files, those that are written for any agent first: of two that say the same the first is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Agents,
    Claude,
    Copilot,
    Cursor,
    Gemini,
    Contributing,
}

/// What kind of file this is, and which folder it is about.
fn kind(path: &str) -> Option<(Kind, &str)> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let of = |inside: &str| {
        let parent = folder.strip_suffix(inside)?;
        if parent.is_empty() { Some("") } else { parent.strip_suffix('/') }
    };
    Some(match name {
        "AGENTS.md" => (Kind::Agents, folder),
        "CLAUDE.md" => (Kind::Claude, of(".claude").unwrap_or(folder)),
        "GEMINI.md" => (Kind::Gemini, folder),
        ".cursorrules" => (Kind::Cursor, folder),
        "copilot-instructions.md" => (Kind::Copilot, of(".github")?),
        "CONTRIBUTING.md" | "CONTRIBUTING.rst" | "CONTRIBUTING" => {
            (Kind::Contributing, of(".github").or_else(|| of("docs")).unwrap_or(folder))
        }
        _ if is_rule(name) => {
            let (above, _) = folder.split_once(".cursor/rules")?;
            (Kind::Cursor, above.trim_end_matches('/'))
        }
        _ => return None,
    })
}

/// Whether this is the name of a Cursor rule.
fn is_rule(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, extension)| extension == "mdc")
}

/// The files whose texts [`instructions`] wants to read, nearest the root first.
pub fn wanted<'a>(paths: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut wanted: Vec<&str> = paths.into_iter().filter(|path| kind(path).is_some()).collect();
    wanted.sort_by_key(|path| (path.matches('/').count(), *path));
    wanted.truncate(FILES_MAX);
    wanted.into_iter().map(str::to_owned).collect()
}

/// What the repository tells those who work in these folders, within a number of bytes.
///
/// `texts` holds what [`wanted`] asked for, by path. A text is left out where it is about a folder that no one works in,
/// says what an earlier one says, or only refers to it. The nearest folder comes first, because its word counts where
/// two differ; in a folder the order is AGENTS, CLAUDE, Copilot, Cursor, Gemini; CONTRIBUTING comes after all others. What
/// does not fit is shortened, the last ones first.
pub fn instructions(
    texts: &BTreeMap<String, String>,
    work_folders: &[String],
    budget_bytes: usize,
) -> Vec<Instruction> {
    let mut found: Vec<(Kind, Instruction)> = texts
        .iter()
        .filter_map(|(path, text)| {
            let (kind, folder) = kind(path)?;
            let text = said(path, text, folder, work_folders)?;
            let is_near = folder.is_empty() || work_folders.iter().any(|work| is_within(work, folder));
            is_near.then(|| {
                let instruction =
                    Instruction { file: path.clone(), folder: folder.to_owned(), text, shortened: false };
                (kind, instruction)
            })
        })
        .collect();
    found.sort_by_key(|(kind, instruction)| {
        let depth =
            if instruction.folder.is_empty() { 0 } else { instruction.folder.matches('/').count() + 1 };
        (
            *kind == Kind::Contributing,
            Reverse(depth),
            instruction.folder.clone(),
            *kind,
            instruction.file.clone(),
        )
    });
    let present: BTreeSet<String> = found.iter().map(|(_, instruction)| instruction.file.clone()).collect();
    let mut seen = BTreeSet::new();
    found.retain(|(_, instruction)| {
        !only_refers(instruction, &present)
            && seen.insert(instruction.text.split_whitespace().collect::<String>())
    });
    fitted(found, budget_bytes)
}

/// What a file says, without a rule's front matter; `None` where it is empty, or a rule for other files.
fn said(path: &str, text: &str, folder: &str, work_folders: &[String]) -> Option<String> {
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let mut text = text.as_str();
    if is_rule(path)
        && let Some(rest) = text.strip_prefix("---\n")
        && let Some((front, rule)) =
            rest.split_once("\n---").or_else(|| rest.strip_prefix("---").map(|rule| ("", rule)))
    {
        if !applies(front, folder, work_folders) {
            return None;
        }
        text = rule;
    }
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Whether a Cursor rule is about these folders: always, or by the folders that its globs begin with. One with neither
/// is picked by hand or by its description, and is no general instruction.
fn applies(front: &str, folder: &str, work_folders: &[String]) -> bool {
    let value = |key: &str| {
        front.lines().find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix(':')).map(str::trim)
    };
    if value("alwaysApply") == Some("true") {
        return true;
    }
    let globs = value("globs").unwrap_or_default();
    globs
        .split(',')
        .map(|glob| glob.trim_matches(['[', ']', '"', '\'', ' ']))
        .filter(|glob| !glob.is_empty())
        .any(|glob| {
            let fixed: Vec<&str> =
                glob.split('/').take_while(|part| !part.contains(['*', '?', '{'])).collect();
            let fixed = fixed.join("/");
            let below = [folder, fixed.as_str()]
                .into_iter()
                .filter(|part| !part.is_empty())
                .collect::<Vec<_>>()
                .join("/");
            // Whoever works above the folder may come into it.
            work_folders.is_empty()
                || work_folders
                    .iter()
                    .any(|work| work.is_empty() || is_within(work, &below) || is_within(&below, work))
        })
}

/// Whether all that a text does is to point to files that are given anyway, as a CLAUDE.md of `@AGENTS.md` does.
fn only_refers(instruction: &Instruction, present: &BTreeSet<String>) -> bool {
    let folder =
        if instruction.folder.is_empty() { String::new() } else { format!("{}/", instruction.folder) };
    let mut refers = false;
    for line in
        instruction.text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let target = line.strip_prefix('@').unwrap_or(line).trim_start_matches("./");
        // A symbolic link is stored as the path that it points to.
        let is_there = !target.contains(' ')
            && target != instruction.file
            && (present.contains(&format!("{folder}{target}"))
                || present.contains(target.trim_start_matches("../")));
        if !is_there {
            return false;
        }
        refers = true;
    }
    refers
}

/// Shortens what does not fit: each takes what it needs of what the earlier ones left.
fn fitted(found: Vec<(Kind, Instruction)>, budget_bytes: usize) -> Vec<Instruction> {
    let mut left = budget_bytes;
    let mut fitted = Vec::new();
    for (kind, mut instruction) in found {
        let room =
            if kind == Kind::Contributing { left.min(budget_bytes / CONTRIBUTING_SHARE) } else { left };
        if instruction.text.len() > room {
            if room < PART_BYTES_MIN + CUT.len() {
                continue;
            }
            instruction.text = shortened(&instruction.text, room - CUT.len());
            instruction.shortened = true;
        }
        left -= instruction.text.len().min(left);
        fitted.push(instruction);
    }
    fitted
}

/// The beginning of a text, up to the end of a line where there is one in its last quarter.
fn shortened(text: &str, bytes: usize) -> String {
    let start = &text[..text.floor_char_boundary(bytes)];
    let end = start.rfind('\n').filter(|end| *end > start.len() / 4 * 3).unwrap_or(start.len());
    format!("{}{CUT}", &start[..end])
}
