//! Reading a unified diff as models write it: numbers are taken as hints, and words around it are passed over.

/// What a patch does to one file.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct FilePatch {
    /// The file's name before; none where the patch makes it.
    pub(super) old: Option<Name>,
    /// Its name after; none where the patch removes it.
    pub(super) new: Option<Name>,
    /// Whether it says that it renames or copies.
    pub(super) renamed: bool,
    pub(super) copied: bool,
    /// Whether the file is to be a program, where the patch says.
    pub(super) executable: Option<bool>,
    pub(super) hunks: Vec<Hunk>,
}

/// A file's name in a patch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) given: String,
}

impl Name {
    /// The name without git's prefix.
    pub(super) fn stripped(&self) -> &str {
        let given = self.given.as_str();
        given.strip_prefix("a/").or_else(|| given.strip_prefix("b/")).unwrap_or(given)
    }
}

/// Lines to find, and what to make of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Hunk {
    /// The number of its first line before; a hint.
    pub(super) start: Option<usize>,
    pub(super) lines: Vec<Line>,
    /// Whether the patch says that the file's last line has no end, before and after.
    pub(super) open_before: bool,
    pub(super) open_after: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    Context(String),
    Removed(String),
    Added(String),
}

/// The parts of a patch, one for each file.
pub(super) fn parse(text: &str) -> Result<Vec<FilePatch>, String> {
    if text.trim_start().starts_with("*** Begin Patch") {
        return Err(
            "`patch` must be a unified diff: `--- a/PATH`, `+++ b/PATH`, and hunks that begin with `@@`"
                .into(),
        );
    }
    let lines: Vec<&str> = text.lines().collect();
    let mut parts: Vec<FilePatch> = Vec::new();
    // Whether the part that `diff --git` began has not come to its `---` yet.
    let mut heading = false;
    let mut at = 0;
    while let Some(line) = lines.get(at).map(|line| line.trim_end_matches('\r')) {
        at += 1;
        if let Some(names) = line.strip_prefix("diff --git ") {
            parts.push(begun(names)?);
            heading = true;
        } else if let (Some(old), Some(new)) = (line.strip_prefix("--- "), following(&lines, at, "+++ ")) {
            at += 1;
            if !heading {
                parts.push(FilePatch::default());
            }
            heading = false;
            if let Some(part) = parts.last_mut() {
                part.old = name(old)?;
                part.new = name(new)?;
            }
        } else if line.starts_with("@@") {
            heading = false;
            let Some(part) = parts.last_mut() else {
                return Err(format!(
                    "a hunk comes before any file: put `--- a/PATH` and `+++ b/PATH` above `{line}`"
                ));
            };
            let (hunk, next) = hunk(&lines, at, line).map_err(|problem| {
                let path = part.new.as_ref().or(part.old.as_ref()).map_or("", Name::stripped);
                format!("{path}, hunk {}: {problem}", part.hunks.len() + 1)
            })?;
            part.hunks.push(hunk);
            at = next;
        } else if heading && let Some(part) = parts.last_mut() {
            extended(part, line)?;
        }
    }
    parts.retain(|part| {
        let says_something = !part.hunks.is_empty() || part.renamed || part.executable.is_some();
        says_something || part.old.is_none() || part.new.is_none()
    });
    if parts.is_empty() {
        return Err("there is no unified diff in `patch`: no `--- a/PATH` and `+++ b/PATH`".into());
    }
    Ok(parts)
}

/// What the next line says, if it begins like this.
fn following<'a>(lines: &[&'a str], at: usize, prefix: &str) -> Option<&'a str> {
    lines.get(at)?.trim_end_matches('\r').strip_prefix(prefix)
}

/// The part of a patch that begins with git's own line. Its two names are the same where it has no more to say.
fn begun(names: &str) -> Result<FilePatch, String> {
    let middle = names
        .match_indices(" b/")
        .map(|(at, _)| at)
        .find(|at| names[..*at].strip_prefix("a/").is_some_and(|old| old == &names[at + 3..]));
    let (old, new) = match middle {
        Some(at) => (&names[..at], &names[at + 1..]),
        None => names.split_once(' ').unwrap_or((names, names)),
    };
    Ok(FilePatch { old: name(old)?, new: name(new)?, ..FilePatch::default() })
}

/// What git says about a file above its hunks.
fn extended(part: &mut FilePatch, line: &str) -> Result<(), String> {
    let plain = |name: &str| Some(Name { given: name.to_owned() });
    let path = part.new.as_ref().or(part.old.as_ref()).map_or("", Name::stripped).to_owned();
    if line.starts_with("Binary files ") || line.starts_with("GIT binary patch") {
        return Err(format!("{path}: a binary file cannot be patched; make it with a command"));
    }
    if let Some(name) = line.strip_prefix("rename from ") {
        (part.old, part.renamed) = (plain(name), true);
    } else if let Some(name) = line.strip_prefix("rename to ") {
        (part.new, part.renamed) = (plain(name), true);
    } else if let Some(name) = line.strip_prefix("copy from ") {
        (part.old, part.renamed, part.copied) = (plain(name), true, true);
    } else if let Some(name) = line.strip_prefix("copy to ") {
        (part.new, part.renamed, part.copied) = (plain(name), true, true);
    } else if let Some(mode) = line.strip_prefix("new file mode ").or_else(|| line.strip_prefix("new mode "))
    {
        part.executable = match mode {
            "100755" => Some(true),
            "100644" if line.starts_with("new mode") => Some(false),
            "100644" => None,
            _ => return Err(format!("{path}: only plain files can be patched, not links or submodules")),
        };
        if line.starts_with("new file") {
            part.old = None;
        }
    } else if line.starts_with("deleted file mode ") {
        part.new = None;
    }
    Ok(())
}

/// A file's name as it stands behind `---` or `+++`: up to the tab that may come before a time.
fn name(text: &str) -> Result<Option<Name>, String> {
    let given = text.split('\t').next().unwrap_or_default().trim_end();
    if given == "/dev/null" {
        return Ok(None);
    }
    if given.starts_with('"') {
        return Err(format!("the name {given} is in quotes; write it without them and without escapes"));
    }
    if given.is_empty() {
        return Err("a file's name is missing in the patch".into());
    }
    Ok(Some(Name { given: given.to_owned() }))
}

/// The hunk whose header is given and whose lines begin at `at`, and where it ends.
fn hunk(lines: &[&str], mut at: usize, header: &str) -> Result<(Hunk, usize), String> {
    let (start, mut counts) = match numbers(header) {
        Some((start, before, after)) => (Some(start), Some((before, after))),
        None => (None, None),
    };
    let mut hunk = Hunk { start, ..Hunk::default() };
    // How many of the last lines are blank without a sign, which may be context or just the end of the text.
    let mut blank = 0;
    while let Some(line) = lines.get(at).map(|line| line.trim_end_matches('\r')) {
        if ends(lines, at, line) {
            break;
        }
        at += 1;
        if line.starts_with('\\') {
            match hunk.lines.last() {
                Some(Line::Removed(_)) => hunk.open_before = true,
                Some(Line::Added(_)) => hunk.open_after = true,
                Some(Line::Context(_)) => (hunk.open_before, hunk.open_after) = (true, true),
                None => {}
            }
            continue;
        }
        blank = if line.is_empty() { blank + 1 } else { 0 };
        let text = |line: &str| line.get(1..).unwrap_or_default().to_owned();
        let parsed = match line.bytes().next() {
            None | Some(b' ') => Line::Context(text(line)),
            Some(b'-') => Line::Removed(text(line)),
            Some(b'+') => Line::Added(text(line)),
            Some(_) => return Err(format!("the line `{line}` begins with neither a space, `-` nor `+`")),
        };
        if let Some((before, after)) = &mut counts {
            let (in_before, in_after) = sides(&parsed);
            *before -= i64::from(in_before);
            *after -= i64::from(in_after);
        }
        hunk.lines.push(parsed);
    }
    // Blank lines that its numbers do not count are not the hunk's.
    let surplus = match counts {
        Some((before, after)) => usize::try_from(-before.max(after)).unwrap_or(0).min(blank),
        None => blank,
    };
    hunk.lines.truncate(hunk.lines.len() - surplus);
    if !hunk.lines.iter().any(|line| !matches!(line, Line::Context(_))) {
        return Err("it changes nothing; mark lines with `-` and `+`".into());
    }
    Ok((hunk, at))
}

/// Whether a hunk ends before this line.
fn ends(lines: &[&str], at: usize, line: &str) -> bool {
    line.starts_with("@@")
        || line.starts_with("diff --git ")
        || line.starts_with("```")
        || line.starts_with("--- ") && following(lines, at + 1, "+++ ").is_some() && {
            // A removed line that begins with two dashes and an added one look the same, but no hunk follows them.
            lines.get(at + 2).is_some_and(|line| line.starts_with("@@"))
        }
}

/// Whether a line is in the file before, and after.
pub(super) fn sides(line: &Line) -> (bool, bool) {
    match line {
        Line::Context(_) => (true, true),
        Line::Removed(_) => (true, false),
        Line::Added(_) => (false, true),
    }
}

/// The first line and the counts of `@@ -START,COUNT +START,COUNT @@`.
fn numbers(header: &str) -> Option<(usize, i64, i64)> {
    let mut words = header.trim_start_matches('@').split_ascii_whitespace();
    let range = |word: &str, sign: char| {
        let (start, count) = match word.strip_prefix(sign)?.split_once(',') {
            Some((start, count)) => (start, count.parse::<u32>().ok()?),
            None => (word.strip_prefix(sign)?, 1),
        };
        Some((start.parse::<usize>().ok()?, i64::from(count)))
    };
    let (start, before) = range(words.next()?, '-')?;
    let (_, after) = range(words.next()?, '+')?;
    Some((start, before, after))
}
