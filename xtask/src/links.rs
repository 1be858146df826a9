//! Links between the repository's documents.

use std::fs;
use std::path::{Path, PathBuf};

/// Fails where a relative link of a Markdown file leads to nothing.
pub(crate) fn check(root: &Path) -> Result<String, String> {
    let mut documents = markdown_files(root, &["target", ".syndarix", ".git"])?;
    documents.sort();
    let mut broken = Vec::new();
    let mut count = 0;
    for document in &documents {
        let text =
            fs::read_to_string(document).map_err(|error| format!("{}: {error}", document.display()))?;
        let folder = document.parent().unwrap_or(root);
        for target in relative_targets(&text) {
            count += 1;
            let path = target.split('#').next().unwrap_or_default();
            if !path.is_empty() && !folder.join(path).exists() {
                let document = document.strip_prefix(root).unwrap_or(document);
                broken.push(format!("{}: `{target}` leads to nothing", document.display()));
            }
        }
    }
    if broken.is_empty() {
        Ok(format!("{} documents and {count} links between them are in order", documents.len()))
    } else {
        Err(broken.join("\n"))
    }
}

fn markdown_files(folder: &Path, skipped: &[&str]) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries {
        let path = entry.map_err(|error| error.to_string())?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && !skipped.contains(&name) {
            found.extend(markdown_files(&path, skipped)?);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
    Ok(found)
}

/// The targets of `[text](target)` outside code blocks, without those that lead out of the repository.
fn relative_targets(text: &str) -> Vec<&str> {
    let mut in_code = false;
    let mut targets = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        let mut rest = line;
        while let Some((_, after)) = rest.split_once("](") {
            let Some((target, after)) = after.split_once(')') else { break };
            if !target.contains("://") && !target.starts_with("mailto:") {
                targets.push(target);
            }
            rest = after;
        }
    }
    targets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_inside_the_repository_count() {
        let text =
            "See [a](docs/a.md#x), [b](https://example.org) and [c](#here).\n```\n[d](no.md)\n```\n[e](e.md)";
        assert_eq!(relative_targets(text), ["docs/a.md#x", "#here", "e.md"]);
    }
}
