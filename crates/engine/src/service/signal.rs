//! Signals, cancellations and terminations from clients.

use super::Service;
use crate::kernel::effects::{Cancel, Signal, Terminate};
use crate::kernel::inbound;
use crate::proto::workflowservice as ws;
use crate::status::Failure;

impl Service {
    pub(super) async fn signal_workflow(
        &self,
        request: ws::SignalWorkflowExecutionRequest,
    ) -> Result<ws::SignalWorkflowExecutionResponse, Failure> {
        let name = self.named(&request.namespace, request.workflow_execution)?;
        if request.signal_name.is_empty() {
            return Err(Failure::invalid("SignalName is not set on request."));
        }
        if request.signal_name.len() > self.executor.limits.id_bytes {
            return Err(Failure::invalid("SignalName length exceeds limit."));
        }
        self.check_blob(request.input.as_ref())?;
        let signal = Signal {
            name: request.signal_name,
            input: request.input,
            header: request.header,
            identity: request.identity,
            request_id: request.request_id,
        };
        self.executor.transact(&name, |tx| inbound::signal(tx, signal, None)).await?;
        Ok(ws::SignalWorkflowExecutionResponse::default())
    }

    pub(super) async fn cancel_workflow(
        &self,
        request: ws::RequestCancelWorkflowExecutionRequest,
    ) -> Result<ws::RequestCancelWorkflowExecutionResponse, Failure> {
        let name = self
            .named_in_chain(&request.namespace, request.workflow_execution, &request.first_execution_run_id)
            .await?;
        let cancel =
            Cancel { reason: request.reason, identity: request.identity, request_id: request.request_id };
        self.executor
            .transact(&name, |tx| {
                inbound::cancel(tx, cancel, None);
                Ok(())
            })
            .await?;
        Ok(ws::RequestCancelWorkflowExecutionResponse::default())
    }

    pub(super) async fn terminate_workflow(
        &self,
        request: ws::TerminateWorkflowExecutionRequest,
    ) -> Result<ws::TerminateWorkflowExecutionResponse, Failure> {
        let name = self
            .named_in_chain(&request.namespace, request.workflow_execution, &request.first_execution_run_id)
            .await?;
        let terminate =
            Terminate { reason: request.reason, identity: request.identity, details: request.details };
        self.executor.transact(&name, |tx| inbound::terminate(tx, terminate)).await?;
        Ok(ws::TerminateWorkflowExecutionResponse::default())
    }
}
