//! The host: one worker and one client on a workflow service, and the pump that delivers the store's outbox.

use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use syndarix_core::id::ProjectId;
use syndarix_store::{SignalRecord, Store};
use temporalio_client::errors::{WorkflowInteractionError, WorkflowStartError};
use temporalio_client::{
    Client, ClientOptions, Connection, UntypedSignal, UntypedWorkflow, WorkflowGetResultOptions,
    WorkflowIdReusePolicy, WorkflowQueryOptions, WorkflowSignalOptions, WorkflowStartOptions,
};
use temporalio_common::data_converters::{PayloadConverter, RawValue};
use temporalio_sdk::runtime::RuntimeOptions;
use temporalio_sdk::runtime::worker_tuner::{FixedSizeSlotSupplier, TunerHolder};
use temporalio_sdk::{Runtime, Worker, WorkerOptions, WorkerOptionsBuilder};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::activities::{Activities, ActivitiesOptions};
use crate::agent_task::AgentTaskWorkflow;
use crate::error::Error;
use crate::names;
use crate::project::ProjectWorkflow;
use crate::sprint::SprintWorkflow;
use crate::types::{ProjectInput, ProjectStatus};

/// How often the outbox is looked at without being told to: the bound on a lost wake-up, not the delivery time.
const OUTBOX_PATROL: Duration = Duration::from_secs(5);

/// What a host is made of.
#[derive(Debug)]
pub struct HostOptions {
    /// The workflow service.
    pub connection: Connection,
    /// The namespace to work in.
    pub namespace: String,
    /// The store.
    pub store: Store,
    /// What the activities are made of.
    pub activities: ActivitiesOptions,
    /// The most agents that work at the same moment.
    pub max_concurrent_activities: usize,
}

/// A running host. Dropping it stops nothing in a hurry; call [`Host::shutdown`].
pub struct Host {
    client: Client,
    store: Store,
    stopping: CancellationToken,
    pump: tokio::task::JoinHandle<()>,
    initiate_shutdown: Box<dyn Fn() + Send + Sync>,
    worker: Mutex<Option<JoinHandle<Result<(), String>>>>,
    worker_ended: CancellationToken,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host")
            .field("worker_ended", &self.worker_ended.is_cancelled())
            .finish_non_exhaustive()
    }
}

impl Host {
    /// Starts the worker and the pump.
    pub async fn start(options: HostOptions) -> Result<Self, Error> {
        let client = Client::new(options.connection, ClientOptions::new(options.namespace).build())
            .map_err(|error| Error::Connect(error.into()))?;
        let worker_ended = CancellationToken::new();
        let (ready, started) = oneshot::channel();
        let thread = {
            let client = client.clone();
            let runtime = tokio::runtime::Handle::current();
            let ended = worker_ended.clone().drop_guard();
            let activities = Activities::new(options.activities);
            let slots = options.max_concurrent_activities;
            // Workflow futures are not `Send`, so the worker has a thread of its own; its I/O and the
            // activities run on the runtime of the caller.
            std::thread::Builder::new()
                .name("workflows".to_owned())
                .spawn(move || {
                    let _ended = ended;
                    let _entered = runtime.enter();
                    let (mut worker, shutdown) = match worker(client, activities, slots) {
                        Ok((worker, shutdown)) => (worker, shutdown),
                        Err(error) => {
                            let _ = ready.send(Err(error));
                            return Ok(());
                        }
                    };
                    let _ = ready.send(Ok(shutdown));
                    runtime.block_on(worker.run()).map_err(|error| error.to_string())
                })
                .map_err(|error| Error::Worker(error.to_string()))?
        };
        let initiate_shutdown = started
            .await
            .map_err(|_| Error::Worker("its thread ended before it began".to_owned()))?
            .map_err(Error::Worker)?;
        let stopping = CancellationToken::new();
        let pump = tokio::spawn(pump(client.clone(), options.store.clone(), stopping.clone()));
        Ok(Self {
            client,
            store: options.store,
            stopping,
            pump,
            initiate_shutdown,
            worker: Mutex::new(Some(thread)),
            worker_ended,
        })
    }

    /// Starts a project's workflow, or finds it running. A project whose workflow ended is not started again.
    pub async fn start_project(&self, project: &ProjectId) -> Result<(), Error> {
        let workflow = names::project_workflow(project);
        let options = WorkflowStartOptions::new(names::TASK_QUEUE, workflow.clone())
            .id_reuse_policy(WorkflowIdReusePolicy::RejectDuplicate)
            .build();
        let input = ProjectInput { project: project.clone() };
        match self.client.start_workflow(ProjectWorkflow::run, input, options).await {
            Ok(_) | Err(WorkflowStartError::AlreadyStarted { .. }) => Ok(()),
            Err(error) => Err(Error::Start { workflow, source: error.into() }),
        }
    }

    /// Starts, or finds running, the workflow of every project that is not over. Returns how many there are.
    pub async fn continue_projects(&self) -> Result<usize, Error> {
        let mut open = 0;
        for project in self.store.projects().await? {
            if !project.state.is_final() {
                self.start_project(&project.id).await?;
                open += 1;
            }
        }
        Ok(open)
    }

    /// What a project's workflow says of itself.
    pub async fn status(&self, project: &ProjectId) -> Result<ProjectStatus, Error> {
        let workflow = names::project_workflow(project);
        let handle = self.client.get_workflow_handle::<ProjectWorkflow>(workflow.clone());
        handle
            .query(ProjectWorkflow::status, (), WorkflowQueryOptions::default())
            .await
            .map_err(|error| Error::Reach { workflow, source: error.into() })
    }

    /// Waits until a project's workflow has come to its end, however it ended. The records say that a project is
    /// over a moment before its workflow, whose last act that is, does.
    pub async fn closed(&self, project: &ProjectId) {
        let handle = self.client.get_workflow_handle::<ProjectWorkflow>(names::project_workflow(project));
        if let Err(error) = handle.get_result(WorkflowGetResultOptions::default()).await {
            tracing::debug!(%project, %error, "a project's workflow did not complete");
        }
    }

    /// Resolves when the worker has ended by itself: nothing works any more.
    pub async fn worker_ended(&self) {
        self.worker_ended.cancelled().await;
    }

    /// Stops taking work, lets what is under way reach its next checkpoint, and waits for it.
    pub async fn shutdown(&self) -> Result<(), Error> {
        self.stopping.cancel();
        (self.initiate_shutdown)();
        self.pump.abort();
        let Some(thread) = self.worker.lock().take() else { return Ok(()) };
        let joined = tokio::task::spawn_blocking(move || thread.join()).await;
        match joined {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(error))) => Err(Error::Worker(error)),
            Ok(Err(_)) | Err(_) => Err(Error::Worker("its thread panicked".to_owned())),
        }
    }
}

type Shutdown = Box<dyn Fn() + Send + Sync>;

fn worker(client: Client, activities: Activities, slots: usize) -> Result<(Worker, Shutdown), String> {
    let runtime_options = RuntimeOptions::builder().heartbeat_interval(None).build()?;
    let runtime = Runtime::from_current_tokio(runtime_options).map_err(|error| error.to_string())?;
    let tuner = TunerHolder::builder()
        .workflow_task_slot_supplier(FixedSizeSlotSupplier::new(100))
        .activity_task_slot_supplier(FixedSizeSlotSupplier::new(slots))
        .local_activity_task_slot_supplier(FixedSizeSlotSupplier::new(1))
        .nexus_task_slot_supplier(FixedSizeSlotSupplier::new(1))
        .build();
    let registered = WorkerOptions::new(names::TASK_QUEUE)
        .register_activities(activities)
        .register_workflow::<ProjectWorkflow>()
        .and_then(WorkerOptionsBuilder::register_workflow::<SprintWorkflow>)
        .and_then(WorkerOptionsBuilder::register_workflow::<AgentTaskWorkflow>)
        .map_err(|error| error.to_string())?;
    let options = registered.tuner(tuner).graceful_shutdown_period(Duration::from_secs(10)).build();
    let worker = Worker::new(&runtime, client, options).map_err(|error| error.to_string())?;
    let shutdown = Box::new(worker.shutdown_handle());
    Ok((worker, shutdown))
}

/// Delivers what the store's outbox holds, at once when something was committed.
async fn pump(client: Client, store: Store, stopping: CancellationToken) {
    let mut committed = store.subscribe_signals();
    loop {
        if let Err(error) = deliver_pending(&client, &store).await {
            tracing::warn!(%error, "the outbox could not be delivered; it is tried again");
        }
        tokio::select! {
            () = stopping.cancelled() => return,
            changed = committed.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(OUTBOX_PATROL) => {}
        }
    }
}

async fn deliver_pending(client: &Client, store: &Store) -> Result<(), Error> {
    for signal in store.pending_signals().await? {
        deliver(client, &signal).await?;
        store.signal_delivered(&signal.id).await?;
    }
    Ok(())
}

/// Delivers one signal. Its record's id is the request id, so that delivering it again changes nothing; a
/// workflow that is over has no use for it.
async fn deliver(client: &Client, signal: &SignalRecord) -> Result<(), Error> {
    let reach = |source| Error::Reach { workflow: signal.workflow_id.clone(), source };
    let handle = client.get_workflow_handle::<UntypedWorkflow>(signal.workflow_id.clone());
    let payload = RawValue::from_value(&signal.payload, &PayloadConverter::default());
    let options = WorkflowSignalOptions::builder().request_id(signal.id.clone()).build();
    match handle.signal(UntypedSignal::new(signal.name.clone()), payload, options).await {
        Ok(()) | Err(WorkflowInteractionError::NotFound(_)) => Ok(()),
        Err(error) => Err(reach(error.into())),
    }
}
