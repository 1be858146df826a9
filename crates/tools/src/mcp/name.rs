//! Names for models: `[a-zA-Z0-9_-]{1,64}`, as providers require, made from names that may be anything.

use std::collections::HashSet;

use syndarix_core::blob::BlobHash;

/// The longest name providers take.
const LONGEST: usize = 64;

/// A name for a server's tool that none of `taken` has. A name that had to be cut, or that another tool has
/// already, ends in digits of the original's hash, so that it stays the same from run to run.
pub(super) fn exposed(server: &str, tool: &str, taken: &HashSet<String>) -> String {
    let clean = |text: &str| -> String {
        text.chars()
            .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') { c } else { '_' })
            .collect()
    };
    let name = format!("mcp_{}_{}", clean(server), clean(tool));
    if name.len() <= LONGEST && !taken.contains(&name) {
        return name;
    }
    let hash = BlobHash::of(format!("{server}\0{tool}").as_bytes());
    let kept = name.len().min(LONGEST - hash.short().len() - 1);
    format!("{}_{}", &name[..kept], hash.short())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_providers_take() {
        let none = HashSet::new();
        assert_eq!(exposed("git", "log", &none), "mcp_git_log");
        assert_eq!(exposed("my.server", "read file", &none), "mcp_my_server_read_file");
        let long = exposed("server", &"x".repeat(100), &none);
        assert_eq!(long.len(), LONGEST);
        let taken = HashSet::from(["mcp_a_b_c".to_owned()]);
        let second = exposed("a", "b_c", &taken);
        assert!(second.starts_with("mcp_a_b_c_") && second.len() <= LONGEST, "{second}");
        assert!(second.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'));
    }
}
