//! What happened, in order. Its hash is the same whenever the seed is.

use crate::kernel::Timestamp;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hasher};

/// Lines shown of a seed that failed.
const SHOWN: usize = 400;

/// A running hash, and the last lines that went into it.
#[derive(Debug, Default)]
pub(super) struct Trace {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    hash: DefaultHasher,
    last: VecDeque<String>,
    lines: u64,
}

impl Trace {
    pub(super) fn note(&self, now: Timestamp, line: &str) {
        let mut inner = self.inner.lock();
        inner.hash.write_i64(now.0);
        inner.hash.write(line.as_bytes());
        inner.lines += 1;
        if inner.last.len() == SHOWN {
            inner.last.pop_front();
        }
        inner.last.push_back(format!("{:>14.3} {line}", (now.0 - super::world::BEGINNING.0) as f64 / 1e9));
    }

    /// Takes something in that is too long for a line.
    pub(super) fn digest(&self, bytes: &[u8]) {
        self.inner.lock().hash.write(bytes);
    }

    pub(super) fn hash(&self) -> u64 {
        self.inner.lock().hash.finish()
    }

    pub(super) fn lines(&self) -> u64 {
        self.inner.lock().lines
    }

    pub(super) fn last(&self) -> String {
        self.inner.lock().last.iter().flat_map(|line| [line.as_str(), "\n"]).collect()
    }
}
