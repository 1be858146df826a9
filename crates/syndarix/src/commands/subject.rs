//! What a command such as `syndarix show p-1 T-3` is about: a project, and something of it. Either may be left out.

use syndarix_core::id::ProjectId;
use syndarix_core::project::Project;
use syndarix_core::task::Task;
use syndarix_store::Store;

use crate::cli::{Global, ProjectArgument};
use crate::config::nearest;
use crate::failure::Failure;
use crate::output::Output;
use crate::records;

/// Where the answer is.
#[derive(Debug)]
pub(crate) struct Subject {
    /// The records.
    pub(crate) store: Store,
    /// The project.
    pub(crate) project: Project,
    /// What of it was named, as it was written.
    pub(crate) part: Option<String>,
}

/// Finds the project that these words name, or the one that is meant without a name; `None` where there is no project
/// yet, which has been said.
pub(crate) async fn find(
    first: Option<String>,
    second: Option<String>,
    global: &Global,
    output: &Output,
) -> Result<Option<Subject>, Failure> {
    let ids: Vec<ProjectId> = match records::open(global).await? {
        Some(store) => {
            let projects = store.projects().await.map_err(records::refused)?;
            projects.into_iter().map(|project| project.id).collect()
        }
        None => Vec::new(),
    };
    let (project, part) = tell_apart(first, second, &ids);
    let found = records::listing(global, &ProjectArgument { project }, output).await?;
    Ok(found.map(|(store, project)| Subject { store, project, part }))
}

/// Which of the words names a project, and which a part of it. A single word is a project's where one begins with it,
/// unless it is a task's; `PROJECT/T-3` is both.
fn tell_apart(
    first: Option<String>,
    second: Option<String>,
    projects: &[ProjectId],
) -> (Option<String>, Option<String>) {
    match (first, second) {
        (Some(word), None) => match word.split_once('/') {
            Some((project, part)) => (Some(project.to_owned()), Some(part.to_owned())),
            None if !is_task_key(&word) && projects.iter().any(|id| id.as_str().starts_with(&word)) => {
                (Some(word), None)
            }
            None => (None, Some(word)),
        },
        words => words,
    }
}

/// Whether a word has the shape of a task's key: `T-3`.
fn is_task_key(word: &str) -> bool {
    let number = word.strip_prefix("T-").or_else(|| word.strip_prefix("t-"));
    number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The task of these that a word names, by its key or by the name the team gave it.
pub(crate) fn task<'a>(tasks: &'a [Task], word: &str) -> Option<&'a Task> {
    tasks.iter().find(|task| task.id.key().eq_ignore_ascii_case(word) || task.slug == word)
}

/// That a word names nothing of a project, with the most similar name there is and what else could be named.
pub(crate) fn unknown(project: &ProjectId, what: &str, word: &str, names: &[String]) -> Failure {
    /// So many names still help; a project may have hundreds of tasks.
    const SHOWN: usize = 12;
    let failure = Failure::bad_input(format!("there is no {what} `{word}` in {project}"));
    if names.is_empty() {
        return failure.hint("there is nothing to name yet; see `syndarix status`");
    }
    let more = if names.len() > SHOWN { format!(" and {} more", names.len() - SHOWN) } else { String::new() };
    let list = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match nearest(word, names.iter().map(String::as_str)) {
        Some(name) => failure.hint(format!("did you mean `{name}`? there are {list}{more}")),
        None => failure.hint(format!("there are {list}{more}; `syndarix projects` lists the projects")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_word_is_a_project_or_a_part_of_one() {
        let projects = ["vision-board-1a2b3c", "t-shirt-0d0e0f"].map(|id| ProjectId::new(id).expect("an id"));
        for (words, expected) in [
            ("", (None, None)),
            ("vision-board-1a2b3c", (Some("vision-board-1a2b3c"), None)),
            ("vision-b", (Some("vision-b"), None)),
            ("requirements", (None, Some("requirements"))),
            ("T-3", (None, Some("T-3"))),
            ("t-shirt", (Some("t-shirt"), None)),
            ("t-3", (None, Some("t-3"))),
            ("vision-b/T-3", (Some("vision-b"), Some("T-3"))),
            ("nothing delivery", (Some("nothing"), Some("delivery"))),
        ] {
            let mut given = words.split_whitespace().map(str::to_owned);
            let (project, part) = tell_apart(given.next(), given.next(), &projects);
            assert_eq!((project.as_deref(), part.as_deref()), expected, "{words}");
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_nearest() {
        let project = ProjectId::new("p-1").expect("an id");
        let names = ["vision.md", "requirements.md", "T-1"].map(str::to_owned);
        let said = unknown(&project, "document or task", "requirement", &names).render(false);
        assert!(said.contains("did you mean `requirements.md`?"), "{said}");
        assert!(unknown(&project, "task", "x", &[]).render(false).contains("hint:"));
    }
}
