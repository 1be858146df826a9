//! Changing files: what a call changes is noted before, and happens once, all or nothing.

use std::io::Read as _;

use parking_lot::Mutex;

use super::place::Place;
use super::record::{Begun, Change, Intended, Record, digest};

/// The largest file that is changed, in bytes; it is held in memory.
pub(super) const FILE_BYTES: u64 = 16 * 1024 * 1024;

/// The effect that a call belongs to.
#[derive(Debug, Clone, Default)]
pub(super) struct Call {
    /// The effect's key, if it has one.
    pub(super) effect: Option<String>,
    /// Whether it may have happened before.
    pub(super) repeated: bool,
}

/// What a call wants to change, and what it says when that is done.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) answer: String,
    pub(super) changes: Vec<Change>,
}

/// Where files are changed, one call at a time: what one has read, no other changes before it has written.
#[derive(Debug)]
pub(super) struct Changes {
    record: Mutex<Record>,
}

impl Changes {
    pub(super) fn open(place: &Place) -> Self {
        Self { record: Mutex::new(Record::read(place)) }
    }

    /// The files that tools wrote and no commit holds yet.
    pub(super) fn written(&self) -> Vec<String> {
        self.record.lock().written().map(str::to_owned).collect()
    }

    /// Forgets files that a commit holds.
    pub(super) fn committed(&self, place: &Place, paths: &[String]) -> Result<(), String> {
        let mut record = self.record.lock();
        record.forget(paths);
        record.keep(place)
    }

    /// Makes the changes of a call, unless an earlier attempt at it has.
    pub(super) fn make(
        &self,
        place: &Place,
        call: &Call,
        plan: impl FnOnce(&Place) -> Result<Plan, String>,
    ) -> Result<String, String> {
        let mut record = self.record.lock();
        if call.repeated
            && let Some(begun) = call.effect.as_deref().and_then(|effect| record.begun(effect)).cloned()
            && finish(place, &begun)?
        {
            record.end(&begun.effect);
            record.keep(place)?;
            return Ok(begun.answer);
        }
        let Plan { answer, changes } = plan(place)?;
        let mut before = Vec::new();
        for change in &changes {
            before.push(content(place, &change.path)?);
        }
        let several = changes.len() > 1;
        let files = changes.iter().zip(&before).map(|(change, before)| Intended {
            path: change.path.clone(),
            before: before.as_deref().map(digest),
            rest: several.then(|| change.clone()),
        });
        let effect = call.effect.clone().unwrap_or_default();
        record.begin(Begun { effect: effect.clone(), answer: answer.clone(), files: files.collect() });
        for change in &changes {
            let path = place.target(&change.path)?;
            record.add_written(&path.to_string_lossy());
        }
        record.keep(place)?;
        for (index, change) in changes.iter().enumerate() {
            if let Err(refusal) = apply(place, change) {
                undo(place, &changes[..index], &before);
                return Err(refusal);
            }
        }
        if several {
            record.end(&effect);
            record.keep(place)?;
        }
        Ok(answer)
    }
}

/// Whether an earlier attempt did its work. Where it was cut off in the middle, the rest is done now. A file that is
/// no longer as it was before has been changed.
fn finish(place: &Place, begun: &Begun) -> Result<bool, String> {
    let mut untouched = Vec::new();
    for file in &begun.files {
        if content(place, &file.path)?.as_deref().map(digest) == file.before {
            untouched.push(file);
        }
    }
    if untouched.len() == begun.files.len() {
        return Ok(false);
    }
    for change in untouched.into_iter().filter_map(|file| file.rest.as_ref()) {
        apply(place, change)?;
    }
    Ok(true)
}

fn apply(place: &Place, change: &Change) -> Result<(), String> {
    match &change.content {
        Some(content) => place.write(&change.path, content)?,
        None => place.remove(&change.path)?,
    }
    match change.executable {
        Some(executable) => place.set_executable(&change.path, executable),
        None => Ok(()),
    }
}

/// Puts back what was changed before something failed, as far as that goes.
fn undo(place: &Place, changes: &[Change], before: &[Option<Vec<u8>>]) {
    for (change, before) in changes.iter().zip(before) {
        let undone = match before {
            Some(content) => place.write(&change.path, content),
            None => place.remove(&change.path),
        };
        if let Err(refusal) = undone {
            tracing::warn!(path = change.path, refusal, "a change could not be undone");
        }
    }
}

/// The content of a plain file; nothing where there is no such file.
pub(super) fn content(place: &Place, path: &str) -> Result<Option<Vec<u8>>, String> {
    let target = place.target(path)?;
    if !place.exists(&target) {
        return Ok(None);
    }
    let file = place.read(path)?;
    let found = file.metadata().map_err(|error| format!("`{path}` cannot be read: {error}"))?;
    if found.is_dir() {
        return Err(format!("`{path}` is a folder"));
    }
    if !found.is_file() {
        return Err(format!("`{path}` is not a plain file"));
    }
    if found.len() > FILE_BYTES {
        return Err(format!("`{path}` is too large to change ({} MB); use a program", found.len() >> 20));
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("`{path}` cannot be read: {error}"))?;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> (tempfile::TempDir, Place) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(".git")).unwrap();
        std::fs::write(folder.path().join("a"), "old").unwrap();
        let place = Place::open(folder.path()).unwrap();
        (folder, place)
    }

    fn change(path: &str, content: Option<&str>) -> Change {
        let content = content.map(|text| text.as_bytes().to_vec());
        Change { path: path.into(), content, executable: None }
    }

    fn call(repeated: bool) -> Call {
        Call { effect: Some("run#1".into()), repeated }
    }

    #[test]
    fn a_call_that_was_cut_off_is_finished_and_not_made_twice() {
        let plan = |_: &Place| {
            let changes = vec![change("a", Some("new")), change("b", Some("b")), change("a2", Some("x"))];
            Ok(Plan { answer: "done".into(), changes })
        };
        for made in 0..=3 {
            let (folder, place) = place();
            Changes::open(&place).make(&place, &call(false), plan).unwrap();
            // As a crash after some of the changes leaves it.
            let mut record = Record::read(&place);
            let mut begun = record.begun("run#1").unwrap().clone();
            let changes = plan(&place).unwrap().changes;
            for (index, file) in begun.files.iter_mut().enumerate() {
                file.rest = Some(changes[index].clone());
                if index >= made {
                    match file.path.as_str() {
                        "a" => place.write("a", b"old").unwrap(),
                        path => place.remove(path).unwrap(),
                    }
                }
            }
            record.begin(begun);
            record.keep(&place).unwrap();
            let again = Changes::open(&place).make(&place, &call(true), |place| match made {
                0 => plan(place),
                _ => Err("it was planned again".into()),
            });
            assert_eq!(again.as_deref(), Ok("done"), "after {made} changes");
            for (path, expected) in [("a", "new"), ("b", "b"), ("a2", "x")] {
                assert_eq!(std::fs::read_to_string(folder.path().join(path)).unwrap(), expected);
            }
            assert_eq!(Changes::open(&place).written(), ["a", "b", "a2"]);
        }
    }

    #[test]
    fn what_fails_in_the_middle_is_undone() {
        let (folder, place) = place();
        let changes = vec![change("a", Some("new")), change("d/b", Some("b")), change("d", Some("x"))];
        let failed =
            Changes::open(&place).make(&place, &call(false), |_| Ok(Plan { answer: String::new(), changes }));
        assert!(failed.is_err());
        assert_eq!(std::fs::read_to_string(folder.path().join("a")).unwrap(), "old");
        assert!(!folder.path().join("d").exists());
    }
}
