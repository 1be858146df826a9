//! Applying a unified diff: every file is worked out first, and only then is anything written.

mod hunk;
mod parse;

use std::collections::BTreeMap;

use self::parse::{FilePatch, Name};
use super::arguments::ApplyPatch;
use super::changes::{self, Plan};
use super::place::Place;
use super::record::Change;
use super::text::Text;

/// The most files that one patch changes; a larger change is made by a program.
const FILES: usize = 200;

pub(super) fn plan(place: &Place, call: &ApplyPatch) -> Result<Plan, String> {
    let parts = parse::parse(&call.patch)?;
    if parts.len() > FILES {
        return Err(format!("the patch changes {} files; the most for one call is {FILES}", parts.len()));
    }
    let mut tree = Tree { place, files: BTreeMap::new(), order: Vec::new() };
    let mut deeds = Vec::new();
    for part in &parts {
        deeds.push(tree.apply(part).map_err(|problem| format!("{problem}; nothing was changed"))?);
    }
    let changes = tree.changes()?;
    Ok(Plan { answer: format!("applied the patch:\n{}", deeds.join("\n")), changes })
}

/// The worktree as it is to become.
struct Tree<'a> {
    place: &'a Place,
    /// The files that the patch has to do with, as they are after what of it was applied.
    files: BTreeMap<String, File>,
    /// Their paths in the order in which they were first changed.
    order: Vec<String>,
}

#[derive(Debug, Clone)]
struct File {
    content: Option<Content>,
    executable: Option<bool>,
    changed: bool,
}

/// A file's content: a text, or bytes that can be moved and removed only.
#[derive(Debug, Clone)]
enum Content {
    Text(Text),
    Bytes(Vec<u8>),
}

impl Tree<'_> {
    /// Applies the part of a patch that is about one file, and says what that did.
    fn apply(&mut self, part: &FilePatch) -> Result<String, String> {
        let old = part.old.as_ref().map(|name| self.path(name, part.new.as_ref())).transpose()?;
        let new = part.new.as_ref().map(|name| match (&old, &part.old) {
            (Some(path), Some(old)) if !part.renamed && stays(path, old, name) => path.clone(),
            _ => name.stripped().to_owned(),
        });
        match (old, new) {
            (None, None) => {
                Err("a part of the patch names no file; begin each with `--- a/PATH` and `+++ b/PATH`".into())
            }
            (None, Some(path)) => self.create(&path, part),
            (Some(path), None) => self.delete(&path, part),
            (Some(old), Some(new)) if old == new => {
                let text = self.changed_text(&old, part)?;
                self.put(&old, text, part.executable)?;
                Ok(format!("changed {old}{}", counted(part)))
            }
            (Some(old), Some(new)) => self.rename(&old, &new, part),
        }
    }

    fn create(&mut self, path: &str, part: &FilePatch) -> Result<String, String> {
        if self.file(path)?.content.is_some() {
            return Err(format!(
                "the patch makes {path}, which exists already; change it with its own lines"
            ));
        }
        let content = hunk::new_content(path, &part.hunks)?;
        self.put(path, Some(Content::Text(Text::new(&content))), part.executable)?;
        Ok(format!("made {path}{}", counted(part)))
    }

    fn delete(&mut self, path: &str, part: &FilePatch) -> Result<String, String> {
        if let Some(Content::Text(text)) = self.changed_text(path, part)?
            && !part.hunks.is_empty()
            && !text.shown().is_empty()
        {
            let left = text.shown().lines().count();
            return Err(format!(
                "the patch removes {path}, but {left} lines of it are not in the patch; remove all of them, or \
                 keep the file"
            ));
        }
        self.put(path, None, None)?;
        Ok(format!("removed {path}"))
    }

    fn rename(&mut self, old: &str, new: &str, part: &FilePatch) -> Result<String, String> {
        if self.file(new)?.content.is_some() {
            return Err(format!("the patch renames {old} to {new}, which exists already"));
        }
        let content = self.changed_text(old, part)?;
        let executable = part.executable.or_else(|| self.place.is_executable(old).then_some(true));
        self.put(new, content, executable)?;
        if part.copied {
            return Ok(format!("copied {old} to {new}{}", counted(part)));
        }
        self.put(old, None, None)?;
        Ok(format!("renamed {old} to {new}{}", counted(part)))
    }

    /// The content of a file that exists, after its part of the patch.
    fn changed_text(&mut self, path: &str, part: &FilePatch) -> Result<Option<Content>, String> {
        let content = self.file(path)?.content.clone();
        match content {
            None => Err(format!("there is no `{path}`, which the patch changes")),
            Some(Content::Bytes(bytes)) if part.hunks.is_empty() => Ok(Some(Content::Bytes(bytes))),
            Some(Content::Bytes(_)) => Err(format!("`{path}` is not a text file; it cannot be patched")),
            Some(Content::Text(mut text)) => {
                let mut drift = 0;
                for (index, hunk) in part.hunks.iter().enumerate() {
                    drift += hunk::apply(&mut text, hunk, drift)
                        .map_err(|problem| format!("{path}, hunk {}: {problem}", index + 1))?;
                }
                Ok(Some(Content::Text(text)))
            }
        }
    }

    /// The path that is meant by the name of a file that exists.
    fn path(&mut self, name: &Name, other: Option<&Name>) -> Result<String, String> {
        let stripped = name.stripped();
        // Without git's prefix, with it if there is such a folder, by the other name, and below the two folders that
        // `diff -u old/x new/x` compares.
        let below = |name: &'_ Name| name.given.split_once('/').map(|(_, below)| below.to_owned());
        let shared = below(name).filter(|path| other.and_then(below).as_ref() == Some(path));
        let others = [Some(name.given.clone()), other.map(|name| name.stripped().to_owned()), shared];
        if self.file(stripped)?.content.is_some() {
            return Ok(stripped.to_owned());
        }
        for path in others.into_iter().flatten() {
            if self.file(&path).is_ok_and(|file| file.content.is_some()) {
                return Ok(path);
            }
        }
        Err(format!("there is no `{stripped}`, which the patch changes"))
    }

    fn file(&mut self, path: &str) -> Result<&File, String> {
        if !self.files.contains_key(path) {
            let content = changes::content(self.place, path)?.map(|bytes| match Text::decode(&bytes) {
                Some(text) => Content::Text(text),
                None => Content::Bytes(bytes),
            });
            let file = File { content, executable: None, changed: false };
            self.files.insert(path.to_owned(), file);
        }
        self.files.get(path).ok_or_else(|| format!("there is no `{path}`"))
    }

    fn put(&mut self, path: &str, content: Option<Content>, executable: Option<bool>) -> Result<(), String> {
        self.file(path)?;
        if let Some(file) = self.files.get_mut(path) {
            if !file.changed {
                self.order.push(path.to_owned());
            }
            *file = File { content, executable: executable.or(file.executable), changed: true };
        }
        Ok(())
    }

    /// What is to be done, what is written before what is removed, so that a crash in between loses nothing.
    fn changes(mut self) -> Result<Vec<Change>, String> {
        let (mut written, mut removed) = (Vec::new(), Vec::new());
        for path in self.order {
            let Some(file) = self.files.remove(&path) else { continue };
            let content = match file.content {
                Some(Content::Text(text)) => Some(
                    text.encode().map_err(|problem| format!("`{path}`: {problem}; nothing was changed"))?,
                ),
                Some(Content::Bytes(bytes)) => Some(bytes),
                None => None,
            };
            match content {
                Some(_) => written.push(Change { path, content, executable: file.executable }),
                // What was made and removed by one patch never was.
                None if changes::content(self.place, &path)?.is_none() => {}
                None => removed.push(Change { path, content: None, executable: None }),
            }
        }
        written.extend(removed);
        Ok(written)
    }
}

/// Whether a file stays where it is: its two names differ in their prefix only.
fn stays(path: &str, old: &Name, new: &Name) -> bool {
    new.stripped() == old.stripped()
        || new.stripped() == path
        || new.given.split_once('/').is_some_and(|(_, below)| below == path)
}

fn counted(part: &FilePatch) -> String {
    match part.hunks.len() {
        0 => String::new(),
        1 => " (1 hunk)".into(),
        many => format!(" ({many} hunks)"),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    /// Applies a patch to a few files and shows what becomes of them.
    fn check(patch: &str, expected: &Expect) {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| std::fs::write(folder.path().join(path), text).unwrap();
        std::fs::create_dir(folder.path().join("src")).unwrap();
        write("src/one.txt", "a\nb\nc\nd\ne\nf\ng\n");
        write("crlf.txt", "a\r\nb\r\nc\r\n");
        write("twice.txt", "x\ny\nx\ny\nx\ny\n");
        write("open.txt", "a\nb");
        let place = Place::open(folder.path()).unwrap();
        let shown = match plan(&place, &ApplyPatch { patch: patch.into() }) {
            Err(refusal) => refusal,
            Ok(plan) => {
                let changes = plan.changes.iter().map(|change| match &change.content {
                    Some(content) => format!("\n{}: {}", change.path, content.escape_ascii()),
                    None => format!("\n{}: removed", change.path),
                });
                format!("{}{}", plan.answer, changes.collect::<String>())
            }
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn files_are_changed_made_removed_and_renamed_together() {
        check(
            "Some words.\ndiff --git a/src/one.txt b/src/one.txt\nindex 123..456 100644\n--- a/src/one.txt\n\
             +++ b/src/one.txt\n@@ -2,2 +2,3 @@ fn x\n b\n-c\n+C\n+C2\n@@ -6,2 +7,1 @@\n f\n-g\n\
             diff --git a/new.sh b/new.sh\nnew file mode 100755\n--- /dev/null\n+++ b/new.sh\n@@ -0,0 +1,2 @@\n+x\n+y\n\
             diff --git a/open.txt b/open.txt\ndeleted file mode 100644\n--- a/open.txt\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-a\n-b\n\\ No newline at end of file\n\
             diff --git a/crlf.txt b/d/crlf.txt\nsimilarity index 90%\nrename from crlf.txt\nrename to d/crlf.txt\n--- a/crlf.txt\n+++ b/d/crlf.txt\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n",
            &expect![[r"
                applied the patch:
                changed src/one.txt (2 hunks)
                made new.sh (1 hunk)
                removed open.txt
                renamed crlf.txt to d/crlf.txt (1 hunk)
                src/one.txt: a\nb\nC\nC2\nd\ne\nf\n
                new.sh: x\ny\n
                d/crlf.txt: a\r\nB\r\nc\r\n
                open.txt: removed
                crlf.txt: removed"]],
        );
    }

    #[test]
    fn numbers_may_be_off_or_missing_while_the_lines_are_found() {
        let changed = expect![[r"
            applied the patch:
            changed src/one.txt (1 hunk)
            src/one.txt: a\nb\nc\nD\ne\nf\ng\n"]];
        for header in ["@@ -4,1 +4,1 @@", "@@ -40,9 +1,2 @@", "@@", "@@ ... @@", "@@ -4 +4 @@"] {
            for name in ["a/src/one.txt", "src/one.txt", "src/one.txt\t2026-01-01 10:00:00"] {
                check(&format!("--- {name}\n+++ {name}\n{header}\n c\n-d\n+D\n e\n"), &changed);
            }
        }
        // Context that is not quite the file's, and a last blank line that is no context.
        check("--- a/src/one.txt\n+++ b/src/one.txt\n@@ -3,3 +3,3 @@\n C?\n c \n-d\n+D\n e\n\n", &changed);
        check("--- old/src/one.txt\n+++ new/src/one.txt\n@@ -4 +4 @@\n-d\n+D\n", &changed);
        check(
            "```diff\n--- a/src/one.txt\r\n+++ b/src/one.txt\r\n@@ -4 +4 @@\r\n-d\r\n+D\r\n```\n",
            &changed,
        );
    }

    #[test]
    fn the_end_of_a_file_is_as_the_patch_says() {
        let open = |body: &str| format!("--- a/open.txt\n+++ b/open.txt\n@@ -1,2 +1,2 @@\n a\n{body}");
        check(
            &open("-b\n\\ No newline at end of file\n+B\n"),
            &expect![[r"
                applied the patch:
                changed open.txt (1 hunk)
                open.txt: a\nB\n"]],
        );
        check(
            &open("-b\n+B\n"),
            &expect![[r"
                applied the patch:
                changed open.txt (1 hunk)
                open.txt: a\nB"]],
        );
        check(
            &open(" b\n+c\n"),
            &expect![[r"
                applied the patch:
                changed open.txt (1 hunk)
                open.txt: a\nb\nc"]],
        );
        check(
            "--- a/crlf.txt\n+++ b/crlf.txt\n@@ -2,2 +2,2 @@\n b\n-c\n+C\n\\ No newline at end of file\n",
            &expect![[r"
                applied the patch:
                changed crlf.txt (1 hunk)
                crlf.txt: a\r\nb\r\nC"]],
        );
    }

    #[test]
    fn what_cannot_be_applied_names_the_file_and_the_hunk() {
        check("nothing", &expect!["there is no unified diff in `patch`: no `--- a/PATH` and `+++ b/PATH`"]);
        check(
            "*** Begin Patch\n*** Update File: src/one.txt\n",
            &expect![
                "`patch` must be a unified diff: `--- a/PATH`, `+++ b/PATH`, and hunks that begin with `@@`"
            ],
        );
        check(
            "--- a/src/one.txt\n+++ b/src/one.txt\n@@ -1,1 +1,1 @@\n-a\n+A\n@@ -4,2 +4,2 @@\n x\n-y\n+Y\n",
            &expect![[r"
                src/one.txt, hunk 2: its lines are not in the file:
                x
                y
                nothing in it is like it; read the file again and copy the text exactly, with its white space; nothing was changed"]],
        );
        check(
            "--- a/twice.txt\n+++ b/twice.txt\n@@ @@\n x\n-y\n+z\n",
            &expect![
                "twice.txt, hunk 1: its lines occur at lines 1, 3, 5; give more lines of context, or the right line number; nothing was changed"
            ],
        );
        check(
            "--- a/missing\n+++ b/missing\n@@ -1 +1 @@\n-a\n+b\n",
            &expect!["there is no `missing`, which the patch changes; nothing was changed"],
        );
        check(
            "--- /dev/null\n+++ b/open.txt\n@@ -0,0 +1 @@\n+a\n",
            &expect![
                "the patch makes open.txt, which exists already; change it with its own lines; nothing was changed"
            ],
        );
        check(
            "--- a/src/one.txt\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-a\n",
            &expect![
                "the patch removes src/one.txt, but 6 lines of it are not in the patch; remove all of them, or keep the file; nothing was changed"
            ],
        );
        check(
            "--- a/src/one.txt\n+++ b/src/one.txt\n@@ -1,2 +1,2 @@\n a\nb\n",
            &expect!["src/one.txt, hunk 1: the line `b` begins with neither a space, `-` nor `+`"],
        );
        check(
            "--- a/../x\n+++ b/../x\n@@ -1 +1 @@\n-a\n+b\n",
            &expect!["`../x` is outside the worktree; give a path relative to it; nothing was changed"],
        );
        check(
            "--- a/.git/config\n+++ b/.git/config\n@@ -1 +1 @@\n-a\n+b\n",
            &expect!["`.git/config` belongs to git; use the git tools; nothing was changed"],
        );
        check(
            "diff --git a/x.png b/x.png\nBinary files a/x.png and b/x.png differ\n",
            &expect!["x.png: a binary file cannot be patched; make it with a command"],
        );
    }

    #[test]
    fn a_line_number_decides_between_equal_places() {
        check(
            "--- a/twice.txt\n+++ b/twice.txt\n@@ -3,2 +3,3 @@\n x\n-y\n+z\n+z\n@@ -5,2 +6,3 @@\n x\n+new\n y\n",
            &expect![[r"
                applied the patch:
                changed twice.txt (2 hunks)
                twice.txt: x\ny\nx\nz\nz\nx\nnew\ny\n"]],
        );
    }
}
