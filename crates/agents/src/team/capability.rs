//! What a task needs, against what the members of the team can do.
//!
//! A capability chooses between members. One that no member of the task's role lists, such as a language or a
//! framework that somebody wrote down as a need, can choose nobody: it is told, and counts for nothing. Anybody of the
//! role may do the task then, so no need can keep a task from being done.

/// A task's needs: those that choose, and those that nobody lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Needs<'n> {
    /// Needs that somebody lists.
    pub(crate) listed: Vec<&'n str>,
    /// Needs that nobody lists.
    pub(crate) unlisted: Vec<&'n str>,
}

impl<'n> Needs<'n> {
    /// What these needs come to among members with these capabilities.
    pub(crate) fn among<'m>(needs: &'n [String], members: impl IntoIterator<Item = &'m [String]>) -> Self {
        let members: Vec<&[String]> = members.into_iter().collect();
        let (listed, unlisted) = needs
            .iter()
            .map(String::as_str)
            .partition(|need| members.iter().any(|capabilities| can(capabilities, need)));
        Self { listed, unlisted }
    }

    /// How many of the needs that choose a member with these capabilities lacks.
    pub(crate) fn missing(&self, capabilities: &[String]) -> usize {
        self.listed.iter().filter(|need| !can(capabilities, need)).count()
    }
}

/// Models write `Code` and `code`, and mean the same.
fn can(capabilities: &[String], need: &str) -> bool {
    capabilities.iter().any(|capability| capability.eq_ignore_ascii_case(need.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(words: &str) -> Vec<String> {
        words.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn a_need_chooses_only_where_somebody_lists_it() {
        let members = [list("code review"), list("code sql Python")];
        for (needs, listed, unlisted, missing) in [
            ("", "", "", [0, 0]),
            ("code", "code", "", [0, 0]),
            ("sql", "sql", "", [1, 0]),
            ("Review python", "Review python", "", [1, 1]),
            ("typescript react", "", "typescript react", [0, 0]),
            ("typescript sql", "sql", "typescript", [1, 0]),
        ] {
            let needs_list = list(needs);
            let found = Needs::among(&needs_list, members.iter().map(Vec::as_slice));
            assert_eq!(found.listed.join(" "), listed, "{needs}");
            assert_eq!(found.unlisted.join(" "), unlisted, "{needs}");
            assert_eq!([0, 1].map(|member| found.missing(&members[member])), missing, "{needs}");
        }
        assert_eq!(Needs::among(&list("code"), []).unlisted, ["code"], "an empty team lists nothing");
    }
}
