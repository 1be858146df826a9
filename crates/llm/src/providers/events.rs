//! Cuts a stream of bytes into whole events, and stops where one of them or all of them grow too long.

/// What ends an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EndsWith {
    /// The end of its line: JSON lines.
    Line,
    /// An empty line: server-sent events.
    EmptyLine,
}

/// Bytes as they arrive, given out up to the end of the last whole event.
#[derive(Debug)]
pub(super) struct Events {
    ends_with: EndsWith,
    /// The beginning of an event whose end has not arrived.
    held: Vec<u8>,
    total: usize,
    max_event_bytes: usize,
    max_bytes: usize,
}

/// Why no more is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum TooLong {
    /// One event does not end.
    #[error("an event of the stream is longer than {0} bytes")]
    Event(usize),
    /// The whole does not end.
    #[error("the stream is longer than {0} bytes")]
    Whole(usize),
}

impl Events {
    pub(super) fn new(ends_with: EndsWith, max_event_bytes: usize, max_bytes: usize) -> Self {
        Self { ends_with, held: Vec::new(), total: 0, max_event_bytes, max_bytes }
    }

    /// Whether anything arrived.
    pub(super) fn any(&self) -> bool {
        self.total > 0
    }

    /// Takes a piece, and gives what is whole now; empty while an event goes on.
    pub(super) fn push(&mut self, piece: &[u8]) -> Result<Vec<u8>, TooLong> {
        self.total += piece.len();
        if self.total > self.max_bytes {
            return Err(TooLong::Whole(self.max_bytes));
        }
        let unseen = self.held.len();
        self.held.extend_from_slice(piece);
        let whole = match (unseen..self.held.len()).rev().find(|&position| self.ends_at(position)) {
            Some(last) => {
                let begun = self.held.split_off(last + 1);
                std::mem::replace(&mut self.held, begun)
            }
            None => Vec::new(),
        };
        // An event that begins and ends within one piece is no longer than what the network delivers at once.
        if self.held.len() > self.max_event_bytes {
            return Err(TooLong::Event(self.max_event_bytes));
        }
        Ok(whole)
    }

    /// What is left when the stream ends without the end of an event.
    pub(super) fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.held)
    }

    /// Whether the byte here is the last of an event. A carriage return alone, with which no provider ends its lines,
    /// ends none here.
    fn ends_at(&self, position: usize) -> bool {
        let before = &self.held[..position];
        self.held[position] == b'\n'
            && match self.ends_with {
                EndsWith::Line => true,
                EndsWith::EmptyLine => before.ends_with(b"\n") || before.ends_with(b"\n\r"),
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pieces as they are given out, and the rest or why there is none.
    fn cut(ends_with: EndsWith, pieces: &[&str]) -> String {
        let mut events = Events::new(ends_with, 8, 20);
        let mut given = Vec::new();
        for piece in pieces {
            match events.push(piece.as_bytes()) {
                Ok(whole) => given.push(String::from_utf8(whole).expect("text")),
                Err(reason) => return format!("{}! {reason}", given.join("|")),
            }
        }
        given.push(String::from_utf8(events.rest()).expect("text"));
        given.join("|")
    }

    #[test]
    fn only_whole_lines_are_given_and_all_of_them() {
        for (pieces, expected) in [
            (&["a\n", "b\n"][..], "a\n|b\n|"),
            (&["a", "b\n"], "|ab\n|"),
            (&["a\nb", "c\r\n\n"], "a\n|bc\r\n\n|"),
            (&["a\nb"], "a\n|b"),
            (&["", "a"], "||a"),
            (&["12345678", "\n"], "|12345678\n|"),
            (&["12345678", "9"], "! an event of the stream is longer than 8 bytes"),
            (&["a\n123456789"], "! an event of the stream is longer than 8 bytes"),
            (&["123456\n", "123456\n", "123456\n"], "123456\n|123456\n! the stream is longer than 20 bytes"),
        ] {
            assert_eq!(cut(EndsWith::Line, pieces), expected, "{pieces:?}");
        }
    }

    #[test]
    fn an_event_of_several_lines_is_given_whole() {
        for (pieces, expected) in [
            (&["a\nb\n\n"][..], "a\nb\n\n|"),
            (&["a\n", "b\n", "\nc"], "||a\nb\n\n|c"),
            (&["a\r\n", "\r\n"], "|a\r\n\r\n|"),
            (&["a\r\n\r", "\n"], "|a\r\n\r\n|"),
            (&["a\n\nb\n\nc\n"], "a\n\nb\n\n|c\n"),
            (&["a\n", "a\n", "a\n", "a\n", "a"], "|||! an event of the stream is longer than 8 bytes"),
        ] {
            assert_eq!(cut(EndsWith::EmptyLine, pieces), expected, "{pieces:?}");
        }
    }
}
