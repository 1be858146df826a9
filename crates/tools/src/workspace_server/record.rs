//! What the tools wrote, noted in git's folder so that it outlives this server.
//!
//! Two things must survive a crash: which files the agent wrote, because only those are committed unasked, and
//! what a call was about to change, so that the call can be repeated without changing it twice.

use std::collections::VecDeque;
use std::io::Read as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::place::Place;

/// The note's name in git's folder.
const NAME: &str = "syndarix-record.json";

/// The most files that are known as written; the oldest are forgotten first. A commit forgets what it holds.
const WRITTEN: usize = 10_000;

/// How many calls are remembered: more than one step of a run makes at once.
const BEGUN: usize = 64;

/// The largest note that is read, in bytes. The content of a patch in progress is a part of it.
const NOTE_BYTES: u64 = 256 * 1024 * 1024;

/// What is known of the tools' work.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Record {
    #[serde(default)]
    written: VecDeque<String>,
    #[serde(default)]
    begun: VecDeque<Begun>,
}

/// A call that was about to change files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Begun {
    /// The key of its effect.
    pub(super) effect: String,
    /// What it answers when it is done.
    pub(super) answer: String,
    pub(super) files: Vec<Intended>,
}

/// One file of such a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Intended {
    pub(super) path: String,
    /// The digest of its content before; none where it did not exist.
    pub(super) before: Option<String>,
    /// The change, while there are several that must all happen.
    pub(super) rest: Option<Change>,
}

/// A file as it is to become.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Change {
    pub(super) path: String,
    /// Nothing removes it.
    #[serde(with = "characters")]
    pub(super) content: Option<Vec<u8>>,
    /// Whether it is a program; unchanged where it does not say.
    pub(super) executable: Option<bool>,
}

impl Record {
    /// Reads the note. One that cannot be read is as good as none: an agent may have spoilt it.
    pub(super) fn read(place: &Place) -> Self {
        let mut bytes = Vec::new();
        let read = place
            .read(&format!(".git/{NAME}"))
            .ok()
            .filter(|file| file.metadata().is_ok_and(|found| found.is_file()))
            .and_then(|file| file.take(NOTE_BYTES).read_to_end(&mut bytes).ok());
        read.and_then(|_| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    pub(super) fn keep(&self, place: &Place) -> Result<(), String> {
        let kept = serde_json::to_vec(self).map_err(std::io::Error::other);
        kept.and_then(|bytes| place.note(NAME, &bytes))
            .map(drop)
            .map_err(|error| format!("what is about to change cannot be noted in `.git`: {error}"))
    }

    /// The files that tools wrote and no commit holds yet.
    pub(super) fn written(&self) -> impl Iterator<Item = &str> {
        self.written.iter().map(String::as_str)
    }

    pub(super) fn add_written(&mut self, path: &str) {
        self.written.retain(|known| known != path);
        self.written.push_back(path.to_owned());
        while self.written.len() > WRITTEN {
            self.written.pop_front();
        }
    }

    /// Forgets files that a commit holds.
    pub(super) fn forget(&mut self, committed: &[String]) {
        self.written.retain(|path| !committed.contains(path));
    }

    pub(super) fn begun(&self, effect: &str) -> Option<&Begun> {
        self.begun.iter().find(|begun| begun.effect == effect)
    }

    pub(super) fn begin(&mut self, begun: Begun) {
        self.begun.retain(|known| known.effect != begun.effect);
        self.begun.push_back(begun);
        while self.begun.len() > BEGUN {
            self.begun.pop_front();
        }
    }

    /// Drops the content of changes that have all been made.
    pub(super) fn end(&mut self, effect: &str) {
        for begun in self.begun.iter_mut().filter(|begun| begun.effect == effect) {
            for file in &mut begun.files {
                file.rest = None;
            }
        }
    }
}

/// What tells one content from another.
pub(super) fn digest(content: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(content).iter().fold(String::new(), |mut digest, byte| {
        let _ = write!(digest, "{byte:02x}");
        digest
    })
}

/// Bytes as a JSON string, each as the character with its number: short for text, and right for anything.
mod characters {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    #[expect(clippy::ref_option, reason = "serde passes the field as it is")]
    pub(super) fn serialize<S: Serializer>(
        bytes: &Option<Vec<u8>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let text = bytes.as_ref().map(|bytes| bytes.iter().copied().map(char::from).collect::<String>());
        text.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Vec<u8>>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        let byte = |c: char| u8::try_from(c).map_err(serde::de::Error::custom);
        text.map(|text| text.chars().map(byte).collect()).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> (tempfile::TempDir, Place) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(".git")).unwrap();
        let place = Place::open(folder.path()).unwrap();
        (folder, place)
    }

    #[test]
    fn it_comes_back_after_a_restart_and_a_spoilt_one_is_none() {
        let (folder, place) = place();
        let mut record = Record::default();
        record.add_written("a");
        record.add_written("b");
        record.forget(&["a".into()]);
        let change = Change { path: "b".into(), content: Some((0..=255).collect()), executable: None };
        let begun = Begun {
            effect: "run#1".into(),
            answer: "done".into(),
            files: vec![Intended { path: "b".into(), before: None, rest: Some(change) }],
        };
        record.begin(begun.clone());
        record.keep(&place).unwrap();
        let read = Record::read(&place);
        assert_eq!(read.written().collect::<Vec<_>>(), ["b"]);
        assert_eq!(read.begun("run#1"), Some(&begun));
        std::fs::write(folder.path().join(".git").join(NAME), "{").unwrap();
        assert_eq!(Record::read(&place).written().count(), 0);
    }

    #[test]
    fn it_is_bounded() {
        let mut record = Record::default();
        for index in 0..=WRITTEN {
            record.add_written(&index.to_string());
        }
        assert_eq!(record.written().next(), Some("1"));
        for index in 0..=BEGUN {
            record.begin(Begun { effect: index.to_string(), answer: String::new(), files: Vec::new() });
        }
        assert!(record.begun("0").is_none() && record.begun("1").is_some());
    }

    #[test]
    fn without_a_repository_nothing_is_noted() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::open(folder.path()).unwrap();
        Record::default().keep(&place).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
