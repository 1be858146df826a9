//! Names for members that the team file does not name: from the role's pool, and then numbered.

use std::collections::BTreeSet;

use syndarix_core::role::Role;

/// The names of a role's members, in the order in which they are given.
fn pool(role: Role) -> &'static [&'static str] {
    match role {
        Role::ProductOwner => &["Olivia", "Marcus", "Ingrid"],
        Role::BusinessAnalyst => &["Bianca", "Rafael", "Mei"],
        Role::Architect => &["Arthur", "Leila", "Sven"],
        Role::ProjectManager => &["Priya", "Jonas", "Carmen"],
        Role::Engineer => &["Dave", "Ellis", "Kate", "Noor", "Tomas", "Yuki", "Femi", "Lena", "Hugo", "Zara"],
        Role::Qa => &["Quinn", "Vera", "Samir"],
        Role::DevOps => &["Omar", "Greta", "Pavel"],
    }
}

/// The first name of the role's pool that is not taken; once all are, `Dave-2` and so on. `taken` holds names
/// in lower case.
pub(super) fn next(role: Role, taken: &BTreeSet<String>) -> String {
    let pool = pool(role);
    // Of one more candidate than there are names taken, one is free.
    let turns = taken.len() / pool.len() + 1;
    (1..=turns)
        .flat_map(|turn| pool.iter().map(move |name| (turn, *name)))
        .map(|(turn, name)| if turn == 1 { name.to_owned() } else { format!("{name}-{turn}") })
        .find(|name| !taken.contains(&name.to_lowercase()))
        .expect("there are more candidates than names taken")
}

/// Why a text cannot be a member's name, if it cannot. Names become parts of ids and branch names.
pub(super) fn refuse(name: &str) -> Option<&'static str> {
    if name.is_empty() || name.len() > 32 {
        return Some("a name has 1 to 32 characters");
    }
    if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Some("a name has only ASCII letters, digits and hyphens");
    }
    if !name.as_bytes()[0].is_ascii_alphabetic() {
        return Some("a name begins with a letter");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_that_is_used_up_is_numbered() {
        let mut taken = BTreeSet::from(["ellis".to_owned()]);
        let names: Vec<String> = (0..12)
            .map(|_| {
                let name = next(Role::Engineer, &taken);
                taken.insert(name.to_lowercase());
                name
            })
            .collect();
        assert_eq!(
            names,
            [
                "Dave", "Kate", "Noor", "Tomas", "Yuki", "Femi", "Lena", "Hugo", "Zara", "Dave-2", "Ellis-2",
                "Kate-2"
            ]
        );
    }

    #[test]
    fn no_two_pools_share_a_name() {
        let mut seen = BTreeSet::new();
        for role in Role::ALL {
            for name in pool(role) {
                assert!(seen.insert(name) && refuse(name).is_none(), "{name}");
            }
        }
    }
}
