//! The `.ini` files of Python's tools.

/// A file's sections, each with its keys and values; the lines of a value stay lines.
#[derive(Debug, Default)]
pub(super) struct Ini {
    sections: Vec<(String, Vec<(String, String)>)>,
}

impl Ini {
    pub(super) fn parse(text: &str) -> Self {
        let mut sections: Vec<(String, Vec<(String, String)>)> = Vec::new();
        for line in text.lines() {
            let bare = line.trim();
            if bare.is_empty() || bare.starts_with(['#', ';']) {
                continue;
            }
            let indented = line.starts_with([' ', '\t']);
            if let Some(name) =
                bare.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).filter(|_| !indented)
            {
                sections.push((name.trim().to_owned(), Vec::new()));
                continue;
            }
            let Some((_, entries)) = sections.last_mut() else { continue };
            if indented && let Some((_, value)) = entries.last_mut() {
                value.push('\n');
                value.push_str(bare.split(" #").next().unwrap_or_default().trim());
                continue;
            }
            if let Some(at) = bare.find(['=', ':']) {
                entries.push((bare[..at].trim().to_lowercase(), bare[at + 1..].trim().to_owned()));
            }
        }
        Self { sections }
    }

    pub(super) fn has(&self, section: &str) -> bool {
        self.sections.iter().any(|(name, _)| name == section)
    }

    pub(super) fn get(&self, section: &str, key: &str) -> Option<&str> {
        self.entries(section).find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    pub(super) fn entries(&self, section: &str) -> impl Iterator<Item = (&str, &str)> {
        let section = section.to_owned();
        self.sections
            .iter()
            .filter(move |(name, _)| *name == section)
            .flat_map(|(_, entries)| entries.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.sections.iter().map(|(name, _)| name.as_str())
    }
}

/// The lines of a value that are not empty.
pub(super) fn lines(value: &str) -> impl Iterator<Item = &str> {
    value.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}
