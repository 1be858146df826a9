//! Who reports to whom: always a tree, never a cycle.

use std::collections::BTreeMap;

/// The names along the first cycle there is, beginning and ending with the same name.
pub(super) fn cycle(reports_to: &[(String, Option<String>)]) -> Option<Vec<String>> {
    let leads: BTreeMap<&str, &str> = reports_to
        .iter()
        .filter_map(|(name, lead)| lead.as_ref().map(|lead| (name.as_str(), lead.as_str())))
        .collect();
    for (start, _) in reports_to {
        let mut path = vec![start.as_str()];
        while let Some(lead) = leads.get(path[path.len() - 1]) {
            if *lead == start {
                path.push(lead);
                return Some(path.into_iter().map(str::to_owned).collect());
            }
            // A cycle that does not lead back here is found from one of its own members.
            if path.contains(lead) {
                break;
            }
            path.push(lead);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cycles_are_found_from_their_own_members() {
        let case = |pairs: &[(&str, &str)]| {
            let reports: Vec<_> = pairs
                .iter()
                .map(|(name, lead)| (String::from(*name), (!lead.is_empty()).then(|| String::from(*lead))))
                .collect();
            cycle(&reports).map(|names| names.join(" "))
        };
        assert_eq!(case(&[("a", ""), ("b", "a"), ("c", "b")]), None);
        assert_eq!(case(&[("a", "a")]).as_deref(), Some("a a"));
        assert_eq!(case(&[("x", "a"), ("a", "b"), ("b", "c"), ("c", "a")]).as_deref(), Some("a b c a"));
    }
}
