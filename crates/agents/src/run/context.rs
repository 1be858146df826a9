//! What every node of a run works with: the request, what it is about, and the services.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use syndarix_core::agent::{AgentState, AgentTransition};
use syndarix_core::blob::BlobHash;
use syndarix_core::budget::Attribution;
use syndarix_core::effect::{EffectBegin, EffectIntent, EffectKey, Repeatability};
use syndarix_core::event::{EventKind, NewEvent};
use syndarix_core::id::{AgentId, MessageId};
use syndarix_core::message::{Message, MessageKind};
use syndarix_core::ports::{Blobs, Effects, Journal, PortError};
use syndarix_core::project::Project;
use syndarix_core::task::Task;
use syndarix_core::time::Timestamp;
use syndarix_core::wait::Wait;
use syndarix_graph::NodeError;
use syndarix_store::Store;
use tokio::sync::OnceCell;

use super::request::RunRequest;
use super::roster::{Colleague, Roster};
use super::runner::AgentRunnerOptions;
use super::tools::RunTools;
use crate::context::{Briefing, Entry, Letter, Piece, tokens};
use crate::stage::Stage;
use crate::team::StaffedAgent;

/// Effect indices from here on are a node's own records; the calls of an answer have the lower ones.
pub(super) const RECORDS: u32 = 10_000;

/// One run's surroundings.
pub(crate) struct RunContext {
    pub(crate) options: Arc<AgentRunnerOptions>,
    pub(crate) request: RunRequest,
    pub(crate) project: Project,
    pub(crate) task: Task,
    pub(crate) roster: Arc<Roster>,
    pub(crate) member: StaffedAgent,
    pub(crate) tools: Box<dyn RunTools>,
    /// Contents read or written in this process; addresses never change their content.
    contents: Mutex<HashMap<BlobHash, Arc<[u8]>>>,
    briefing: OnceCell<Briefing>,
}

impl RunContext {
    pub(super) fn new(
        options: Arc<AgentRunnerOptions>,
        request: RunRequest,
        (project, task): (Project, Task),
        (roster, member): (Arc<Roster>, StaffedAgent),
        tools: Box<dyn RunTools>,
    ) -> Self {
        Self {
            options,
            request,
            project,
            task,
            roster,
            member,
            tools,
            contents: Mutex::default(),
            briefing: OnceCell::new(),
        }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.options.store
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.options.clock.now()
    }

    pub(super) fn key(&self, superstep: u32, index: u32) -> EffectKey {
        EffectKey { run: self.request.run.clone(), superstep, index }
    }

    pub(super) fn attribution(&self) -> Attribution {
        Attribution {
            project: self.request.project.clone(),
            sprint: self.request.sprint,
            agent: self.request.agent.clone(),
            task: self.request.task.clone(),
        }
    }

    pub(crate) fn event(&self, kind: EventKind) -> NewEvent {
        NewEvent {
            project: self.request.project.clone(),
            agent: Some(self.request.agent.clone()),
            task: Some(self.request.task.clone()),
            kind,
        }
    }

    /// Everyone in the team, the agent itself too.
    pub(crate) fn colleagues(&self) -> &[Colleague] {
        &self.roster.colleagues
    }

    /// An agent's name for people.
    pub(crate) fn name_of(&self, id: &AgentId) -> String {
        let colleague = self.colleagues().iter().find(|colleague| colleague.id == *id);
        colleague.map_or_else(|| id.to_string(), |colleague| colleague.name.clone())
    }

    /// The id of the member with this name.
    pub(crate) fn id_of(&self, name: &str) -> Option<&AgentId> {
        let mut colleagues = self.colleagues().iter();
        colleagues.find(|colleague| colleague.name.eq_ignore_ascii_case(name)).map(|colleague| &colleague.id)
    }

    pub(super) async fn put(&self, bytes: Vec<u8>) -> Result<BlobHash, NodeError> {
        let kept: Arc<[u8]> = bytes.as_slice().into();
        let hash = Blobs::put(self.store(), bytes).await.map_err(port)?;
        self.contents.lock().unwrap_or_else(PoisonError::into_inner).insert(hash.clone(), kept);
        Ok(hash)
    }

    pub(super) async fn get(&self, hash: &BlobHash) -> Result<Arc<[u8]>, NodeError> {
        let known = self.contents.lock().unwrap_or_else(PoisonError::into_inner).get(hash).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let bytes: Arc<[u8]> = Blobs::get(self.store(), hash).await.map_err(port)?.into();
        let mut contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        contents.insert(hash.clone(), Arc::clone(&bytes));
        Ok(bytes)
    }

    pub(super) async fn read<T: DeserializeOwned>(&self, hash: &BlobHash) -> Result<T, NodeError> {
        let bytes = self.get(hash).await?;
        serde_json::from_slice(&bytes).map_err(|error| {
            NodeError::permanent("what was stored for the run cannot be read").caused_by(error)
        })
    }

    /// The run's briefing, which is the same for every step of it.
    pub(super) async fn briefing(&self, hash: &BlobHash) -> Result<&Briefing, NodeError> {
        self.briefing.get_or_try_init(|| self.read(hash)).await
    }

    /// The conversation with its contents.
    pub(super) async fn pieces(&self, conversation: &[Entry]) -> Result<Vec<Piece>, NodeError> {
        let mut pieces = Vec::with_capacity(conversation.len());
        for entry in conversation {
            pieces.push(match entry {
                Entry::Answer { blob, .. } => Piece::Answer(self.read(blob).await?),
                Entry::ToolResult { call_id, tool, is_error, blob, .. } => Piece::ToolResult {
                    call_id: call_id.clone(),
                    tool: tool.clone(),
                    is_error: *is_error,
                    content: String::from_utf8_lossy(&self.get(blob).await?).into_owned(),
                },
                Entry::Told { blob, .. } => {
                    Piece::Told(String::from_utf8_lossy(&self.get(blob).await?).into_owned())
                }
            });
        }
        Ok(pieces)
    }

    /// Something the agent is told, as part of its conversation.
    pub(super) async fn told(&self, text: &str) -> Result<Entry, NodeError> {
        Ok(Entry::Told { tokens: tokens(text), blob: self.put(text.as_bytes().to_vec()).await? })
    }

    /// A message as the agent reads it.
    pub(crate) async fn letter(&self, message: &Message) -> Result<Letter, PortError> {
        let body = Blobs::get(self.store(), &message.body).await?;
        Ok(Letter {
            kind: message.kind,
            author: message.author().map(|sender| self.name_of(sender)),
            summary: message.summary.clone(),
            body: String::from_utf8_lossy(&body).into_owned(),
            reply_to: self.open_question(message).await?,
        })
    }

    /// What an answer to this message has to name, where this agent's answer is waited for.
    async fn open_question(&self, message: &Message) -> Result<Option<String>, PortError> {
        if message.kind != MessageKind::Query {
            return Ok(None);
        }
        let wait = self.store().wait(&message.id).await?;
        let open = wait.is_some_and(|wait| wait.end.is_none() && wait.target == self.request.agent);
        Ok(open.then(|| self.handle(&message.id)))
    }

    /// A message's id as agents write it: without the project's.
    pub(crate) fn handle(&self, message: &MessageId) -> String {
        let id = message.as_str();
        let within = id.strip_prefix(self.request.project.as_str()).and_then(|rest| rest.strip_prefix('/'));
        within.unwrap_or(id).to_owned()
    }

    /// At [`Stage::Answer`]: the question, whose number is the run's round.
    pub(crate) async fn asked(&self) -> Result<Wait, NodeError> {
        self.store().wait_numbered(&self.request.task, self.request.round).await.map_err(stored)
    }

    /// Moves the agent through its states. Another run of the same agent may have moved it meanwhile; it is
    /// then moved by way of thinking, and left alone where even that is not possible: what an agent shows must
    /// not stop what it does.
    pub(super) async fn announce(&self, transition: AgentTransition) -> Result<(), NodeError> {
        let (agent, task) = (&self.request.agent, Some(&self.request.task));
        if self.request.stage == Stage::Answer {
            // Somebody who answers a question while they wait for something still waits for it.
            let state = self.store().agent(agent).await.map_err(stored)?.state;
            if matches!(state, AgentState::WaitingInput | AgentState::WaitingReview | AgentState::Blocked) {
                return Ok(());
            }
        }
        for step in [transition, AgentTransition::Think, transition] {
            match self.store().transition_agent(agent, step, task).await {
                Ok(_) if step == transition => return Ok(()),
                Ok(_) | Err(syndarix_store::Error::IllegalTransition { .. }) => {}
                Err(error) => return Err(stored(error)),
            }
        }
        tracing::warn!(%agent, ?transition, "the agent's state could not be shown");
        Ok(())
    }

    /// Records facts once, however often the step is tried.
    pub(super) async fn record_once(&self, key: EffectKey, events: Vec<EventKind>) -> Result<(), NodeError> {
        let events: Vec<NewEvent> = events.into_iter().map(|kind| self.event(kind)).collect();
        let intent = EffectIntent {
            key,
            name: "record".to_owned(),
            request: Vec::new(),
            repeatability: Repeatability::Idempotent,
        };
        let store = self.store();
        if !matches!(store.begin(&intent).await.map_err(port)?, EffectBegin::Recorded(_)) {
            store.complete(&intent.key, b"", events).await.map_err(port)?;
        }
        Ok(())
    }

    /// Records a fact; a step that is tried again records it again.
    pub(super) async fn record(&self, kind: EventKind) -> Result<(), NodeError> {
        self.store().append(vec![self.event(kind)]).await.map_err(port)
    }

    /// Performs an effect once: a recorded result is returned, and everything else is performed. What `perform`
    /// does must be the same when it is done twice.
    pub(crate) async fn once<T, F>(
        &self,
        key: &EffectKey,
        name: &str,
        request: &impl Serialize,
        perform: F,
    ) -> Result<T, NodeError>
    where
        T: Serialize + DeserializeOwned,
        F: Future<Output = Result<(T, Vec<NewEvent>), NodeError>>,
    {
        let intent = EffectIntent {
            key: key.clone(),
            name: name.to_owned(),
            request: serde_json::to_vec(request).expect("requests are plain data with string keys"),
            repeatability: Repeatability::Idempotent,
        };
        if let EffectBegin::Recorded(bytes) = self.store().begin(&intent).await.map_err(port)? {
            return serde_json::from_slice(&bytes)
                .map_err(|error| NodeError::permanent("a recorded result cannot be read").caused_by(error));
        }
        let (result, events) = perform.await?;
        let bytes = serde_json::to_vec(&result).expect("results are plain data with string keys");
        self.store().complete(key, &bytes, events).await.map_err(port)?;
        Ok(result)
    }
}

pub(crate) fn port(error: PortError) -> NodeError {
    NodeError {
        message: "storage failed".to_owned(),
        retryable: error.retryable,
        source: Some(Box::new(error)),
    }
}

pub(crate) fn stored(error: syndarix_store::Error) -> NodeError {
    NodeError {
        message: "storage failed".to_owned(),
        retryable: error.retryable(),
        source: Some(Box::new(error)),
    }
}

/// Minutes as a duration.
pub(super) fn minutes(count: u32) -> Duration {
    Duration::from_secs(u64::from(count) * 60)
}
