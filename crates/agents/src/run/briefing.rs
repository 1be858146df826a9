//! Beginning a run: what the agent is told is gathered once and kept, so that a step that is tried again sends the
//! same request whatever happened in the project meanwhile.

use std::collections::BTreeSet;

use syndarix_core::id::{MessageId, TaskId};
use syndarix_core::message::{Author, Message, MessageKind};
use syndarix_core::ports::{Blobs, PortError};
use syndarix_core::task::Task;

use super::context::RunContext;
use super::state::RunState;
use crate::context::{BriefingInput, Document, LISTED_TASKS, Letter};
use crate::error::Error;
use crate::stage::Stage;
use crate::team_tools::TeamTool;

/// Model calls that an answer may take: reading a document or two, the answer, and being told what is wrong with it.
const ANSWER_STEPS: u32 = 6;

/// The state a run begins with: its briefing, stored, and the messages that are in it.
pub(super) async fn begin(run: &RunContext) -> Result<RunState, Error> {
    let store = run.store();
    let request = &run.request;
    let brief = Blobs::get(store, &run.project.brief).await?;
    let agenda = store.agenda(&request.project, LISTED_TASKS).await?;
    let depended_on = depended_on(run, &agenda).await?;
    let answers = request.stage == Stage::Answer;
    let inbox = if answers { asked(run).await? } else { store.inbox(&request.agent).await? };
    let feedback: Vec<Message> = if !answers && (request.stage == Stage::Develop || request.round > 1) {
        store.feedback_on(&request.task, &request.agent).await?
    } else {
        Vec::new()
    };
    let told: Vec<&MessageId> = feedback.iter().map(|message| &message.id).collect();
    let unread: Vec<Message> = inbox.iter().filter(|message| !told.contains(&&message.id)).cloned().collect();
    let mut said = letters(run, &feedback).await?;
    if request.stage == Stage::Review {
        said.extend(earlier_reviews(run).await?);
    }
    let memory = store.recall(&request.agent, run.now()).await?;
    let input = BriefingInput {
        project: &run.project,
        brief: &String::from_utf8_lossy(&brief),
        team: &run.roster.team,
        member: &run.member,
        agent_type: run.roster.team.agent_type(&run.member),
        task: &run.task,
        stage: request.stage,
        // The rounds of an answer only number the questions.
        round: if answers { 1 } else { request.round },
        sprint: request.sprint,
        has_workspace: request.workspace.is_some(),
        network: run.options.network,
        surroundings: &request.surroundings,
        agenda: &agenda,
        depended_on: &depended_on,
        documents: &documents(run).await?,
        feedback: &said,
        inbox: &letters(run, &unread).await?,
        memory: &memory,
    };
    let mut tools = TeamTool::specs_at(request.stage);
    if !answers {
        tools.extend(run.tools.specs());
    }
    let mut briefing = input.write(tools);
    if answers {
        briefing.limits.steps = briefing.limits.steps.min(ANSWER_STEPS);
    }
    let bytes = serde_json::to_vec(&briefing).expect("a briefing is plain data with string keys");
    let stored = Blobs::put(store, bytes).await?;
    Ok(RunState::new(stored, inbox.into_iter().map(|message| message.id).collect()))
}

/// The question to be answered. Other letters wait for the agent's own work.
async fn asked(run: &RunContext) -> Result<Vec<Message>, Error> {
    let wait = run.store().wait_numbered(&run.request.task, run.request.round).await?;
    Ok(vec![run.store().message(&wait.message).await?])
}

/// What the task and those that are listed build on, as far as it is not listed itself.
async fn depended_on(run: &RunContext, agenda: &[Task]) -> Result<Vec<Task>, Error> {
    let listed: BTreeSet<&TaskId> = agenda.iter().map(|task| &task.id).collect();
    let wanted: BTreeSet<&TaskId> =
        agenda.iter().chain([&run.task]).flat_map(|task| &task.depends_on).collect();
    let missing = wanted.difference(&listed).map(|id| (*id).clone()).collect();
    Ok(run.store().tasks_by_id(missing).await?)
}

/// What earlier rounds said about the change, whoever reviewed it then: points that were made are not made again,
/// and not forgotten.
async fn earlier_reviews(run: &RunContext) -> Result<Vec<Letter>, Error> {
    let reviews = run.store().reviews(&run.request.task).await?;
    let earlier = reviews.into_iter().filter(|review| review.round < run.request.round);
    Ok(earlier
        .map(|review| {
            let verdict = if review.approved { "accepted" } else { "sent back" };
            Letter {
                kind: MessageKind::Feedback,
                author: Author::Agent(run.name_of(&review.reviewer)),
                summary: format!("Review {} of this change: {verdict}", review.round),
                body: review.comment,
                reply_to: None,
            }
        })
        .collect())
}

async fn letters(run: &RunContext, messages: &[Message]) -> Result<Vec<Letter>, PortError> {
    let mut letters = Vec::with_capacity(messages.len());
    for message in messages {
        letters.push(run.letter(message).await?);
    }
    Ok(letters)
}

async fn documents(run: &RunContext) -> Result<Vec<Document>, Error> {
    let mut documents = Vec::new();
    for artifact in run.store().artifacts(&run.request.project).await? {
        let text = Blobs::get(run.store(), &artifact.content).await?;
        documents.push(Document { name: artifact.name, text: String::from_utf8_lossy(&text).into_owned() });
    }
    Ok(documents)
}
