//! The key of what a set-up makes: the same key, the same result.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::environment::Part;

/// The version of what goes into a key; another one makes every set-up run again.
const FORMAT: &str = "1";
/// Characters of a key: 128 bits, short enough for a folder's name.
const LENGTH: usize = 32;

/// The key of a part's set-up: of its commands, its tools' versions and variables, and the contents of its inputs. The
/// contents come from a function, for a caller has them in a commit or in a folder; what it does not have counts as
/// absent.
pub fn set_up_key(part: &Part, mut contents: impl FnMut(&str) -> Option<Vec<u8>>) -> String {
    let mut hash = Sha256::new();
    let mut add = |piece: &[u8]| {
        // With its length before it, no piece can look like two others.
        hash.update((piece.len() as u64).to_le_bytes());
        hash.update(piece);
    };
    add(FORMAT.as_bytes());
    add(part.folder.as_bytes());
    for step in &part.set_up {
        add(&(step.command.len() as u64).to_le_bytes());
        step.command.iter().for_each(|word| add(word.as_bytes()));
    }
    for tool in &part.tools {
        add(tool.name.as_bytes());
        add(tool.found.as_deref().unwrap_or_default().as_bytes());
        add(tool.bin.as_deref().map(|bin| bin.to_string_lossy().into_owned()).unwrap_or_default().as_bytes());
    }
    for (name, value) in &part.variables {
        add(name.as_bytes());
        add(value.as_bytes());
    }
    for input in &part.inputs {
        add(input.as_bytes());
        match contents(input) {
            Some(content) => add(&content),
            None => add(b"absent"),
        }
    }
    let digest = hash.finalize();
    let mut key = String::with_capacity(LENGTH);
    for byte in &digest {
        // Writing to a string does not fail.
        let _ = write!(key, "{byte:02x}");
    }
    key.truncate(LENGTH);
    key
}
