//! What the engine has in memory is what it has stored.

use super::agreement::{rows, same};
use crate::executor::{Executor, RunRef};

/// Compares every run that is in memory with its record. Nothing may be on its way to the disk.
pub(super) async fn check(executor: &Executor) -> Result<(), String> {
    let readers = &executor.storage.readers;
    for (namespace, workflow_id, run_id) in readers.all_runs().map_err(|error| error.to_string())? {
        let stored = readers.run(namespace.clone(), workflow_id.clone(), run_id.clone()).await;
        let Ok(Some(stored)) = stored else { return Err(format!("run {run_id} cannot be read")) };
        let name = RunRef { namespace, workflow_id, run_id };
        let slot = executor.slot(&name.namespace, &name.workflow_id).await;
        let slot = slot.map_err(|failure| failure.message().to_owned())?;
        let Some(run) = slot.runs.get(&name.run_id) else { continue };
        let (memory, stored) = (&run.state, &stored.state);
        let named = |what: String| {
            format!("run {} of {}, in memory and stored: {what}", name.run_id, name.workflow_id)
        };
        same("the run", &memory.core, &stored.core).map_err(named)?;
        same("activities", rows(&memory.activities), rows(&stored.activities)).map_err(named)?;
        same("timers", rows(&memory.timers), rows(&stored.timers)).map_err(named)?;
        same("children", rows(&memory.children), rows(&stored.children)).map_err(named)?;
        same("signals on their way", rows(&memory.external_signals), rows(&stored.external_signals))
            .map_err(named)?;
        same("cancellations on their way", rows(&memory.external_cancels), rows(&stored.external_cancels))
            .map_err(named)?;
        same("signals received", rows(&memory.signal_requests), rows(&stored.signal_requests))
            .map_err(named)?;
        same("updates", rows(&memory.updates), rows(&stored.updates)).map_err(named)?;
        same("annotations", rows(&memory.annotations), rows(&stored.annotations)).map_err(named)?;
        same("the start", rows(&memory.started), rows(&stored.started)).map_err(named)?;
    }
    Ok(())
}
