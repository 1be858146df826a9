//! A session: one run's tools.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use syndarix_core::effect::{EffectBegin, EffectIntent, EffectKey, Repeatability};
use syndarix_core::event::{EventKind, NewEvent};
use syndarix_core::permission::CallScope;
use syndarix_core::ports::{Effects, Journal, PortError};
use syndarix_core::tool::{Risk, ToolCall, ToolOutput, ToolSpec};

use crate::connection::{Answer, CallError};
use crate::error::Error;
use crate::git::trailers;
use crate::mcp;
use crate::policy::{Denied, Nature, Pattern, Policy, Reach};
use crate::schema;
use crate::set_up::{self, SetUp};
use crate::toolbox::{SessionRequest, ToolboxOptions};
use crate::workspace::Workspace;
use crate::workspace_server::{CommandEnd, META_EFFECT, META_REPEATED, WorkspaceOptions, WorkspaceTool};

/// How many characters of a call's arguments the journal keeps; the whole request is in the effect.
const SHOWN_CHARS: usize = 200;

/// How much longer than its command's limit a workspace call may take.
const SLACK: Duration = Duration::from_mins(1);

/// What a human decided about a call that may or may not have happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Orphan {
    /// Perform it (again).
    Repeat,
    /// Take it as done, and tell the model so.
    AssumeDone,
}

/// One run's tools: every call is checked against policy and schema, happens once, and is journalled.
pub struct Session {
    request: SessionRequest,
    policy: Policy,
    reach: Reach,
    effects: Arc<dyn Effects>,
    journal: Arc<dyn Journal>,
    workspace: Option<Workspace>,
    specs: Vec<ToolSpec>,
    tools: HashMap<String, Tool>,
}

/// A tool that exists, whether or not the role may call it.
#[derive(Debug, Clone)]
struct Tool {
    spec: ToolSpec,
    qualified: String,
    target: Target,
    permitted: Result<(), Denied>,
}

#[derive(Debug, Clone)]
enum Target {
    Workspace(WorkspaceTool),
    Remote { server: Arc<mcp::Server>, name: String },
    SetUp(Arc<dyn SetUp>),
}

/// A call that was found to be sound.
struct Sound<'a> {
    tool: &'a Tool,
    arguments: Map<String, Value>,
    nature: Nature,
}

/// A call that is answered without being made.
struct Unsound {
    answer: String,
    event: EventKind,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("request", &self.request).finish_non_exhaustive()
    }
}

impl Session {
    pub(crate) fn open(
        options: &ToolboxOptions,
        (servers, set_up): (&[Arc<mcp::Server>], Option<&Arc<dyn SetUp>>),
        enforces: bool,
        request: SessionRequest,
    ) -> Result<Self, Error> {
        let audiences = servers.iter().map(|server| (server.name(), server.audience()));
        let scopes = mcp::scopes(&request.scopes, &request.holder, audiences);
        let scopes = scopes.iter().map(|text| Pattern::parse(text)).collect::<Result<Vec<_>, _>>();
        let scopes = scopes.map_err(|error| Error::Configuration(error.to_string()))?;
        let policy = options.policy.clone();
        let reach = Reach::of(policy.sandbox, enforces, request.network);
        let workspace = request.root.as_ref().map(|root| workspace(options, &request, root)).transpose()?;

        let own = WorkspaceTool::ALL
            .into_iter()
            .filter(|tool| workspace.as_ref().is_some_and(|workspace| tool.is_offered(workspace.options())))
            .map(|tool| (tool.spec(), format!("workspace.{}", tool.name()), Target::Workspace(tool)));
        let remote = servers.iter().flat_map(|server| {
            server.tools.iter().map(|tool| {
                let target = Target::Remote { server: Arc::clone(server), name: tool.name.clone() };
                (tool.spec.clone(), tool.qualified.clone(), target)
            })
        });
        let set_up = set_up.filter(|_| workspace.is_some()).map(|set_up| {
            (set_up::spec(), set_up::QUALIFIED_NAME.to_owned(), Target::SetUp(Arc::clone(set_up)))
        });
        let mut specs = Vec::new();
        let mut tools = HashMap::new();
        for (spec, qualified, target) in own.chain(set_up).chain(remote) {
            let permitted = policy.permit(&scopes, &qualified);
            if permitted.is_ok() {
                specs.push(spec.clone());
            }
            tools.insert(spec.name.clone(), Tool { spec, qualified, target, permitted });
        }
        let (effects, journal) = (Arc::clone(&options.effects), Arc::clone(&options.journal));
        Ok(Self { request, policy, reach, effects, journal, workspace, specs, tools })
    }

    /// The tools this session allows, as models see them.
    pub fn specs(&self) -> &[ToolSpec] {
        &self.specs
    }

    /// How risky this very call is. A call that will be refused is not risky.
    pub fn risk(&self, call: &ToolCall) -> Risk {
        self.examine(call).map_or(Risk::Low, |sound| sound.nature.risk)
    }

    /// The calls that a human may allow together with this one; `None` where they are not offered.
    pub fn scope(&self, call: &ToolCall) -> Option<CallScope> {
        let sound = self.examine(call).ok()?;
        self.policy.scope(&sound.tool.qualified, &sound.arguments)
    }

    /// Performs a call once. What a model can mend comes back as an output that is an error. A call whose
    /// earlier attempt was interrupted is repeated where that is harmless; else it is
    /// [`Error::UnknownEffect`] until a human has decided.
    pub async fn call(&self, key: &EffectKey, call: &ToolCall) -> Result<ToolOutput, Error> {
        self.perform(key, call, None).await
    }

    /// Performs a call about whose earlier attempt a human has decided.
    pub async fn call_decided(
        &self,
        key: &EffectKey,
        call: &ToolCall,
        orphan: Orphan,
    ) -> Result<ToolOutput, Error> {
        self.perform(key, call, Some(orphan)).await
    }

    /// Ends the workspace server and all it started. Dropping the session does the same without waiting.
    pub async fn close(self) {
        if let Some(workspace) = &self.workspace {
            workspace.close().await;
        }
    }

    async fn perform(
        &self,
        key: &EffectKey,
        call: &ToolCall,
        decided: Option<Orphan>,
    ) -> Result<ToolOutput, Error> {
        let examined = self.examine(call);
        let repeatability =
            examined.as_ref().map_or(Repeatability::ReadOnly, |sound| sound.nature.repeatability);
        let intent = EffectIntent {
            key: key.clone(),
            name: format!("tool:{}", call.name),
            request: serde_json::to_vec(&(&call.name, &call.arguments)).map_err(encoding)?,
            repeatability,
        };
        let repeated = match self.effects.begin(&intent).await? {
            EffectBegin::Recorded(result) => return serde_json::from_slice(&result).map_err(decoding),
            EffectBegin::Fresh => false,
            EffectBegin::Orphaned => true,
        };
        let sound = match examined {
            Ok(sound) => sound,
            Err(Unsound { answer, event }) => {
                return self.complete(key, ToolOutput::error(answer), event).await;
            }
        };
        let started = Instant::now();
        let output = match (repeated, decided) {
            (true, None) if repeatability == Repeatability::Once => return Err(unknown_effect(key, call)),
            (true, Some(Orphan::AssumeDone)) => ToolOutput::ok(
                "This call was interrupted and its result is lost. A person looked and says that it happened.",
            ),
            _ => self.execute(key, call, &sound, repeated).await?,
        };
        let event = EventKind::ToolCalled {
            tool: call.name.clone(),
            arguments: shorten(&call.arguments),
            is_error: output.is_error,
            exit_code: output.exit_code,
            duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        };
        self.complete(key, output, event).await
    }

    /// Finds the tool and checks the arguments, without doing anything.
    fn examine(&self, call: &ToolCall) -> Result<Sound<'_>, Unsound> {
        let malformed = |answer: String| Unsound {
            event: EventKind::MalformedAction { problem: format!("{}: {answer}", call.name) },
            answer,
        };
        let Some(tool) = self.tools.get(&call.name) else {
            let names: Vec<&str> = self.specs.iter().map(|spec| spec.name.as_str()).collect();
            let hint = schema::nearest(&call.name, &names).map_or_else(
                || format!("the tools are {}", names.join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            return Err(malformed(format!("there is no tool `{}`; {hint}", call.name)));
        };
        if let Err(denied) = &tool.permitted {
            let reason = denied.to_string();
            return Err(Unsound {
                answer: format!("{reason}; work without it, or hand the work to someone who may"),
                event: EventKind::ToolDenied { tool: call.name.clone(), reason },
            });
        }
        let arguments = arguments(&call.arguments).map_err(malformed)?;
        schema::check(&tool.spec.input_schema, &arguments)
            .map_err(|problem| malformed(format!("{problem}; {} was not called", call.name)))?;
        let nature = Nature { risk: tool.spec.risk, repeatability: tool.spec.repeatability };
        let repeatable = &self.request.repeatable_commands;
        let mut nature = self.policy.classify(&tool.qualified, nature, &arguments, repeatable, self.reach);
        if matches!(tool.target, Target::SetUp(_)) {
            let command = set_up::command(&arguments).map_err(malformed)?;
            if self.request.set_up_allowed && command.is_none() {
                nature.risk = Risk::Low;
            }
        }
        Ok(Sound { tool, arguments, nature })
    }

    /// Makes the call. A server that is found gone is started again and asked once more: always where it never heard of the
    /// call, and otherwise where the call may be repeated.
    async fn execute(
        &self,
        key: &EffectKey,
        call: &ToolCall,
        sound: &Sound<'_>,
        repeated: bool,
    ) -> Result<ToolOutput, Error> {
        let answered = match self.attempt(key, sound, repeated).await? {
            Err(CallError::Lost(reason)) => {
                let text = format!("the server of {} ended during a call: {reason}", call.name);
                self.journal.append(vec![self.event(EventKind::Note { text })]).await?;
                if sound.nature.repeatability == Repeatability::Once {
                    return Err(unknown_effect(key, call));
                }
                self.attempt(key, sound, true).await?
            }
            Err(CallError::NotSent(_)) => self.attempt(key, sound, repeated).await?,
            other => other,
        };
        Ok(match answered {
            Ok(answer) => output(answer),
            Err(CallError::Refused(reason)) => ToolOutput::error(format!("{} failed: {reason}", call.name)),
            Err(CallError::TimedOut) => ToolOutput::error(format!(
                "{} did not answer in time and was cancelled; whether it had an effect is not known",
                call.name
            )),
            Err(CallError::NotSent(reason)) => {
                ToolOutput::error(format!("{} was not called: its server is gone, {reason}", call.name))
            }
            // Sent again after it could not be sent, and then lost.
            Err(CallError::Lost(_)) if sound.nature.repeatability == Repeatability::Once => {
                return Err(unknown_effect(key, call));
            }
            Err(CallError::Lost(_)) => {
                ToolOutput::error(format!("{} ended its server twice; call it in another way", call.name))
            }
        })
    }

    async fn attempt(
        &self,
        key: &EffectKey,
        sound: &Sound<'_>,
        repeated: bool,
    ) -> Result<Result<Answer, CallError>, Error> {
        let meta = self.meta(key, repeated);
        match &sound.tool.target {
            Target::SetUp(set_up) => self.set_up(set_up.as_ref(), sound).await.map(Ok),
            Target::Remote { server, name } => Ok(server.call(name, sound.arguments.clone(), meta).await),
            Target::Workspace(tool) => {
                let workspace = self.workspace()?;
                let connection = workspace.connection().await?;
                let limits = &workspace.options().limits;
                let timeout = Duration::from_millis(limits.command_timeout_max_ms).saturating_add(SLACK);
                let bytes = limits.output_bytes.max(limits.read_bytes).saturating_mul(2);
                Ok(connection.call(tool.name(), sound.arguments.clone(), meta, timeout, bytes).await)
            }
        }
    }

    /// Has dependencies installed. The server is ended before, so that nothing of the agent's runs meanwhile, and starts with
    /// what was made.
    async fn set_up(&self, set_up: &dyn SetUp, sound: &Sound<'_>) -> Result<Answer, Error> {
        let workspace = self.workspace()?;
        workspace.close().await;
        let request = SessionRequest { prepared: workspace.prepared(), ..self.request.clone() };
        let end = match set_up::command(&sound.arguments) {
            Ok(Some(command)) => set_up.run(&request, command).await?,
            Ok(None) => set_up.install(&request).await?,
            Err(problem) => return Err(Error::Configuration(problem)),
        };
        if let Some(prepared) = end.prepared {
            workspace.refit(prepared);
        }
        let output_bytes = end.text.len() as u64;
        let ended = end.exit_code.map(|exit_code| CommandEnd {
            exit_code,
            duration_ms: 0,
            output_bytes,
            stopped: None,
        });
        let structured = ended.map(serde_json::to_value).transpose().map_err(encoding)?;
        Ok(Answer { text: end.text, is_error: !end.succeeded, structured })
    }

    fn workspace(&self) -> Result<&Workspace, Error> {
        let missing = || Error::Configuration("a session without a worktree has no workspace tools".into());
        self.workspace.as_ref().ok_or_else(missing)
    }

    /// What every call carries beside a model's arguments.
    fn meta(&self, key: &EffectKey, repeated: bool) -> Vec<(&'static str, Value)> {
        let mut meta = vec![
            ("syndarix/project", self.request.project.as_str().into()),
            ("syndarix/agent", self.request.agent.as_str().into()),
            (META_EFFECT, key.to_string().into()),
            (META_REPEATED, repeated.into()),
        ];
        meta.extend(self.request.task.as_ref().map(|task| ("syndarix/task", task.as_str().into())));
        meta
    }

    async fn complete(
        &self,
        key: &EffectKey,
        output: ToolOutput,
        event: EventKind,
    ) -> Result<ToolOutput, Error> {
        let result = serde_json::to_vec(&output).map_err(encoding)?;
        self.effects.complete(key, &result, vec![self.event(event)]).await?;
        Ok(output)
    }

    fn event(&self, kind: EventKind) -> NewEvent {
        NewEvent {
            project: self.request.project.clone(),
            agent: Some(self.request.agent.clone()),
            task: self.request.task.clone(),
            kind,
        }
    }
}

fn workspace(
    options: &ToolboxOptions,
    request: &SessionRequest,
    root: &std::path::Path,
) -> Result<Workspace, Error> {
    let root = root.canonicalize().map_err(|source| Error::Path { path: root.to_owned(), source })?;
    let policy = &options.policy;
    let agent = request.agent.as_str().rsplit('/').next().unwrap_or_default();
    let mut trailers = vec![(trailers::AGENT.to_owned(), agent.to_owned())];
    trailers.extend(request.task.as_ref().map(|task| (trailers::TASK.to_owned(), task.to_string())));
    let server = WorkspaceOptions {
        root,
        scratch: request.scratch.clone(),
        read_only: policy.read_only.iter().chain(&request.read_only).cloned().collect(),
        network: request.network,
        sandbox: policy.sandbox,
        limits: policy.limits.clone(),
        prepared: request.prepared.clone(),
        signature: request.signature.clone(),
        trailers,
    };
    Ok(Workspace::new(options.launcher.clone(), server))
}

/// A call's arguments as an object. A model that sends no JSON is told so.
fn arguments(given: &Value) -> Result<Map<String, Value>, String> {
    match given {
        Value::Object(object) => Ok(object.clone()),
        Value::Null => Ok(Map::new()),
        Value::String(text) if text.trim().is_empty() => Ok(Map::new()),
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(Value::Object(object)) => Ok(object),
            Ok(_) => Err("the arguments must be a JSON object".into()),
            Err(error) => Err(format!("the arguments are not JSON: {error}")),
        },
        _ => Err("the arguments must be a JSON object".into()),
    }
}

fn output(answer: Answer) -> ToolOutput {
    let end = answer.structured.and_then(|end| serde_json::from_value::<CommandEnd>(end).ok());
    ToolOutput { content: answer.text, is_error: answer.is_error, exit_code: end.map(|end| end.exit_code) }
}

fn unknown_effect(key: &EffectKey, call: &ToolCall) -> Error {
    Error::UnknownEffect { key: key.clone(), tool: call.name.clone(), arguments: shorten(&call.arguments) }
}

/// The arguments for people. Long texts in them are cut each, so that what comes after is still seen.
fn shorten(arguments: &Value) -> String {
    fn cut(value: &Value) -> Cow<'_, Value> {
        match value {
            Value::String(text) if text.chars().count() > SHOWN_CHARS / 3 => {
                let kept: String = text.chars().take(SHOWN_CHARS / 3).collect();
                Cow::Owned(Value::String(format!("{kept}…")))
            }
            Value::Object(object) => {
                Cow::Owned(object.iter().map(|(key, value)| (key.clone(), cut(value).into_owned())).collect())
            }
            other => Cow::Borrowed(other),
        }
    }
    let text = cut(arguments).to_string();
    if text.chars().count() <= SHOWN_CHARS {
        return text;
    }
    let kept: String = text.chars().take(SHOWN_CHARS).collect();
    format!("{kept}…")
}

fn encoding(error: serde_json::Error) -> PortError {
    PortError {
        message: "a tool call cannot be encoded".into(),
        retryable: false,
        source: Some(error.into()),
    }
}

fn decoding(error: serde_json::Error) -> Error {
    let message = "a recorded tool result cannot be read".into();
    PortError { message, retryable: false, source: Some(error.into()) }.into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn long_arguments_are_cut_each() {
        let shown = shorten(&json!({"content": "x".repeat(1000), "path": "src/lib.rs"}));
        assert!(shown.contains("src/lib.rs"), "{shown}");
        assert!(shown.chars().count() <= SHOWN_CHARS + 1);
    }

    #[test]
    fn arguments_may_come_as_text() {
        assert!(arguments(&json!("{\"path\": \"a\"}")).is_ok());
        assert!(arguments(&Value::Null).is_ok());
        assert!(arguments(&json!("{\"path\": ")).unwrap_err().contains("not JSON"));
        assert!(arguments(&json!([1])).is_err());
    }
}
