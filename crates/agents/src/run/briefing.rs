//! Beginning a run: what the agent is told is gathered once and kept, so that a step that is tried again sends the
//! same request whatever happened in the project meanwhile.

use syndarix_core::id::MessageId;
use syndarix_core::message::{Message, MessageKind};
use syndarix_core::ports::{Blobs, PortError};

use super::context::RunContext;
use super::state::RunState;
use crate::context::{BriefingInput, Document, Letter};
use crate::error::Error;
use crate::stage::Stage;
use crate::team_tools::TeamTool;

/// The state a run begins with: its briefing, stored, and the messages that are in it.
pub(super) async fn begin(run: &RunContext) -> Result<RunState, Error> {
    let store = run.store();
    let request = &run.request;
    let brief = Blobs::get(store, &run.project.brief).await?;
    let tasks = store.tasks(&request.project).await?;
    let inbox = store.inbox(&request.agent).await?;
    let feedback: Vec<Message> = if request.stage == Stage::Develop || request.round > 1 {
        let about_this = |message: &Message| {
            message.kind == MessageKind::Feedback
                && message.task.as_ref() == Some(&request.task)
                && message.target.as_ref() == Some(&request.agent)
        };
        store.messages(&request.project).await?.into_iter().filter(about_this).collect()
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
        team: &run.team,
        member: &run.member,
        agent_type: run.team.agent_type(&run.member),
        task: &run.task,
        stage: request.stage,
        round: request.round,
        sprint: request.sprint,
        has_workspace: request.workspace.is_some(),
        tasks: &tasks,
        documents: &documents(run).await?,
        feedback: &said,
        inbox: &letters(run, &unread).await?,
        memory: &memory,
    };
    let mut tools = TeamTool::specs_at(request.stage);
    tools.extend(run.tools.specs());
    let briefing = input.write(tools);
    let bytes = serde_json::to_vec(&briefing).expect("a briefing is plain data with string keys");
    let stored = Blobs::put(store, bytes).await?;
    Ok(RunState::new(stored, inbox.into_iter().map(|message| message.id).collect()))
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
                from: Some(run.name_of(&review.reviewer)),
                summary: format!("Review {} of this change: {verdict}", review.round),
                body: review.comment,
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
