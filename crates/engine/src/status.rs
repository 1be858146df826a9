//! What a caller is told when a request fails: gRPC code, message, and the typed detail that SDKs match on.

use crate::executor::RunRef;
use crate::kernel::Rejection;
use crate::proto::{enums, errordetails, failure};
use errordetails::multi_operation_execution_failure::OperationStatus;
use prost::{Message, Name};
use prost_wkt_types::Any;
use tonic::{Code, Status};

/// A failed request.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    code: Code,
    message: String,
    detail: Option<Any>,
}

/// google.rpc.Status, the form in which details travel.
#[derive(Clone, PartialEq, Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

fn any<M: Name>(message: &M) -> Any {
    Any { type_url: format!("type.googleapis.com/{}", M::full_name()), value: message.encode_to_vec() }
}

impl Failure {
    fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), detail: None }
    }

    fn with(mut self, detail: &impl Name) -> Self {
        self.detail = Some(any(detail));
        self
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidArgument, message)
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(Code::NotFound, message).with(&errordetails::NotFoundFailure::default())
    }

    pub(crate) fn workflow_not_found(name: &RunRef) -> Self {
        let run =
            if name.run_id.is_empty() { String::new() } else { format!(" with run id {}", name.run_id) };
        Self::not_found(format!("workflow not found for ID: {}{run}", name.workflow_id))
    }

    pub(crate) fn namespace_not_found(namespace: &str) -> Self {
        Self::new(Code::NotFound, format!("Namespace {namespace} is not found."))
            .with(&errordetails::NamespaceNotFoundFailure { namespace: namespace.to_owned() })
    }

    pub(crate) fn namespace_exists(namespace: &str) -> Self {
        Self::new(Code::AlreadyExists, format!("Namespace {namespace:?} already exists"))
            .with(&errordetails::NamespaceAlreadyExistsFailure {})
    }

    pub(crate) fn already_started(request_id: String, run_id: String, first_run_id: String) -> Self {
        Self::new(Code::AlreadyExists, "Workflow execution is already running or has run with this id.").with(
            &errordetails::WorkflowExecutionAlreadyStartedFailure {
                start_request_id: request_id,
                run_id,
                first_execution_run_id: first_run_id,
            },
        )
    }

    pub(crate) fn query_failed(message: String, failure: Option<failure::Failure>) -> Self {
        Self::new(Code::InvalidArgument, message).with(&errordetails::QueryFailedFailure { failure })
    }

    pub(crate) fn deadline(message: impl Into<String>) -> Self {
        Self::new(Code::DeadlineExceeded, message)
    }

    pub(crate) fn unimplemented(service: &str, rpc: &str) -> Self {
        Self::new(Code::Unimplemented, format!("unknown method {rpc} for service {service}"))
    }

    pub(crate) fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Code::Unavailable, message)
    }

    /// There is no room on the disk for what was asked.
    pub(crate) fn storage_full() -> Self {
        Self::new(Code::ResourceExhausted, "the disk is full: nothing new is accepted until there is room")
            .with(&errordetails::ResourceExhaustedFailure {
                cause: enums::ResourceExhaustedCause::PersistenceStorageLimit as i32,
                scope: enums::ResourceExhaustedScope::System as i32,
            })
    }

    /// A request larger than any may be, in the words of gRPC's own servers, which SDKs recognise.
    #[cfg(feature = "port")]
    pub(crate) fn too_large(bytes: usize, most: usize) -> Self {
        Self::new(
            Code::ResourceExhausted,
            format!("grpc: received message larger than max ({bytes} vs. {most})"),
        )
    }

    /// A defect of ours.
    #[cfg(feature = "port")]
    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(Code::Internal, message)
    }

    /// Too much of something at once; asking again later may help.
    pub(crate) fn exhausted(cause: enums::ResourceExhaustedCause, message: impl Into<String>) -> Self {
        Self::new(Code::ResourceExhausted, message).with(&errordetails::ResourceExhaustedFailure {
            cause: cause as i32,
            scope: enums::ResourceExhaustedScope::Namespace as i32,
        })
    }

    pub(crate) fn workflow_closing() -> Self {
        Rejection::WorkflowClosing.into()
    }

    pub(crate) fn workflow_not_ready(message: impl Into<String>) -> Self {
        Self::new(Code::FailedPrecondition, message).with(&errordetails::WorkflowNotReadyFailure {})
    }

    pub(crate) fn permission_denied(message: impl Into<String>) -> Self {
        Self::new(Code::PermissionDenied, message).with(&errordetails::PermissionDeniedFailure::default())
    }

    /// Several operations that succeed or fail together failed: what became of each, in their order.
    pub(crate) fn multi_operation(message: impl Into<String>, operations: Vec<Option<Self>>) -> Self {
        let code = operations
            .iter()
            .flatten()
            .map(|failure| failure.code)
            .find(|code| *code != Code::Aborted)
            .unwrap_or(Code::Aborted);
        let statuses = operations
            .into_iter()
            .map(|failure| match failure {
                None => OperationStatus::default(),
                Some(failure) => OperationStatus {
                    code: failure.code as i32,
                    message: failure.message,
                    details: failure.detail.into_iter().collect(),
                },
            })
            .collect();
        Self::new(code, message).with(&errordetails::MultiOperationExecutionFailure { statuses })
    }

    /// What became of an operation whose companion failed.
    pub(crate) fn operation_aborted() -> Self {
        Self::aborted("Operation was aborted.").with(&failure::MultiOperationExecutionAborted {})
    }

    pub(crate) fn aborted(message: impl Into<String>) -> Self {
        Self::new(Code::Aborted, message)
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Storage has failed or the engine has shut down; what was asked may or may not be stored.
    pub(crate) fn stopped() -> Self {
        Self::unavailable("the engine has stopped")
    }

    pub(crate) fn is_not_found(&self) -> bool {
        self.code == Code::NotFound
    }

    /// Whether the same may succeed later.
    pub(crate) fn is_retryable(&self) -> bool {
        matches!(self.code, Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded)
    }

    pub(crate) fn precondition(message: impl Into<String>) -> Self {
        Self::new(Code::FailedPrecondition, message)
    }

    pub(crate) fn is_already_exists(&self) -> bool {
        self.code == Code::AlreadyExists
    }

    pub(crate) fn into_status(self) -> Status {
        let Some(detail) = self.detail else { return Status::new(self.code, self.message) };
        let details =
            RpcStatus { code: self.code as i32, message: self.message.clone(), details: vec![detail] };
        Status::with_details(self.code, self.message, details.encode_to_vec().into())
    }
}

impl From<Rejection> for Failure {
    fn from(rejection: Rejection) -> Self {
        let message = rejection.to_string();
        match rejection {
            Rejection::InvalidArgument(_) => Self::invalid(message),
            Rejection::FailedPrecondition(_) => Self::new(Code::FailedPrecondition, message),
            Rejection::TooManyAtOnce(_) => {
                Self::exhausted(enums::ResourceExhaustedCause::ConcurrentLimit, message)
            }
            Rejection::WorkflowNotReady(_) => Self::workflow_not_ready(message),
            Rejection::WorkflowClosing => {
                Self::exhausted(enums::ResourceExhaustedCause::BusyWorkflow, message)
            }
            Rejection::WorkflowTaskNotFound | Rejection::ActivityNotFound | Rejection::WorkflowCompleted => {
                Self::not_found(message)
            }
        }
    }
}
