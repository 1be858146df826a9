//! Versions, and what is asked of them in the languages of the package managers.

/// The numbers at the beginning of a version; `None` where it does not begin with one.
pub(super) fn numbers(version: &str) -> Option<Vec<u64>> {
    let version = version.trim().trim_start_matches(['v', 'V', '=']);
    let version = version.strip_prefix("go").unwrap_or(version);
    let mut numbers = Vec::new();
    for piece in version.split(['.', '-', '+', '_']) {
        let digits: String = piece.chars().take_while(char::is_ascii_digit).collect();
        let Ok(number) = digits.parse() else { break };
        numbers.push(number);
        if digits.len() < piece.len() {
            break;
        }
    }
    // The first Javas with a number of their own were called 1.8 and the like.
    (!numbers.is_empty()).then_some(numbers)
}

/// Whether a version meets what is asked: `>=3.9,<4`, `^18 || >=20`, `3.11`, `20.x`, `~> 2.7`, `18 - 20`. What this does
/// not understand, such as `lts/*` or `pypy3.9`, is met by every version.
pub(super) fn meets(version: &str, asked: &str) -> bool {
    let Some(version) = numbers(version) else { return true };
    asked.split("||").any(|alternative| meets_all(&version, alternative))
}

fn meets_all(version: &[u64], asked: &str) -> bool {
    if let Some((low, high)) = asked.split_once(" - ") {
        return compare(version, ">=", low) && compare(version, "<=", high);
    }
    let mut operator = "";
    // An operator may stand apart from its version.
    asked.split([',', ' ']).filter(|piece| !piece.is_empty()).all(|piece| {
        let end = piece.find(|character: char| !"<>=!~^".contains(character)).unwrap_or(piece.len());
        let (found, number) = piece.split_at(end);
        let found = if found.is_empty() { operator } else { found };
        if number.is_empty() {
            operator = found;
            return true;
        }
        operator = "";
        compare(version, found, number)
    })
}

fn compare(version: &[u64], operator: &str, asked: &str) -> bool {
    let Some(asked) = numbers(asked) else { return true };
    let padded = |numbers: &[u64]| (0..3).map(|at| numbers.get(at).copied().unwrap_or(0)).collect::<Vec<_>>();
    let begins_with = |length: usize| {
        let length = length.clamp(1, asked.len());
        version.iter().take(length).eq(asked.iter().take(length)) && padded(version) >= padded(&asked)
    };
    match operator {
        ">=" => padded(version) >= padded(&asked),
        // `<=3.12` is meant to allow 3.12.4.
        "<=" => version.iter().take(asked.len()).copied().collect::<Vec<_>>() <= asked,
        ">" => version.iter().take(asked.len()).copied().collect::<Vec<_>>() > asked,
        "<" => padded(version) < padded(&asked),
        "!=" => !version.iter().take(asked.len()).eq(asked.iter()),
        "^" => begins_with(if asked[0] == 0 { 2 } else { 1 }),
        "~=" | "~>" => begins_with(asked.len() - 1),
        "~" => begins_with(2),
        _ => version.iter().take(asked.len()).eq(asked.iter()),
    }
}

/// How far apart two versions are, the first number counting most.
pub(super) fn distance(one: &str, other: &str) -> [u64; 3] {
    let (one, other) = (numbers(one).unwrap_or_default(), numbers(other).unwrap_or_default());
    let number = |numbers: &[u64], at: usize| numbers.get(at).copied().unwrap_or(0);
    [0, 1, 2].map(|at| number(&one, at).abs_diff(number(&other, at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_met_or_not() {
        for (version, asked, met) in [
            ("3.11.7", ">=3.9", true),
            ("3.11.7", ">=3.9,<3.11", false),
            ("3.11.7", ">= 3.8, != 3.9.*", true),
            ("3.11.7", "3.11", true),
            ("3.11.7", "3.1", false),
            ("3.11.7", "3.11.x", true),
            ("3.12.4", "<=3.12", true),
            ("3.12.4", "~=3.10", true),
            ("3.9.1", "~=3.10", false),
            ("20.1.0", "^18 || >=20", true),
            ("19.1.0", "^18 || >=20", false),
            ("19.1.0", "18 - 20", true),
            ("20.1.0", "20.x", true),
            ("v22.1.0", ">=18.0.0", true),
            ("0.3.1", "^0.2", false),
            ("20.1.0", "lts/*", true),
            ("17.0.2", "17", true),
            ("3.1.4", "~> 3.1.2", true),
        ] {
            assert_eq!(meets(version, asked), met, "{version} {asked}");
        }
    }
}
