//! What `git ls-tree -r -z --long` prints.

use std::collections::BTreeMap;

/// A file of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path, relative to the root.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
}

/// The submodules of a listing: the path and the commit of each.
pub(super) fn submodules(listing: &[u8]) -> BTreeMap<String, String> {
    listing
        .split(|byte| *byte == 0)
        .filter_map(|line| {
            let (head, path) = std::str::from_utf8(line).ok()?.split_once('\t')?;
            let commit = head.strip_prefix("160000 commit ")?.split_whitespace().next()?;
            Some((path.to_owned(), commit.to_owned()))
        })
        .collect()
}

/// The regular files of a listing. Submodules and symbolic links have no content of their own here.
pub(super) fn parse(listing: &[u8]) -> Vec<Entry> {
    listing
        .split(|byte| *byte == 0)
        .filter_map(|line| {
            let tab = line.iter().position(|byte| *byte == b'\t')?;
            let head = std::str::from_utf8(&line[..tab]).ok()?;
            let path = std::str::from_utf8(&line[tab + 1..]).ok()?;
            let mut words = head.split_whitespace();
            let mode = words.next()?;
            let size = words.nth(2)?.parse().ok()?;
            mode.starts_with("100").then(|| Entry { path: path.to_owned(), size })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_listed_and_links_are_not_and_submodules_apart() {
        let listing = b"100644 blob 0123abc      12\ta b.txt\x00120000 blob 0123abc       3\tlink\x00160000 commit 0123abc       -\tmodule\x00100755 blob 0123abc    1234\tsrc/x\xc3\xa9\x00100644 blob 1 2\tbad\xff\0";
        let entries: Vec<(String, u64)> =
            parse(listing).into_iter().map(|entry| (entry.path, entry.size)).collect();
        assert_eq!(entries, [("a b.txt".to_owned(), 12), ("src/xé".to_owned(), 1234)]);
        let modules: Vec<(String, String)> = submodules(listing).into_iter().collect();
        assert_eq!(modules, [("module".to_owned(), "0123abc".to_owned())]);
    }
}
