//! Content addressing: what was said is stored once, and everything else points at it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The SHA-256 of a blob's bytes, in lower-case hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct BlobHash(String);

impl BlobHash {
    /// The address of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_parts([bytes])
    }

    /// The address of these parts one after another, without joining them in memory.
    pub fn from_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(part);
        }
        let mut text = String::with_capacity(64);
        for byte in hasher.finalize() {
            use fmt::Write as _;
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }

    /// The hash as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first twelve digits, for people.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

/// A text that is not a blob's address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a SHA-256 in lower-case hexadecimal")]
pub struct InvalidHash(pub String);

impl FromStr for BlobHash {
    type Err = InvalidHash;
    fn from_str(text: &str) -> Result<Self, InvalidHash> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() == 64 && text.bytes().all(is_digit) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidHash(text.to_owned()))
        }
    }
}

impl TryFrom<String> for BlobHash {
    type Error = InvalidHash;
    fn try_from(text: String) -> Result<Self, InvalidHash> {
        text.parse()
    }
}

impl From<BlobHash> for String {
    fn from(hash: BlobHash) -> Self {
        hash.0
    }
}

impl fmt::Display for BlobHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of FIPS 180-2.
    #[test]
    fn the_address_is_the_sha_256() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(BlobHash::of(b"").as_str(), empty);
        assert_eq!(BlobHash::of(b"abc").as_str(), abc);
        assert_eq!(BlobHash::from_parts([b"a".as_slice(), b"", b"bc"]).as_str(), abc);
        assert_eq!(BlobHash::of(b"abc").short(), &abc[..12]);
    }

    #[test]
    fn only_a_hash_is_read_as_one() {
        let hash = BlobHash::of(b"abc");
        let stored = serde_json::to_string(&hash).expect("stores");
        assert_eq!(serde_json::from_str::<BlobHash>(&stored).expect("reads back"), hash);
        for bad in ["", "abc", "../../etc/passwd", &hash.as_str()[1..], &hash.as_str().to_uppercase()] {
            assert!(bad.parse::<BlobHash>().is_err(), "{bad:?} was accepted");
            let stored = serde_json::to_string(bad).expect("stores");
            assert!(serde_json::from_str::<BlobHash>(&stored).is_err(), "{bad:?} was accepted");
        }
    }
}
