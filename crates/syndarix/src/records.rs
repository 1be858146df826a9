//! Reading a data directory for listings, while a service may be working on it.

use std::collections::BTreeMap;

use syndarix_core::approval::{Approval, ApprovalState};
use syndarix_core::event::Event;
use syndarix_core::id::{AgentId, ApprovalId, ProjectId};
use syndarix_core::ports::Blobs as _;
use syndarix_core::project::Project;
use syndarix_store::{Error as StoreError, EventQuery, Store};

use crate::cli::{Global, ProjectArgument};
use crate::failure::Failure;
use crate::output::Output;

/// How many events are read at a time.
const EVENT_PAGE: u32 = 1_000;

/// Opens the data for reading; `None` where there is none yet.
pub(crate) async fn open(global: &Global) -> Result<Option<Store>, Failure> {
    match Store::open_read_only(&global.data_dir).await {
        Ok(store) => Ok(Some(store)),
        Err(StoreError::NoData { .. }) => Ok(None),
        Err(error) => Err(refused(error)),
    }
}

/// Opens the data for reading, where a command is about something that must be there.
pub(crate) async fn open_existing(global: &Global) -> Result<Store, Failure> {
    Store::open_read_only(&global.data_dir).await.map_err(refused)
}

/// The project that was named, by its id or an unambiguous beginning of it; without a name the only one that
/// is not over, or else the one that began last.
pub(crate) async fn project(store: &Store, named: Option<&str>) -> Result<Project, Failure> {
    let projects = store.projects().await.map_err(refused)?;
    choose(projects, named)
}

fn choose(mut projects: Vec<Project>, named: Option<&str>) -> Result<Project, Failure> {
    let Some(name) = named else {
        projects.sort_by_key(|project| (project.state.is_final(), std::cmp::Reverse(project.created_at)));
        let none =
            || Failure::bad_input("there is no project yet").hint("start one with `syndarix run BRIEF.md`");
        return projects.into_iter().next().ok_or_else(none);
    };
    if let Some(position) = projects.iter().position(|project| project.id.as_str() == name) {
        return Ok(projects.swap_remove(position));
    }
    let ids: Vec<String> = projects.iter().map(|project| project.id.to_string()).collect();
    let mut matching = projects.into_iter().filter(|project| project.id.as_str().starts_with(name));
    match (matching.next(), matching.next()) {
        (Some(project), None) => Ok(project),
        (Some(_), Some(_)) => Err(Failure::bad_input(format!("more than one project begins with `{name}`"))
            .hint(format!("the projects are {}", ids.join(", ")))),
        (None, _) => {
            let failure = Failure::bad_input(format!("there is no project `{name}`"));
            Err(if ids.is_empty() {
                failure.hint("start one with `syndarix run BRIEF.md`")
            } else {
                failure.hint(format!("the projects are {}", ids.join(", ")))
            })
        }
    }
}

/// The approval that was named: in full (`PROJECT/A-2`), or by its key (`A-2`) where that means one pending
/// approval, or one at all.
pub(crate) async fn approval(store: &Store, named: &str) -> Result<Approval, Failure> {
    if named.contains('/') {
        let id: ApprovalId =
            named.parse().map_err(|error| Failure::bad_input("this is not an approval").because(error))?;
        return store.approval(&id).await.map_err(refused);
    }
    let all = store.approvals(None).await.map_err(refused)?;
    choose_approval(all, named)
}

fn choose_approval(all: Vec<Approval>, key: &str) -> Result<Approval, Failure> {
    let mut matching: Vec<Approval> =
        all.into_iter().filter(|approval| approval.id.key().eq_ignore_ascii_case(key)).collect();
    if matching.iter().any(|approval| approval.state == ApprovalState::Pending) {
        matching.retain(|approval| approval.state == ApprovalState::Pending);
    }
    if matching.len() > 1 {
        let ids: Vec<&str> = matching.iter().map(|approval| approval.id.as_str()).collect();
        return Err(Failure::bad_input(format!("`{key}` could be several approvals"))
            .hint(format!("name one in full: {}", ids.join(", "))));
    }
    matching.pop().ok_or_else(|| {
        Failure::bad_input(format!("there is no approval `{key}`"))
            .hint("see `syndarix approvals` for what waits")
    })
}

/// What a human is shown, as text.
pub(crate) async fn shown(store: &Store, approval: &Approval) -> Result<String, Failure> {
    let bytes = store
        .get(&approval.shown)
        .await
        .map_err(|error| Failure::internal("what the approval shows cannot be read").because(error))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// All events after `after`, of one project or of all.
pub(crate) async fn events(
    store: &Store,
    project: Option<&ProjectId>,
    after: u64,
) -> Result<Vec<Event>, Failure> {
    let mut all = Vec::new();
    let mut after = after;
    loop {
        let query = EventQuery { after, limit: EVENT_PAGE, project: project.cloned() };
        let page = store.events(query).await.map_err(refused)?;
        let Some(last) = page.last() else { return Ok(all) };
        after = last.seq;
        all.extend(page);
    }
}

/// The names of a project's agents.
pub(crate) async fn names(store: &Store, project: &ProjectId) -> Result<BTreeMap<AgentId, String>, Failure> {
    let agents = store.agents(project).await.map_err(refused)?;
    Ok(agents.into_iter().map(|agent| (agent.id, agent.name)).collect())
}

/// What the store refuses, in a person's terms: most of it is about what was given or where the data is, the
/// rest is ours to answer for.
#[expect(clippy::needless_pass_by_value, reason = "the shape `map_err` asks for")]
pub(crate) fn refused(error: StoreError) -> Failure {
    let ours = matches!(
        error,
        StoreError::Database(_)
            | StoreError::Stopped { .. }
            | StoreError::OpenedReadOnly
            | StoreError::IllegalTransition { .. }
            | StoreError::IllegalTaskState { .. }
            | StoreError::Unproven { .. }
    );
    let hint = error.hint();
    let message = error.to_string();
    let mut failure = if ours { Failure::internal(message) } else { Failure::bad_input(message) };
    if let Some(hint) = hint {
        failure = failure.hint(hint);
    }
    match std::error::Error::source(&error) {
        Some(source) => {
            let source = source.to_string();
            failure.because(source)
        }
        None => failure,
    }
}

/// The store and the project of a listing. Where there is no data at all, a listing of nothing was written and
/// there is nothing left to do.
pub(crate) async fn listing(
    global: &Global,
    argument: &ProjectArgument,
    output: &Output,
) -> Result<Option<(Store, Project)>, Failure> {
    let nothing = || if output.is_json() { output.line("[]") } else { output.line("No project yet.") };
    let Some(store) = open(global).await? else {
        if argument.project.is_some() {
            return Err(refused(StoreError::NoData { path: global.data_dir.clone() }));
        }
        return nothing().map(|()| None);
    };
    if argument.project.is_none() && store.projects().await.map_err(refused)?.is_empty() {
        return nothing().map(|()| None);
    }
    let project = project(&store, argument.project.as_deref()).await?;
    Ok(Some((store, project)))
}
