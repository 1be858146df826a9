//! Output of any length in bounded memory: its beginning and its end are kept, however much lies between.

use std::collections::VecDeque;

#[derive(Debug)]
pub(crate) struct HeadAndTail {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    half: usize,
    total: u64,
}

impl HeadAndTail {
    pub(crate) fn new(limit: usize) -> Self {
        Self { head: Vec::new(), tail: VecDeque::new(), half: limit / 2, total: 0 }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let room = self.half.saturating_sub(self.head.len()).min(bytes.len());
        self.head.extend_from_slice(&bytes[..room]);
        let rest = &bytes[room..];
        let rest = &rest[rest.len().saturating_sub(self.half)..];
        let excess = (self.tail.len() + rest.len()).saturating_sub(self.half);
        self.tail.drain(..excess.min(self.tail.len()));
        self.tail.extend(rest);
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    pub(crate) fn into_text(self) -> String {
        let left_out = self.total - self.head.len() as u64 - self.tail.len() as u64;
        let mut bytes = self.head;
        if left_out > 0 {
            bytes.extend_from_slice(format!("\n… {left_out} bytes left out …\n").as_bytes());
        }
        bytes.extend(self.tail);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_and_the_end_are_kept() {
        let cases: [(&[&str], &str); 4] = [
            (&["abcd"], "abcd"),
            (&["abcd", "efgh"], "abcdefgh"),
            (&["abcd", "efgh", "ij"], "abcd\n… 2 bytes left out …\nghij"),
            (&["ab", "cdefghijklmnop"], "abcd\n… 8 bytes left out …\nmnop"),
        ];
        for (parts, expected) in cases {
            let mut output = HeadAndTail::new(8);
            for part in parts {
                output.push(part.as_bytes());
            }
            assert_eq!(output.into_text(), expected);
        }
    }
}
