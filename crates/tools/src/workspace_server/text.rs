//! The form of text files: their encoding and their line ends.
//!
//! What a model reads and writes is UTF-8 with plain line feeds, whatever the file is in. A file keeps its form through
//! every change, also in the text that is new, and lines that are not changed keep every byte.

use std::ops::Range;

use encoding_rs::{UTF_16BE, UTF_16LE, WINDOWS_1252};

/// The mark that some files in UTF-8 and all in UTF-16 begin with.
const MARK: char = '\u{feff}';

/// How the characters of a file are written as bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Utf8WithMark,
    Utf16Le,
    Utf16Be,
    /// Each byte is the character with its number.
    Latin1,
    /// Latin-1 with letters and signs where that has control characters.
    Windows1252,
}

impl Encoding {
    fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Utf8WithMark => "UTF-8 with a byte order mark",
            Self::Utf16Le => "UTF-16 (little endian)",
            Self::Utf16Be => "UTF-16 (big endian)",
            Self::Latin1 => "latin-1",
            Self::Windows1252 => "windows-1252",
        }
    }

    /// The encoding of these bytes, and how many of them are its mark. Bytes that are no UTF-8 are taken as one of the
    /// encodings in which every byte is a character, so that they come back as they were whatever they meant.
    fn of(bytes: &[u8]) -> (Self, usize) {
        match bytes {
            [0xef, 0xbb, 0xbf, rest @ ..] if std::str::from_utf8(rest).is_ok() => (Self::Utf8WithMark, 3),
            [0xff, 0xfe, ..] => (Self::Utf16Le, 2),
            [0xfe, 0xff, ..] => (Self::Utf16Be, 2),
            _ if std::str::from_utf8(bytes).is_ok() => (Self::Utf8, 0),
            _ if bytes.iter().any(|byte| (0x80..0xa0).contains(byte)) => (Self::Windows1252, 0),
            _ => (Self::Latin1, 0),
        }
    }

    fn decode(self, bytes: &[u8]) -> Option<String> {
        let encoding = match self {
            Self::Utf8 | Self::Utf8WithMark => return String::from_utf8(bytes.to_vec()).ok(),
            Self::Latin1 => return Some(encoding_rs::mem::decode_latin1(bytes).into_owned()),
            Self::Utf16Le => UTF_16LE,
            Self::Utf16Be => UTF_16BE,
            Self::Windows1252 => WINDOWS_1252,
        };
        encoding.decode_without_bom_handling_and_without_replacement(bytes).map(std::borrow::Cow::into_owned)
    }

    fn encode(self, text: &str) -> Result<Vec<u8>, String> {
        let utf16 = |bytes: fn(u16) -> [u8; 2]| {
            std::iter::once(MARK).chain(text.chars()).flat_map(move |c| {
                let mut units = [0; 2];
                let length = c.encode_utf16(&mut units).len();
                units.into_iter().take(length).flat_map(bytes)
            })
        };
        match self {
            Self::Utf8 => Ok(text.as_bytes().to_vec()),
            Self::Utf8WithMark => Ok(format!("{MARK}{text}").into_bytes()),
            Self::Utf16Le => Ok(utf16(u16::to_le_bytes).collect()),
            Self::Utf16Be => Ok(utf16(u16::to_be_bytes).collect()),
            Self::Latin1 | Self::Windows1252 => {
                if let Some(foreign) = text.chars().find(|c| self.byte(*c).is_none()) {
                    return Err(format!(
                        "`{foreign}` cannot be written in {}, the encoding of this file; write it with other \
                         characters, or convert the file to UTF-8 first (`iconv`)",
                        self.name()
                    ));
                }
                Ok(text.chars().filter_map(|c| self.byte(c)).collect())
            }
        }
    }

    /// The one byte of a character in an encoding that has one for each.
    fn byte(self, c: char) -> Option<u8> {
        match (self, u8::try_from(c)) {
            (_, Ok(byte)) if !(0x80..0xa0).contains(&byte) => Some(byte),
            (Self::Windows1252, _) => {
                let mut buffer = [0; 4];
                let (bytes, _, failed) = WINDOWS_1252.encode(c.encode_utf8(&mut buffer));
                (!failed).then(|| bytes.first().copied()).flatten()
            }
            _ => None,
        }
    }
}

/// A text file's content and form.
#[derive(Debug, Clone)]
pub(super) struct Text {
    encoding: Encoding,
    /// The characters, with every line end as a line feed.
    shown: String,
    /// Where in `shown` a line feed follows a carriage return in the file, in order.
    returns: Vec<usize>,
}

impl Text {
    /// The text of these bytes; `None` where they are none.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (encoding, mark) = Encoding::of(bytes);
        let text = encoding.decode(&bytes[mark..])?;
        if text.contains('\0') {
            return None;
        }
        let mut file = Self { encoding, shown: String::with_capacity(text.len()), returns: Vec::new() };
        for line in text.split_inclusive('\n') {
            if let Some(line) = line.strip_suffix("\r\n") {
                file.shown.push_str(line);
                file.returns.push(file.shown.len());
                file.shown.push('\n');
            } else {
                file.shown.push_str(line);
            }
        }
        Some(file)
    }

    /// A new file's text: UTF-8, with the line ends that it is given.
    pub(super) fn new(content: &str) -> Self {
        let mut text = Self { encoding: Encoding::Utf8, shown: String::new(), returns: Vec::new() };
        if let Some(decoded) = Self::decode(content.as_bytes()) {
            text = decoded;
        } else {
            content.clone_into(&mut text.shown);
        }
        text
    }

    /// What a model sees: plain line feeds, no mark.
    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// What a model is told about the form, where it is not the usual one.
    pub(super) fn form(&self) -> Option<String> {
        let ends = match self.returns.len() {
            0 => None,
            all if all == self.shown.matches('\n').count() => Some("CRLF line ends"),
            _ => Some("both CRLF and LF line ends"),
        };
        let encoding = (self.encoding != Encoding::Utf8).then(|| self.encoding.name());
        let parts: Vec<&str> = encoding.into_iter().chain(ends).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// The bytes of the file; refused where a character is none of its encoding.
    pub(super) fn encode(&self) -> Result<Vec<u8>, String> {
        let mut text = String::with_capacity(self.shown.len() + self.returns.len());
        let mut taken = 0;
        for at in &self.returns {
            text.push_str(&self.shown[taken..*at]);
            text.push('\r');
            taken = *at;
        }
        text.push_str(&self.shown[taken..]);
        self.encoding.encode(&text)
    }

    /// Puts new text in the place of ranges of what is shown, which are in order and apart. The new lines end as most
    /// of the file's do.
    pub(super) fn replace(&mut self, replacements: &[(Range<usize>, String)]) {
        let returned = self.mostly_returns();
        let mut next = Self { encoding: self.encoding, shown: String::new(), returns: Vec::new() };
        let mut taken = 0;
        for (range, new) in replacements {
            next.keep(self, taken..range.start);
            next.add(new, returned);
            taken = range.end;
        }
        next.keep(self, taken..self.shown.len());
        *self = next;
    }

    /// Puts other content in the place of all that is shown.
    pub(super) fn replace_all(&mut self, content: &str) {
        let content = content.strip_prefix(MARK).unwrap_or(content);
        // A file in the usual form takes what it is given, carriage returns and all.
        if self.encoding == Encoding::Utf8 && !self.mostly_returns() {
            *self = Self::new(content);
        } else {
            self.replace(&[(0..self.shown.len(), content.to_owned())]);
        }
    }

    fn mostly_returns(&self) -> bool {
        self.returns.len() * 2 > self.shown.matches('\n').count()
    }

    fn keep(&mut self, from: &Self, range: Range<usize>) {
        let first = from.returns.partition_point(|at| *at < range.start);
        let last = from.returns.partition_point(|at| *at < range.end);
        let start = self.shown.len();
        self.returns.extend(from.returns[first..last].iter().map(|at| at - range.start + start));
        self.shown.push_str(&from.shown[range]);
    }

    fn add(&mut self, new: &str, returned: bool) {
        let new = new.replace("\r\n", "\n");
        if returned {
            let start = self.shown.len();
            self.returns.extend(new.match_indices('\n').map(|(at, _)| start + at));
        }
        self.shown.push_str(&new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        format!("\u{feff}{text}").encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn a_file_is_shown_plainly_and_comes_back_as_it_was() {
        type Case = (Vec<u8>, &'static str, Option<&'static str>);
        let cases: [Case; 9] = [
            (b"a\nb\n".to_vec(), "a\nb\n", None),
            (b"a\r\nb\r\n".to_vec(), "a\nb\n", Some("CRLF line ends")),
            (b"a\r\nb\n\rc".to_vec(), "a\nb\n\rc", Some("both CRLF and LF line ends")),
            (b"\xef\xbb\xbfa\r\n".to_vec(), "a\n", Some("UTF-8 with a byte order mark, CRLF line ends")),
            (b"caf\xe9\n".to_vec(), "café\n", Some("latin-1")),
            (b"\x93caf\xe9\x94 \x81".to_vec(), "“café” \u{81}", Some("windows-1252")),
            (utf16("aé€😀\r\n", u16::to_le_bytes), "aé€😀\n", Some("UTF-16 (little endian), CRLF line ends")),
            (utf16("a\n", u16::to_be_bytes), "a\n", Some("UTF-16 (big endian)")),
            (Vec::new(), "", None),
        ];
        for (bytes, shown, form) in cases {
            let text = Text::decode(&bytes).unwrap();
            assert_eq!((text.shown(), text.form().as_deref()), (shown, form));
            assert_eq!(text.encode().unwrap(), bytes, "{shown}");
        }
        for binary in [&b"a\0b"[..], b"\xff\xfe\0\0a\0\0\0", b"\xff\xfea"] {
            assert!(Text::decode(binary).is_none(), "{binary:?} is text");
        }
    }

    #[test]
    fn every_byte_of_an_eight_bit_file_comes_back() {
        let bytes: Vec<u8> = (1..=255).collect();
        assert_eq!(Text::decode(&bytes).unwrap().encode().unwrap(), bytes);
    }

    #[test]
    fn new_text_takes_the_files_form_and_the_rest_keeps_its_own() {
        type Case = (&'static [u8], Range<usize>, &'static str, &'static [u8]);
        let cases: [Case; 6] = [
            (b"a\r\nb\r\nc\r\n", 2..4, "x\ny\n", b"a\r\nx\r\ny\r\nc\r\n"),
            (b"a\r\nb\r\nc\n", 0..1, "x\ny", b"x\r\ny\r\nb\r\nc\n"),
            (b"a\nb\r\nc\n", 0..1, "x\ny", b"x\ny\nb\r\nc\n"),
            (b"a\r\nb\r\n", 1..2, "", b"ab\r\n"),
            (b"a\r\nb\r\n", 0..4, "x\r\n", b"x\r\n"),
            (b"\xef\xbb\xbfa\n", 0..1, "é", b"\xef\xbb\xbf\xc3\xa9\n"),
        ];
        for (bytes, range, new, expected) in cases {
            let mut text = Text::decode(bytes).unwrap();
            text.replace(&[(range, new.to_owned())]);
            assert_eq!(
                text.encode().unwrap().escape_ascii().to_string(),
                expected.escape_ascii().to_string()
            );
        }
    }

    #[test]
    fn what_the_encoding_lacks_is_refused() {
        for (bytes, new, refused) in [
            (&b"caf\xe9"[..], "é", None),
            (b"caf\xe9", "€", Some("`€` cannot be written in latin-1")),
            (b"\x93\xe9", "€", None),
            (b"\x93\xe9", "→", Some("`→` cannot be written in windows-1252")),
        ] {
            let mut text = Text::decode(bytes).unwrap();
            text.replace_all(new);
            match (text.encode(), refused) {
                (Err(error), Some(refused)) => assert!(error.starts_with(refused), "{error}"),
                (encoded, None) => assert_eq!(encoded.unwrap().len(), 1),
                (other, _) => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn whole_content_keeps_the_form_unless_it_is_the_usual_one() {
        let cases: [(&[u8], &str, &[u8]); 5] = [
            (b"a\r\nb\r\n", "x\ny\n", b"x\r\ny\r\n"),
            (b"\xef\xbb\xbfa\n", "\u{feff}x\n", b"\xef\xbb\xbfx\n"),
            (b"a\n", "x\r\n", b"x\r\n"),
            (b"", "x\r\ny\n", b"x\r\ny\n"),
            (b"a", "x\n", b"x\n"),
        ];
        for (bytes, content, expected) in cases {
            let mut text = Text::decode(bytes).unwrap();
            text.replace_all(content);
            assert_eq!(
                text.encode().unwrap().escape_ascii().to_string(),
                expected.escape_ascii().to_string()
            );
        }
    }
}
