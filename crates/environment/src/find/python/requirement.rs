//! Python's requirements: their names, and Poetry's form of them.

/// The normalised name of a requirement; empty where it is an option, a path or an address.
pub(super) fn name(requirement: &str) -> String {
    let requirement = requirement.trim();
    if requirement.starts_with(['-', '.', '/', '#']) {
        return String::new();
    }
    let end = requirement
        .find(|character: char| !character.is_ascii_alphanumeric() && !"-_.".contains(character))
        .unwrap_or(requirement.len());
    let rest = requirement[end..].trim_start();
    if rest.starts_with([':', '/', '+']) {
        return String::new();
    }
    normalised(&requirement[..end])
}

pub(super) fn normalised(name: &str) -> String {
    name.to_lowercase().replace(['_', '.'], "-")
}

/// A dependency of Poetry or Pipenv as pip takes it; `None` where it lies in the repository or is Python itself.
pub(super) fn converted(name: &str, value: &toml::Value) -> Option<String> {
    if name == "python" {
        return None;
    }
    let table = value.as_table();
    let text = |key: &str| table.and_then(|table| table.get(key)).and_then(toml::Value::as_str);
    if text("path").is_some() {
        return None;
    }
    let extras: Vec<&str> = table
        .and_then(|table| table.get("extras")?.as_array())
        .map(|extras| extras.iter().filter_map(toml::Value::as_str).collect())
        .unwrap_or_default();
    let extras = if extras.is_empty() { String::new() } else { format!("[{}]", extras.join(",")) };
    if let Some(git) = text("git") {
        let at = text("rev").or_else(|| text("tag")).or_else(|| text("branch"));
        return Some(format!(
            "{name}{extras} @ git+{git}{}",
            at.map(|at| format!("@{at}")).unwrap_or_default()
        ));
    }
    let version = value.as_str().or_else(|| text("version")).unwrap_or("*");
    let markers = text("markers").map(|markers| format!(" ; {markers}")).unwrap_or_default();
    Some(format!("{name}{extras}{}{markers}", constraint(version)))
}

/// Poetry's `^1.2`, `~1.2`, `1.2` and `*` in pip's language.
fn constraint(version: &str) -> String {
    // pip has no alternatives; the last is the newest.
    let version = version.rsplit("||").next().unwrap_or_default().trim();
    let piece = |piece: &str| {
        let piece = piece.trim();
        let operator_end = piece.find(|character: char| !"<>=!~^".contains(character)).unwrap_or(piece.len());
        let (operator, number) = piece.split_at(operator_end);
        let number = number.trim();
        let numbers = super::super::version::numbers(number).unwrap_or_default();
        let below = |at: usize| {
            let mut numbers: Vec<u64> = numbers.iter().copied().take(at + 1).collect();
            numbers.resize(at + 1, 0);
            numbers[at] += 1;
            numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(".")
        };
        match operator {
            _ if number.is_empty() || number == "*" => String::new(),
            "^" => {
                let first =
                    numbers.iter().position(|number| *number > 0).unwrap_or(numbers.len().saturating_sub(1));
                format!(">={number},<{}", below(first))
            }
            "~" => format!(">={number},<{}", below(usize::from(numbers.len() > 1))),
            "" => format!("=={number}"),
            operator => format!("{operator}{number}"),
        }
    };
    let pieces: Vec<String> = version.split(',').map(piece).filter(|piece| !piece.is_empty()).collect();
    pieces.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requirement_has_a_name() {
        for (requirement, expected) in [
            ("pytest>=7", "pytest"),
            ("Zope.Interface [test] ; python_version < '3.9'", "zope-interface"),
            ("name @ https://example.org/name.whl", "name"),
            ("git+https://example.org/x.git", ""),
            ("https://example.org/x.whl", ""),
            ("-r other.txt", ""),
            (". [test]", ""),
        ] {
            assert_eq!(name(requirement), expected, "{requirement}");
        }
    }

    #[test]
    fn poetry_s_constraints_become_pip_s() {
        for (version, expected) in [
            ("^1.2", ">=1.2,<2"),
            ("^0.2.3", ">=0.2.3,<0.3"),
            ("~1.2.3", ">=1.2.3,<1.3"),
            ("*", ""),
            ("1.2", "==1.2"),
            ("1.*", "==1.*"),
            (">=1, <3", ">=1,<3"),
            ("^6 || ^7", ">=7,<8"),
        ] {
            assert_eq!(constraint(version), expected, "{version}");
        }
    }
}
