//! The backlog: proposed tasks are checked together, then created in the order of their dependencies.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use syndarix_core::id::TaskId;
use syndarix_core::role::Role;
use syndarix_core::task::{Check, Task, TaskKind};
use syndarix_core::tool::ToolCall;
use syndarix_graph::NodeError;
use syndarix_store::NewTask;

use super::{Judged, Performed, arguments};
use crate::run::context::{RunContext, stored};
use crate::stage::Stage;
use crate::team::{Needs, Team, suggest};

/// The most tasks of one call. More than that is not a backlog anyone can plan with.
const MAX_TASKS: usize = 40;
const MAX_TITLE_CHARACTERS: usize = 120;
/// The most tests that a task names. Who wants more names their file or class.
const MAX_NAMED_TESTS: usize = 50;
const MAX_TEST_CHARACTERS: usize = 200;

#[derive(Deserialize)]
struct Proposals {
    tasks: Vec<Proposal>,
}

/// A task as proposed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Proposal {
    pub(super) slug: String,
    pub(super) title: String,
    pub(super) description: String,
    pub(super) role: Option<String>,
    pub(super) needs: Option<Vec<String>>,
    pub(super) depends_on: Option<Vec<String>>,
    pub(super) check: Option<Vec<String>>,
    pub(super) must_pass: Option<Vec<String>>,
}

pub(super) async fn propose(run: &RunContext, call: &ToolCall) -> Result<Judged<Performed>, NodeError> {
    let proposals: Proposals = match arguments(call) {
        Ok(proposals) => proposals,
        Err(problem) => return Ok(Err(problem)),
    };
    let kind = if run.request.stage == Stage::Qa { TaskKind::Defect } else { TaskKind::Development };
    Ok(create(run, kind, &proposals.tasks).await?.map(|tasks| {
        let keys: Vec<String> = tasks.iter().map(|(slug, id)| format!("{slug} is {}", id.key())).collect();
        let mut said = vec![format!("In the backlog: {}.", keys.join(", "))];
        said.extend(unlisted(&run.roster.team, &proposals.tasks));
        let mut done = Performed::saying(said.join(" "));
        done.tasks = tasks.into_iter().map(|(_, id)| id).collect();
        done
    }))
}

/// Checks and creates tasks; returns them by slug in the order of their dependencies.
pub(super) async fn create(
    run: &RunContext,
    kind: TaskKind,
    proposals: &[Proposal],
) -> Result<Judged<Vec<(String, TaskId)>>, NodeError> {
    let existing = run.store().tasks(&run.request.project).await.map_err(stored)?;
    let order = match check(&run.roster.team, &existing, proposals) {
        Ok(order) => order,
        Err(problem) => return Ok(Err(problem)),
    };
    let mut ids: BTreeMap<&str, TaskId> =
        existing.iter().map(|task| (task.slug.as_str(), task.id.clone())).collect();
    let mut created = Vec::new();
    for proposal in order {
        let depends_on =
            proposal.depends_on.iter().flatten().filter_map(|slug| ids.get(slug.as_str()).cloned());
        let check = proposal.check.clone().filter(|words| !words.is_empty()).map(|command| Check { command });
        let task = run
            .store()
            .create_task(NewTask {
                project: run.request.project.clone(),
                kind,
                slug: proposal.slug.clone(),
                title: proposal.title.trim().to_owned(),
                description: proposal.description.trim().to_owned(),
                role: role(proposal),
                needs: proposal.needs.clone().unwrap_or_default(),
                depends_on: depends_on.collect(),
                check: check.or_else(|| run.project.check.clone()),
                must_pass: proposal.must_pass.clone().unwrap_or_default(),
                sprint: None,
            })
            .await
            .map_err(stored)?;
        ids.insert(&proposal.slug, task.id.clone());
        created.push((proposal.slug.clone(), task.id));
    }
    Ok(Ok(created))
}

/// The proposals in the order of their dependencies, or the first thing that is wrong with them.
pub(super) fn check<'p>(
    team: &Team,
    existing: &[Task],
    proposals: &'p [Proposal],
) -> Result<Vec<&'p Proposal>, String> {
    if proposals.is_empty() {
        return Err("there is no task in `tasks`".to_owned());
    }
    if proposals.len() > MAX_TASKS {
        return Err(format!(
            "{} tasks are more than a backlog should have; the limit is {MAX_TASKS}",
            proposals.len()
        ));
    }
    let mut slugs = BTreeSet::new();
    for proposal in proposals {
        one(team, existing, proposal)?;
        if !slugs.insert(proposal.slug.as_str()) {
            return Err(format!("two tasks have the slug `{}`", proposal.slug));
        }
    }
    for proposal in proposals {
        for dependency in proposal.depends_on.iter().flatten() {
            if dependency == &proposal.slug {
                return Err(format!("`{dependency}` depends on itself"));
            }
            let known = slugs.contains(dependency.as_str())
                || existing.iter().any(|task| task.slug == *dependency && task.kind.changes_code());
            if !known {
                let all = slugs.iter().copied().chain(existing.iter().map(|task| task.slug.as_str()));
                let hint = suggest(dependency, all).map(|hint| format!("; {hint}")).unwrap_or_default();
                return Err(format!(
                    "`{}` depends on `{dependency}`, which is not a task{hint}",
                    proposal.slug
                ));
            }
        }
    }
    in_order(proposals)
}

fn one(team: &Team, existing: &[Task], proposal: &Proposal) -> Result<(), String> {
    let slug = &proposal.slug;
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if slug.len() < 2
        || slug.len() > 40
        || !slug.bytes().all(allowed)
        || slug.starts_with('-')
        || slug.ends_with('-')
    {
        return Err(format!(
            "`{slug}` is not a slug; use 2 to 40 lower-case letters, digits and hyphens, as in parse-flag"
        ));
    }
    if proposal.title.trim().is_empty() || proposal.title.chars().count() > MAX_TITLE_CHARACTERS {
        return Err(format!("the title of `{slug}` must have 1 to {MAX_TITLE_CHARACTERS} characters"));
    }
    if proposal.description.trim().is_empty() {
        return Err(format!(
            "the description of `{slug}` is empty; say what is to be done and how one sees that it is"
        ));
    }
    if proposal.check.iter().flatten().any(String::is_empty) {
        return Err(format!(
            "the check of `{slug}` has an empty word; give the program and its arguments one by one"
        ));
    }
    let named = proposal.must_pass.as_deref().unwrap_or_default();
    if named.len() > MAX_NAMED_TESTS {
        return Err(format!(
            "`{slug}` names {} tests in must_pass; the limit is {MAX_NAMED_TESTS}: name their file or class",
            named.len()
        ));
    }
    let is_a_name =
        |name: &&String| name.contains(char::is_alphanumeric) && name.chars().count() <= MAX_TEST_CHARACTERS;
    if let Some(name) = named.iter().find(|name| !is_a_name(name)) {
        return Err(format!(
            "`{name}` in must_pass of `{slug}` is not a test's name; give up to {MAX_TEST_CHARACTERS} characters of it, as \
             its runner prints it"
        ));
    }
    // A step that is tried again meets the task it created; anything else of that name is another task.
    let same =
        |task: &Task| task.title == proposal.title.trim() && task.description == proposal.description.trim();
    if let Some(task) = existing.iter().find(|task| task.slug == *slug)
        && (task.state.is_final() || !same(task))
    {
        return Err(format!(
            "the slug `{slug}` is taken by {} \"{}\"; choose another",
            task.id.key(),
            task.title
        ));
    }
    let role = proposal.role.as_deref().unwrap_or(Role::Engineer.as_str());
    let role: Role = role.parse().map_err(|_| {
        let hint =
            suggest(role, Role::ALL.map(Role::as_str)).map(|hint| format!("; {hint}")).unwrap_or_default();
        format!("`{slug}` is for the role `{role}`, which there is not{hint}")
    })?;
    let members: Vec<_> = team.agents.iter().filter(|agent| agent.role == role).collect();
    if members.is_empty() {
        return Err(format!("`{slug}` is for the role `{role}`, and nobody in the team has it"));
    }
    Ok(())
}

/// Needs that choose nobody, because nobody in the team lists them, said once for each role.
fn unlisted(team: &Team, proposals: &[Proposal]) -> Vec<String> {
    let mut said: BTreeMap<Role, BTreeSet<&str>> = BTreeMap::new();
    for proposal in proposals {
        let role = role(proposal);
        let members = team.agents.iter().filter(|agent| agent.role == role);
        let needs = proposal.needs.as_deref().unwrap_or_default();
        let needs = Needs::among(needs, members.map(|agent| agent.capabilities.as_slice()));
        said.entry(role).or_default().extend(needs.unlisted);
    }
    let said = said.into_iter().filter(|(_, needs)| !needs.is_empty());
    said.map(|(role, needs)| {
        let needs: Vec<&str> = needs.into_iter().collect();
        format!(
            "No {0} lists {1} as a capability, so any {0} may do what needs it.",
            role.title(),
            needs.join(", ")
        )
    })
    .collect()
}

/// Who does the proposed work; proposals with a role that there is not are refused before this is asked.
fn role(proposal: &Proposal) -> Role {
    proposal.role.as_deref().and_then(|role| role.parse().ok()).unwrap_or(Role::Engineer)
}

/// Dependencies first, otherwise as proposed.
fn in_order(proposals: &[Proposal]) -> Result<Vec<&Proposal>, String> {
    let mut waiting: Vec<&Proposal> = proposals.iter().collect();
    let mut ordered: Vec<&Proposal> = Vec::new();
    while !waiting.is_empty() {
        let slugs: BTreeSet<&str> = waiting.iter().map(|proposal| proposal.slug.as_str()).collect();
        let (ready, rest): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|proposal| {
            !proposal.depends_on.iter().flatten().any(|slug| slugs.contains(slug.as_str()))
        });
        if ready.is_empty() {
            let circle: Vec<&str> = rest.iter().map(|proposal| proposal.slug.as_str()).collect();
            return Err(format!("these tasks wait for one another in a circle: {}", circle.join(", ")));
        }
        ordered.extend(ready);
        waiting = rest;
    }
    Ok(ordered)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};

    fn proposal(slug: &str, depends_on: &[&str]) -> Proposal {
        Proposal {
            slug: slug.into(),
            title: "A title".into(),
            description: "What to do".into(),
            depends_on: Some(depends_on.iter().map(|slug| (*slug).to_owned()).collect()),
            ..Proposal::default()
        }
    }

    fn judge(proposals: &[Proposal], expected: Expect) {
        let answer = match check(&Team::default_team(), &[], proposals) {
            Ok(order) => order.iter().map(|proposal| proposal.slug.as_str()).collect::<Vec<_>>().join(" "),
            Err(problem) => problem,
        };
        expected.assert_eq(&answer);
    }

    #[test]
    fn backlogs_are_ordered_or_refused_with_the_reason() {
        judge(
            &[proposal("c-c", &["b-b"]), proposal("b-b", &["a-a"]), proposal("a-a", &[])],
            expect!["a-a b-b c-c"],
        );
        judge(&[], expect!["there is no task in `tasks`"]);
        judge(
            &[proposal("Parse Flag", &[])],
            expect![
                "`Parse Flag` is not a slug; use 2 to 40 lower-case letters, digits and hyphens, as in parse-flag"
            ],
        );
        judge(&[proposal("same", &[]), proposal("same", &[])], expect!["two tasks have the slug `same`"]);
        judge(
            &[proposal("parse-flag", &[]), proposal("output", &["parse-flags"])],
            expect!["`output` depends on `parse-flags`, which is not a task; did you mean `parse-flag`?"],
        );
        judge(&[proposal("one", &["one"])], expect!["`one` depends on itself"]);
        judge(
            &[proposal("free", &[]), proposal("one", &["two"]), proposal("two", &["one"])],
            expect!["these tasks wait for one another in a circle: one, two"],
        );
        judge(
            &[Proposal { role: Some("enginer".into()), ..proposal("one", &[]) }],
            expect!["`one` is for the role `enginer`, which there is not; did you mean `engineer`?"],
        );
        judge(&[Proposal { needs: Some(vec!["python".into()]), ..proposal("one", &[]) }], expect!["one"]);
        judge(
            &[Proposal { description: " ".into(), ..proposal("one", &[]) }],
            expect!["the description of `one` is empty; say what is to be done and how one sees that it is"],
        );
        judge(
            &[Proposal { must_pass: Some(vec!["tests/test_a.py::test_b".into()]), ..proposal("one", &[]) }],
            expect!["one"],
        );
        judge(
            &[Proposal { must_pass: Some(vec!["::".into()]), ..proposal("one", &[]) }],
            expect![
                "`::` in must_pass of `one` is not a test's name; give up to 200 characters of it, as its runner prints it"
            ],
        );
        judge(
            &[Proposal { must_pass: Some(vec!["test".into(); 51]), ..proposal("one", &[]) }],
            expect!["`one` names 51 tests in must_pass; the limit is 50: name their file or class"],
        );
    }

    #[test]
    fn needs_that_choose_nobody_are_told_and_refuse_nothing() {
        let needing = |slug, role: &str, needs: &[&str]| Proposal {
            role: Some(role.into()),
            needs: Some(needs.iter().map(|need| (*need).to_owned()).collect()),
            ..proposal(slug, &[])
        };
        let backlog = [
            needing("a-a", "engineer", &["code", "typescript"]),
            needing("b-b", "engineer", &["react", "typescript"]),
            needing("c-c", "dev_ops", &["packaging"]),
        ];
        let said = unlisted(&Team::default_team(), &backlog).join("\n");
        expect!["No Engineer lists react, typescript as a capability, so any Engineer may do what needs it."]
            .assert_eq(&said);
    }
}
