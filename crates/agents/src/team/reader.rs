//! Reading TOML with the line of everything, and every problem rather than the first.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::Problem;

/// What was found wrong so far, and the text whose offsets become lines.
pub(super) struct Problems<'t> {
    text: &'t str,
    found: Vec<Problem>,
}

impl<'t> Problems<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, found: Vec::new() }
    }

    /// The line, from 1, that holds this byte.
    pub(super) fn line(&self, offset: usize) -> usize {
        let end = offset.min(self.text.len());
        self.text[..self.text.floor_char_boundary(end)].matches('\n').count() + 1
    }

    pub(super) fn add(&mut self, offset: usize, message: impl Into<String>, hint: Option<String>) {
        let problem = Problem { line: self.line(offset), message: message.into(), hint };
        if !self.found.contains(&problem) {
            self.found.push(problem);
        }
    }

    /// Everything found, in the order of lines.
    pub(super) fn into_sorted(mut self) -> Vec<Problem> {
        self.found.sort_by_key(|problem| problem.line);
        self.found
    }
}

/// The candidate that was probably meant, if one is near enough.
fn nearest<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&name.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(similarity, _)| *similarity > 0.75)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

/// "did you mean", or else the list of what there is.
pub(crate) fn suggest<'c>(name: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<String> {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    match nearest(name, candidates.iter().copied()) {
        Some(near) => Some(format!("did you mean `{near}`?")),
        None if candidates.is_empty() => None,
        None => Some(format!("there is {}", candidates.join(", "))),
    }
}

/// A value and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) offset: usize,
}

/// One table of the file, its place and what it is called in messages.
pub(super) struct Section<'a> {
    pub(super) what: String,
    table: &'a DeTable<'a>,
}

impl<'a> Section<'a> {
    /// Opens a table and complains about keys it cannot have.
    pub(super) fn open(
        what: impl Into<String>,
        table: &'a DeTable<'a>,
        keys: &[&str],
        problems: &mut Problems<'_>,
    ) -> Self {
        let what = what.into();
        for key in table.keys() {
            let name = key.get_ref().as_ref();
            if !keys.contains(&name) {
                problems.add(
                    key.span().start,
                    format!("unknown key `{name}` in {what}"),
                    suggest(name, keys.iter().copied()),
                );
            }
        }
        Self { what, table }
    }

    fn get(&self, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table.iter().find(|(name, _)| name.get_ref().as_ref() == key).map(|(_, value)| value)
    }

    fn wrong_type(
        &self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        expected: &str,
        problems: &mut Problems<'_>,
    ) {
        let found = value.get_ref().type_str();
        problems.add(
            value.span().start,
            format!("`{key}` in {} must be {expected}, and is of type {found}", self.what),
            None,
        );
    }

    pub(super) fn string(&self, key: &str, problems: &mut Problems<'_>) -> Option<At<String>> {
        let value = self.get(key)?;
        if let Some(text) = value.get_ref().as_str() {
            return Some(At { value: text.to_owned(), offset: value.span().start });
        }
        self.wrong_type(key, value, "a text", problems);
        None
    }

    pub(super) fn strings(&self, key: &str, problems: &mut Problems<'_>) -> Option<Vec<At<String>>> {
        let value = self.get(key)?;
        let Some(array) = value.get_ref().as_array() else {
            self.wrong_type(key, value, "a list of texts", problems);
            return None;
        };
        let mut texts = Vec::new();
        for item in array {
            match item.get_ref().as_str() {
                Some(text) => texts.push(At { value: text.to_owned(), offset: item.span().start }),
                None => self.wrong_type(key, item, "a list of texts", problems),
            }
        }
        Some(texts)
    }

    /// A whole number of at least `least`.
    pub(super) fn number(&self, key: &str, least: u64, problems: &mut Problems<'_>) -> Option<At<u64>> {
        let value = self.get(key)?;
        let number = value
            .get_ref()
            .as_integer()
            .and_then(|integer| u64::from_str_radix(integer.as_str(), integer.radix()).ok())
            .filter(|number| (least..=u64::from(u32::MAX)).contains(number));
        if let Some(value_read) = number {
            return Some(At { value: value_read, offset: value.span().start });
        }
        if value.get_ref().is_integer() {
            problems.add(
                value.span().start,
                format!("`{key}` in {} must be from {least} to {}", self.what, u32::MAX),
                None,
            );
        } else {
            self.wrong_type(key, value, "a whole number", problems);
        }
        None
    }

    /// A text or a number, as written.
    pub(super) fn amount(&self, key: &str, problems: &mut Problems<'_>) -> Option<At<String>> {
        let value = self.get(key)?;
        let written = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(integer) => integer.as_str().to_owned(),
            DeValue::Float(float) => float.as_str().to_owned(),
            _ => {
                self.wrong_type(key, value, "an amount in US dollars", problems);
                return None;
            }
        };
        Some(At { value: written, offset: value.span().start })
    }

    /// The tables in a table, by name.
    pub(super) fn tables(
        &self,
        key: &str,
        problems: &mut Problems<'_>,
    ) -> Vec<(At<String>, &'a DeTable<'a>)> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let Some(table) = value.get_ref().as_table() else {
            self.wrong_type(key, value, "a table of tables", problems);
            return Vec::new();
        };
        let mut tables = Vec::new();
        for (name, value) in table {
            let at = At { value: name.get_ref().to_string(), offset: name.span().start };
            match value.get_ref().as_table() {
                Some(inner) => tables.push((at, inner)),
                None => self.wrong_type(&at.value, value, "a table", problems),
            }
        }
        tables
    }

    pub(super) fn table(&self, key: &str, problems: &mut Problems<'_>) -> Option<At<&'a DeTable<'a>>> {
        let value = self.get(key)?;
        if let Some(table) = value.get_ref().as_table() {
            return Some(At { value: table, offset: value.span().start });
        }
        self.wrong_type(key, value, "a table", problems);
        None
    }

    /// The tables of a list (`[[key]]`).
    pub(super) fn list(&self, key: &str, problems: &mut Problems<'_>) -> Vec<At<&'a DeTable<'a>>> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            self.wrong_type(key, value, "a list of tables, written as [[agents]]", problems);
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in array {
            match item.get_ref().as_table() {
                Some(table) => tables.push(At { value: table, offset: item.span().start }),
                None => self.wrong_type(key, item, "a list of tables, written as [[agents]]", problems),
            }
        }
        tables
    }
}
