//! One workflow that does what a list of steps says and answers with what it saw, so that a test is a
//! list of steps and what is expected of them.

use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use temporalio_common::RetryPolicy;
use temporalio_common::search_attributes::SearchAttributeKey;
use temporalio_macros::{activities, workflow, workflow_methods};
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use temporalio_sdk::{
    ActivityCancellationType, ActivityExecutionError, ActivityOptions, ApplicationFailure, CancellableFuture,
    ChildWorkflowExecutionError, ChildWorkflowOptions, ContinueAsNewOptions, LocalActivityOptions, MemoValue,
    ParentClosePolicy, SignalWorkflowOptions, SyncWorkflowContext, WorkerOptions, WorkflowCancellationToken,
    WorkflowContext, WorkflowContextView, WorkflowResult, WorkflowTermination,
};

pub const KEYWORD: SearchAttributeKey<String> = SearchAttributeKey::keyword(KEYWORD_NAME);
pub const KEYWORD_NAME: &str = "CustomKeywordField";

/// One thing for the workflow to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Step {
    Activity(Act),
    /// As many at once.
    Parallel(u32),
    /// Starts the activity and cancels it a moment later.
    CancelActivity(Act),
    Local,
    Timer(u64),
    CancelTimer,
    /// Waits until as many signals have come in all.
    Signals(usize),
    /// Waits until as many words have been pushed in all.
    Words(usize),
    Child {
        id: String,
        steps: Vec<Step>,
        close: Close,
        then: Then,
    },
    SignalOther(String),
    CancelOther(String),
    Patch(String),
    Upsert,
    Memo,
    Fail(String),
    ContinueAsNew(Vec<Step>),
    UntilCancelled,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Close {
    Terminate,
    Abandon,
    Cancel,
}

/// What becomes of a started child.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Then {
    Await,
    Cancel,
    Leave,
}

/// An activity to run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Act {
    pub does: Does,
    /// Zero: no limit.
    pub attempts: u32,
    pub start_to_close_ms: Option<u64>,
    pub schedule_to_close_ms: Option<u64>,
    pub schedule_to_start_ms: Option<u64>,
    pub heartbeat_ms: Option<u64>,
    pub queue: Option<String>,
    pub key: String,
}

/// What the activity does.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub enum Does {
    #[default]
    Answer,
    /// Fails until this attempt.
    FailUntil(u32),
    /// Fails for good.
    FailFinally,
    /// Takes a second; gives up when it is told that it is cancelled.
    Hang,
    /// As `Hang`, with heartbeats.
    Beat,
    /// Beats once and hangs in the first attempt; answers with what it had beaten in the second.
    Resume,
}

#[derive(Clone, Debug, Default)]
pub struct Acts {
    pub runs: Arc<Mutex<HashMap<String, u32>>>,
    pub total: Arc<AtomicU32>,
}

#[activities]
impl Acts {
    #[activity]
    pub async fn act(self: Arc<Self>, ctx: ActivityContext, act: Act) -> Result<String, ActivityError> {
        self.total.fetch_add(1, Ordering::Relaxed);
        *self.runs.lock().expect("not poisoned").entry(act.key.clone()).or_default() += 1;
        let attempt = ctx.info().attempt;
        match act.does {
            Does::Answer => Ok(format!("done {}", act.key)),
            Does::FailUntil(until) if attempt < until => {
                Err(ApplicationFailure::new(anyhow(&format!("attempt {attempt}"))).into())
            }
            Does::FailUntil(_) => Ok(format!("done at attempt {attempt}")),
            Does::FailFinally => Err(ApplicationFailure::non_retryable(anyhow("for good")).into()),
            // Longer than the timeouts under test, short enough for the worker to shut down.
            Does::Hang => {
                let _ = tokio::time::timeout(Duration::from_secs(1), ctx.cancelled()).await;
                Err(ActivityError::cancelled())
            }
            Does::Beat => loop {
                if ctx.is_cancelled() {
                    return Err(ActivityError::cancelled());
                }
                ctx.record_heartbeat(attempt).await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
            },
            Does::Resume if attempt == 1 => {
                ctx.record_heartbeat("half way".to_owned()).await?;
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok("too late".into())
            }
            Does::Resume => {
                let beaten: Option<String> = ctx.heartbeat_details().deserialize()?;
                Ok(format!("resumed from {beaten:?}"))
            }
        }
    }
}

fn anyhow(message: &str) -> Box<dyn std::error::Error + Send + Sync> {
    message.to_owned().into()
}

fn options(act: &Act, token: Option<WorkflowCancellationToken>) -> ActivityOptions {
    let ms = Duration::from_millis;
    let retry = RetryPolicy::builder()
        .initial_interval(ms(10))
        .maximum_interval(ms(20))
        .maximum_attempts(act.attempts)
        .build();
    let limit = ms(act.start_to_close_ms.unwrap_or(20_000));
    let options = match act.schedule_to_close_ms {
        Some(total) => ActivityOptions::with_schedule_to_close_timeout(ms(total)),
        None => ActivityOptions::with_start_to_close_timeout(limit),
    };
    options
        .retry_policy(retry)
        .maybe_task_queue(act.queue.clone())
        .maybe_schedule_to_start_timeout(act.schedule_to_start_ms.map(ms))
        .maybe_heartbeat_timeout(act.heartbeat_ms.map(ms))
        .maybe_cancellation_token(token)
        .cancellation_type(ActivityCancellationType::WaitCancellationCompleted)
        .build()
}

fn told(result: Result<String, ActivityExecutionError>) -> String {
    match result {
        Ok(value) => value,
        Err(error) => {
            let mut text = match &error {
                ActivityExecutionError::Failed(_) => "failed".to_owned(),
                ActivityExecutionError::Cancelled(_) => "cancelled".to_owned(),
                other => format!("{other:?}"),
            };
            let mut cause = error.failure().and_then(|failure| failure.cause.clone());
            while let Some(failure) = cause {
                text.push_str(": ");
                text.push_str(&failure.message);
                cause = failure.cause;
            }
            text
        }
    }
}

/// The type that handles of scripts carry.
pub type ScriptRun = <Script as temporalio_common::HasWorkflowDefinition>::Run;

#[workflow]
#[derive(Default)]
pub struct Script {
    log: Vec<String>,
    signals: Vec<String>,
    words: Vec<String>,
}

#[workflow_methods]
impl Script {
    #[run]
    pub async fn run(ctx: &mut WorkflowContext<Self>, steps: Vec<Step>) -> WorkflowResult<Vec<String>> {
        for step in steps {
            let entry = Self::perform(ctx, step).await?;
            ctx.state_mut(|state| state.log.push(entry));
        }
        let mut log = ctx.state(|state| state.log.clone());
        log.extend(ctx.state(|state| state.words.clone()));
        log.extend(ctx.state(|state| state.signals.clone()));
        Ok(log)
    }

    #[signal]
    pub fn tell(&mut self, _ctx: &mut SyncWorkflowContext<Self>, word: String) {
        self.signals.push("told ".to_owned() + &word);
    }

    #[query]
    pub fn heard(&self, _ctx: &WorkflowContextView, _input: ()) -> Vec<String> {
        self.words.iter().chain(&self.signals).cloned().collect()
    }

    #[update_validator(push)]
    #[expect(clippy::unused_self, clippy::ptr_arg, reason = "what a validator is, for the SDK")]
    fn validate_push(
        &self,
        _ctx: &WorkflowContextView,
        word: &String,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if word.is_empty() { Err(anyhow("a word is not empty")) } else { Ok(()) }
    }

    /// Answers how many words there are.
    #[update]
    pub fn push(&mut self, _ctx: &mut SyncWorkflowContext<Self>, word: String) -> usize {
        self.words.push("pushed ".to_owned() + &word);
        self.words.len()
    }

    #[update]
    pub async fn push_when_told(ctx: &mut WorkflowContext<Self>, word: String) -> usize {
        if ctx.wait_condition(|state: &Self| !state.signals.is_empty()).await.is_err() {
            return 0;
        }
        ctx.state_mut(|state| {
            state.words.push("pushed ".to_owned() + &word);
            state.words.len()
        })
    }
}

impl Script {
    async fn perform(ctx: &mut WorkflowContext<Self>, step: Step) -> Result<String, WorkflowTermination> {
        match step {
            Step::Activity(act) => {
                let options = options(&act, None);
                Ok(told(ctx.execute_activity(Acts::act, act, options).await))
            }
            Step::Parallel(count) => {
                let acts = (0..count).map(|index| {
                    let act = Act { key: index.to_string(), ..Act::default() };
                    let options = options(&act, None);
                    ctx.execute_activity(Acts::act, act, options)
                });
                let results = temporalio_sdk::workflows::join_all(acts).await;
                Ok(format!("{} done", results.into_iter().flatten().count()))
            }
            Step::CancelActivity(act) => {
                let token = WorkflowCancellationToken::new();
                let options = options(&act, Some(token.clone()));
                let running = ctx.execute_activity(Acts::act, act, options);
                let cancelling = async {
                    ctx.timer(Duration::from_millis(50)).await;
                    token.cancel();
                };
                let (result, ()) = temporalio_sdk::workflows::join!(running, cancelling);
                Ok(told(result))
            }
            Step::Local => {
                let options =
                    LocalActivityOptions::builder().start_to_close_timeout(Duration::from_secs(10)).build();
                let act = Act { key: "local".into(), ..Act::default() };
                Ok(told(ctx.execute_local_activity(Acts::act, act, options).await))
            }
            Step::Timer(ms) => {
                ctx.timer(Duration::from_millis(ms)).await;
                Ok("slept".into())
            }
            Step::CancelTimer => {
                let timer = ctx.timer(Duration::from_hours(1));
                ctx.timer(Duration::from_millis(5)).await;
                timer.cancel();
                Ok(format!("{:?}", timer.await))
            }
            Step::Signals(count) => {
                ctx.wait_condition(move |state: &Self| state.signals.len() >= count).await?;
                Ok(format!("{count} signals"))
            }
            Step::Words(count) => {
                ctx.wait_condition(move |state: &Self| state.words.len() >= count).await?;
                Ok(format!("{count} words"))
            }
            Step::Child { id, steps, close, then } => Self::child(ctx, id, steps, close, then).await,
            Step::SignalOther(id) => {
                let other = ctx.external_workflow(id, None);
                let sent =
                    other.signal(Script::tell, "from outside".into(), SignalWorkflowOptions::default());
                Ok(match sent.await {
                    Ok(()) => "signalled".into(),
                    Err(error) => format!("not signalled: {error}"),
                })
            }
            Step::CancelOther(id) => {
                let other = ctx.external_workflow(id, None);
                Ok(match other.cancel(Some("enough".into())).await {
                    Ok(()) => "asked to cancel".into(),
                    Err(error) => format!("not cancelled: {error}"),
                })
            }
            Step::Patch(id) => Ok(format!("patched {}", ctx.patched(&id))),
            Step::Upsert => {
                ctx.upsert_search_attributes([KEYWORD.value_set("second".into())]);
                Ok("upserted".into())
            }
            Step::Memo => {
                ctx.upsert_memo([("colour", Some(MemoValue::new("green")))])
                    .map_err(|error| ApplicationFailure::new(anyhow(&error.to_string())))?;
                Ok("noted".into())
            }
            Step::Fail(message) => Err(ApplicationFailure::new(anyhow(&message)).into()),
            Step::ContinueAsNew(steps) => {
                ctx.continue_as_new(steps, ContinueAsNewOptions::default())?;
                Ok("unreachable".into())
            }
            Step::UntilCancelled => {
                let reason = ctx.cancelled().await;
                Err(WorkflowTermination::cancelled_with_details(reason.unwrap_or_default()))
            }
        }
    }

    async fn child(
        ctx: &mut WorkflowContext<Self>,
        id: String,
        steps: Vec<Step>,
        close: Close,
        then: Then,
    ) -> Result<String, WorkflowTermination> {
        let close = match close {
            Close::Terminate => ParentClosePolicy::Terminate,
            Close::Abandon => ParentClosePolicy::Abandon,
            Close::Cancel => ParentClosePolicy::RequestCancel,
        };
        let options = ChildWorkflowOptions::builder().workflow_id(id).parent_close_policy(close).build();
        let started = match ctx.start_child_workflow(Script::run, steps, options).await {
            Ok(started) => started,
            Err(error) => return Ok(format!("child not started: {error}")),
        };
        match then {
            Then::Leave => return Ok("child left".into()),
            Then::Cancel => started.cancel("by parent".into()),
            Then::Await => {}
        }
        Ok(match started.result().await {
            Ok(log) => format!("child said {log:?}"),
            Err(ChildWorkflowExecutionError::Failed(error)) => {
                let cause = error.failure().cause.as_ref().map(|cause| cause.message.clone());
                format!("child failed: {cause:?}")
            }
            Err(other) => format!("{other}"),
        })
    }
}

/// A worker for scripts on this queue.
pub fn worker(queue: &str) -> WorkerOptions {
    worker_with(queue, Acts::default())
}

pub fn worker_with(queue: &str, acts: Acts) -> WorkerOptions {
    WorkerOptions::new(queue)
        .register_activities(acts)
        .register_workflow::<Script>()
        .expect("the workflow registers")
        .build()
}
