//! Namespaces.

use super::Service;
use crate::engine::store_namespace;
use crate::kernel::time::{span, span_to_proto};
use crate::proto::{enums, namespace, workflowservice as ws};
use crate::status::Failure;
use crate::storage::NamespaceRecord;

impl Service {
    #[expect(clippy::unused_async, reason = "handlers share a shape")]
    pub(super) async fn describe_namespace(
        &self,
        request: ws::DescribeNamespaceRequest,
    ) -> Result<ws::DescribeNamespaceResponse, Failure> {
        let found = self.executor.namespaces.find(&request.namespace, &request.id);
        found.map(describe).ok_or_else(|| {
            let asked = if request.namespace.is_empty() { request.id } else { request.namespace };
            Failure::namespace_not_found(&asked)
        })
    }

    #[expect(clippy::unused_async, reason = "handlers share a shape")]
    pub(super) async fn list_namespaces(
        &self,
        _: ws::ListNamespacesRequest,
    ) -> Result<ws::ListNamespacesResponse, Failure> {
        let namespaces = self.executor.namespaces.all().into_iter().map(describe).collect();
        Ok(ws::ListNamespacesResponse { namespaces, next_page_token: Vec::new() })
    }

    pub(super) async fn register_namespace(
        &self,
        request: ws::RegisterNamespaceRequest,
    ) -> Result<ws::RegisterNamespaceResponse, Failure> {
        if request.namespace.is_empty() {
            return Err(Failure::invalid("Namespace not set on request."));
        }
        if self.executor.namespaces.contains(&request.namespace) {
            return Err(Failure::namespace_exists());
        }
        let record = NamespaceRecord {
            name: request.namespace,
            id: self.executor.uuid(),
            description: request.description,
            owner_email: request.owner_email,
            retention: span(request.workflow_execution_retention_period.as_ref()),
        };
        store_namespace(&self.executor, record).await?;
        Ok(ws::RegisterNamespaceResponse::default())
    }
}

fn describe(record: NamespaceRecord) -> ws::DescribeNamespaceResponse {
    ws::DescribeNamespaceResponse {
        namespace_info: Some(namespace::NamespaceInfo {
            name: record.name,
            state: enums::NamespaceState::Registered as i32,
            description: record.description,
            owner_email: record.owner_email,
            id: record.id,
            capabilities: Some(namespace::namespace_info::Capabilities {
                eager_workflow_start: true,
                worker_poll_complete_on_shutdown: true,
                ..Default::default()
            }),
            ..Default::default()
        }),
        config: Some(namespace::NamespaceConfig {
            workflow_execution_retention_ttl: span_to_proto(record.retention),
            ..Default::default()
        }),
        ..Default::default()
    }
}
