//! Reading histories, and waiting for them to grow.

use super::Service;
use crate::executor::{Durable, Page, RunRef, page_size};
use crate::kernel::state::RunCore;
use crate::proto::{enums, history, workflowservice as ws};
use crate::status::Failure;
use crate::watchers::Awaited;
use prost::Message;

impl Service {
    pub(super) async fn get_history(
        &self,
        request: ws::GetWorkflowExecutionHistoryRequest,
    ) -> Result<ws::GetWorkflowExecutionHistoryResponse, Failure> {
        let close_only =
            request.history_event_filter_type == enums::HistoryEventFilterType::CloseEvent as i32;
        let mut name = self.named(&request.namespace, request.execution)?;
        let page = if request.next_page_token.is_empty() {
            let run_id = self.resolve(&name).await?;
            Page { run_id, next_event_id: 1, ..Page::default() }
        } else {
            Page::decode(request.next_page_token.as_slice())
                .map_err(|_| Failure::invalid("Invalid NextPageToken."))?
        };
        if !name.run_id.is_empty() && name.run_id != page.run_id {
            return Err(Failure::invalid("RunId in the request does not match the one in NextPageToken."));
        }
        name.run_id.clone_from(&page.run_id);
        let limit = request.maximum_page_size.max(0) as usize;
        if page.until != 0 {
            return self.task_page(&name, page, limit).await;
        }
        if request.wait_new_event {
            self.wait_for_history(&name, page, close_only, limit).await
        } else {
            self.plain_page(&name, page, close_only, limit).await
        }
    }

    /// The run id the request means, by what is current now. What is known of the run is durable then.
    async fn resolve(&self, name: &RunRef) -> Result<String, Failure> {
        let (run_id, is_durable) = {
            let mut slot = self.executor.slot(&name.namespace, &name.workflow_id).await?;
            let run_id = if name.run_id.is_empty() {
                self.executor.run(&mut slot, name).await?.name.run_id.clone()
            } else {
                name.run_id.clone()
            };
            let is_durable = slot.runs.get(&run_id).is_none_or(|run| run.progress.is_durable());
            (run_id, is_durable)
        };
        // It may have begun a moment ago, as the successor of another, or been given to a worker.
        if !is_durable {
            self.executor.flush_run(&RunRef { run_id: run_id.clone(), ..name.clone() }).await?;
        }
        Ok(run_id)
    }

    /// The durable record of a run. A run that exists only in memory so far counts as not there: nobody
    /// has been told of it.
    async fn durable_core(&self, name: &RunRef) -> Result<(i64, RunCore), Failure> {
        self.executor
            .storage
            .readers
            .core(name.namespace.clone(), name.workflow_id.clone(), name.run_id.clone())
            .await?
            .ok_or_else(|| Failure::workflow_not_found(name))
    }

    /// A further page of a workflow task's history, its transient events last.
    async fn task_page(
        &self,
        name: &RunRef,
        mut page: Page,
        limit: usize,
    ) -> Result<ws::GetWorkflowExecutionHistoryResponse, Failure> {
        let (run_key, _) = self.durable_core(name).await?;
        let mut events = self.executor.page(run_key, page.next_event_id, page.until, limit).await?;
        let next = events.last().map_or(page.next_event_id, |event| event.event_id + 1);
        let done = next >= page.until || events.is_empty();
        if done {
            events.append(&mut page.transient);
        }
        page.next_event_id = next;
        Ok(response(events, (!done).then_some(page)))
    }

    async fn plain_page(
        &self,
        name: &RunRef,
        mut page: Page,
        close_only: bool,
        limit: usize,
    ) -> Result<ws::GetWorkflowExecutionHistoryResponse, Failure> {
        let (run_key, core) = self.durable_core(name).await?;
        if close_only {
            let last = core.next_event_id - 1;
            return Ok(response(self.executor.page(run_key, last, 0, 1).await?, None));
        }
        let events = self.executor.page(run_key, page.next_event_id, 0, limit).await?;
        page.next_event_id = events.last().map_or(page.next_event_id, |event| event.event_id + 1);
        let more = !events.is_empty() && page.next_event_id < core.next_event_id;
        Ok(response(events, more.then_some(page)))
    }

    async fn wait_for_history(
        &self,
        name: &RunRef,
        mut page: Page,
        close_only: bool,
        limit: usize,
    ) -> Result<ws::GetWorkflowExecutionHistoryResponse, Failure> {
        let awaited = if close_only { Awaited::Close } else { Awaited::Growth };
        let watch = self.executor.watchers.watch(&name.run_id, awaited);
        let timeout = tokio::time::sleep(self.history_poll_timeout);
        tokio::pin!(timeout);
        loop {
            // Subscribed before looking, so that no change falls between.
            let changed = watch.changed();
            if let Some(durable) = self.executor.durable(name).await? {
                let Durable { next_event_id, is_closed, .. } = durable;
                if close_only && is_closed {
                    let last = self.executor.durable_page(name, durable, next_event_id - 1, 1).await?;
                    return Ok(response(last, None));
                }
                if !close_only && (next_event_id > page.next_event_id || is_closed) {
                    let from = page.next_event_id;
                    let events = self.executor.durable_page(name, durable, from, limit).await?;
                    page.next_event_id = events.last().map_or(from, |event| event.event_id + 1);
                    let done = is_closed && page.next_event_id >= next_event_id;
                    return Ok(response(events, (!done).then_some(page)));
                }
            }
            tokio::select! {
                biased;
                () = changed => {}
                () = &mut timeout => return Ok(response(Vec::new(), Some(page))),
                () = self.shutdown.cancelled() => return Ok(response(Vec::new(), Some(page))),
            }
        }
    }

    pub(super) async fn get_history_reverse(
        &self,
        request: ws::GetWorkflowExecutionHistoryReverseRequest,
    ) -> Result<ws::GetWorkflowExecutionHistoryReverseResponse, Failure> {
        let mut name = self.named(&request.namespace, request.execution)?;
        name.run_id = self.resolve(&name).await?;
        let (run_key, core) = self.durable_core(&name).await?;
        let until = if request.next_page_token.is_empty() {
            core.next_event_id
        } else {
            Page::decode(request.next_page_token.as_slice())
                .map_err(|_| Failure::invalid("Invalid NextPageToken."))?
                .next_event_id
        };
        let size = page_size(request.maximum_page_size.max(0) as usize);
        let from = (until - size as i64).max(1);
        let mut events = self.executor.page(run_key, from, until, size).await?;
        events.reverse();
        let page = Page { run_id: name.run_id, next_event_id: from, ..Page::default() };
        Ok(ws::GetWorkflowExecutionHistoryReverseResponse {
            history: Some(history::History { events }),
            next_page_token: if from > 1 { page.encode_to_vec() } else { Vec::new() },
        })
    }
}

fn response(
    events: Vec<history::HistoryEvent>,
    next: Option<Page>,
) -> ws::GetWorkflowExecutionHistoryResponse {
    ws::GetWorkflowExecutionHistoryResponse {
        history: Some(history::History { events }),
        next_page_token: next.map(|page| page.encode_to_vec()).unwrap_or_default(),
        ..Default::default()
    }
}
