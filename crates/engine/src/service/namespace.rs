//! Namespaces: making, describing, changing and retiring them. Deleting them is the operator's.

use super::Service;
use crate::engine::store_namespace;
use crate::kernel::time::{span, span_to_proto};
use crate::limits::Limits;
use crate::namespaces::is_deleted;
use crate::proto::{enums, namespace, replication, workflowservice as ws};
use crate::status::Failure;
use crate::storage::NamespaceRecord;
use enums::NamespaceState as State;

/// The one cluster there is, as the protocol's reference server names its own.
pub(super) const CLUSTER: &str = "active";
/// Namespaces in a page when the client does not say.
const PAGE: usize = 100;
/// The shortest retention (`system.namespaceMinRetentionLocal`), nanoseconds.
const SHORTEST_RETENTION: i64 = 3_600 * 1_000_000_000;

impl Service {
    #[expect(clippy::unused_async, reason = "handlers share a shape")]
    pub(super) async fn describe_namespace(
        &self,
        request: ws::DescribeNamespaceRequest,
    ) -> Result<ws::DescribeNamespaceResponse, Failure> {
        match (request.namespace.is_empty(), request.id.is_empty()) {
            (true, true) => return Err(Failure::invalid("Namespace is not set on request.")),
            (false, false) => {
                return Err(Failure::invalid(
                    "GetNamespace operation failed. Both ID and Name specified in request.",
                ));
            }
            _ => {}
        }
        let found = self.executor.namespaces.find(&request.namespace, &request.id);
        found.map(|record| describe(record, &self.executor.limits)).ok_or_else(|| {
            let asked = if request.namespace.is_empty() { request.id } else { request.namespace };
            Failure::namespace_not_found(&asked)
        })
    }

    #[expect(clippy::unused_async, reason = "handlers share a shape")]
    pub(super) async fn list_namespaces(
        &self,
        request: ws::ListNamespacesRequest,
    ) -> Result<ws::ListNamespacesResponse, Failure> {
        let deleted_too = request.namespace_filter.is_some_and(|filter| filter.include_deleted);
        let after = String::from_utf8(request.next_page_token)
            .map_err(|_| Failure::invalid("Invalid NextPageToken."))?;
        let size = usize::try_from(request.page_size).ok().filter(|size| *size > 0).unwrap_or(PAGE);
        let mut records: Vec<_> = self
            .executor
            .namespaces
            .all()
            .into_iter()
            .filter(|record| record.name > after && (deleted_too || !is_deleted(record)))
            .take(size.saturating_add(1))
            .collect();
        let more = records.len() > size;
        records.truncate(size);
        let next_page_token = match records.last() {
            Some(last) if more => last.name.clone().into_bytes(),
            _ => Vec::new(),
        };
        let namespaces = records.into_iter().map(|record| describe(record, &self.executor.limits)).collect();
        Ok(ws::ListNamespacesResponse { namespaces, next_page_token })
    }

    pub(super) async fn register_namespace(
        &self,
        request: ws::RegisterNamespaceRequest,
    ) -> Result<ws::RegisterNamespaceResponse, Failure> {
        check_name(&request.namespace, &self.executor.limits)?;
        if request.is_global_namespace {
            return Err(Failure::invalid("Cannot register global namespace when not enabled"));
        }
        let retention = span(request.workflow_execution_retention_period.as_ref());
        check_retention(retention)?;
        let _changing = self.executor.namespaces.changing.lock().await;
        if self.executor.namespaces.contains(&request.namespace) {
            return Err(Failure::namespace_exists(&request.namespace));
        }
        if self.executor.namespaces.is_going(&request.namespace) {
            return Err(Failure::unavailable(format!(
                "the namespace {:?} was deleted and its workflows are still being removed; try again in a moment",
                request.namespace
            )));
        }
        let record = NamespaceRecord {
            name: request.namespace,
            id: self.executor.uuid(),
            description: request.description,
            owner_email: request.owner_email,
            retention,
            state: State::Registered as i32,
            data: request.data,
            ..NamespaceRecord::default()
        };
        store_namespace(&self.executor, record).await?;
        Ok(ws::RegisterNamespaceResponse::default())
    }

    pub(super) async fn update_namespace(
        &self,
        request: ws::UpdateNamespaceRequest,
    ) -> Result<ws::UpdateNamespaceResponse, Failure> {
        if request.promote_namespace
            || request.replication_config.is_some_and(|config| !config.clusters.is_empty())
        {
            return Err(Failure::invalid("Cannot update global namespace when not enabled"));
        }
        let described = self
            .change_namespace(&request.namespace, |record| {
                if let Some(info) = request.update_info {
                    apply_info(record, info)?;
                }
                if let Some(config) = request.config {
                    apply_config(record, config)?;
                }
                if !request.delete_bad_binary.is_empty()
                    && record.bad_binaries.remove(&request.delete_bad_binary).is_none()
                {
                    return Err(Failure::invalid(format!(
                        "Bad binary checksum {} doesn't exists.",
                        request.delete_bad_binary
                    )));
                }
                Ok(())
            })
            .await?;
        Ok(ws::UpdateNamespaceResponse {
            namespace_info: described.namespace_info,
            config: described.config,
            replication_config: described.replication_config,
            ..Default::default()
        })
    }

    pub(super) async fn deprecate_namespace(
        &self,
        request: ws::DeprecateNamespaceRequest,
    ) -> Result<ws::DeprecateNamespaceResponse, Failure> {
        self.change_namespace(&request.namespace, |record| {
            record.state = State::Deprecated as i32;
            Ok(())
        })
        .await?;
        Ok(ws::DeprecateNamespaceResponse::default())
    }

    /// Changes a namespace, one change after the other, durably.
    pub(super) async fn change_namespace(
        &self,
        name: &str,
        change: impl FnOnce(&mut NamespaceRecord) -> Result<(), Failure>,
    ) -> Result<ws::DescribeNamespaceResponse, Failure> {
        self.check_namespace(name)?;
        let _changing = self.executor.namespaces.changing.lock().await;
        let mut record =
            self.executor.namespaces.find(name, "").ok_or_else(|| Failure::namespace_not_found(name))?;
        let before = record.clone();
        change(&mut record)?;
        if record != before {
            store_namespace(&self.executor, record.clone()).await?;
        }
        Ok(describe(record, &self.executor.limits))
    }
}

fn check_name(name: &str, limits: &Limits) -> Result<(), Failure> {
    if name.is_empty() {
        return Err(Failure::invalid("Namespace not set on request."));
    }
    if name.len() > limits.id_bytes {
        return Err(Failure::invalid("Namespace length exceeds limit."));
    }
    Ok(())
}

fn check_retention(retention: i64) -> Result<(), Failure> {
    if retention < SHORTEST_RETENTION {
        return Err(Failure::invalid("A valid retention period is not set on request."));
    }
    Ok(())
}

fn apply_info(record: &mut NamespaceRecord, info: namespace::UpdateNamespaceInfo) -> Result<(), Failure> {
    if !info.description.is_empty() {
        record.description = info.description;
    }
    if !info.owner_email.is_empty() {
        record.owner_email = info.owner_email;
    }
    record.data.extend(info.data);
    let state = State::try_from(info.state).unwrap_or_default();
    match (State::try_from(record.state).unwrap_or_default(), state) {
        (_, State::Unspecified) => {}
        (State::Registered | State::Unspecified, State::Registered | State::Deprecated)
        | (State::Deprecated, State::Deprecated) => record.state = state as i32,
        _ => return Err(Failure::invalid("Invalid namespace state update.")),
    }
    Ok(())
}

fn apply_config(record: &mut NamespaceRecord, config: namespace::NamespaceConfig) -> Result<(), Failure> {
    if config.workflow_execution_retention_ttl.is_some() {
        let retention = span(config.workflow_execution_retention_ttl.as_ref());
        check_retention(retention)?;
        record.retention = retention;
    }
    record.bad_binaries.extend(config.bad_binaries.unwrap_or_default().binaries);
    Ok(())
}

fn describe(record: NamespaceRecord, limits: &Limits) -> ws::DescribeNamespaceResponse {
    let cluster = |name: &str| replication::ClusterReplicationConfig {
        cluster_name: name.to_owned(),
        ..Default::default()
    };
    let aliases = record.search_attributes.iter().map(|custom| (custom.name.clone(), custom.name.clone()));
    ws::DescribeNamespaceResponse {
        config: Some(namespace::NamespaceConfig {
            workflow_execution_retention_ttl: span_to_proto(record.retention),
            bad_binaries: Some(namespace::BadBinaries { binaries: record.bad_binaries }),
            history_archival_state: enums::ArchivalState::Disabled as i32,
            visibility_archival_state: enums::ArchivalState::Disabled as i32,
            custom_search_attribute_aliases: aliases.collect(),
            ..Default::default()
        }),
        namespace_info: Some(namespace::NamespaceInfo {
            name: record.name,
            state: record.state,
            description: record.description,
            owner_email: record.owner_email,
            data: record.data,
            id: record.id,
            supports_schedules: true,
            capabilities: Some(namespace::namespace_info::Capabilities {
                eager_workflow_start: true,
                sync_update: true,
                async_update: true,
                worker_poll_complete_on_shutdown: true,
                ..Default::default()
            }),
            limits: Some(namespace::namespace_info::Limits {
                blob_size_limit_error: limits.blob_bytes as i64,
                memo_size_limit_error: limits.memo_bytes as i64,
                ..Default::default()
            }),
        }),
        replication_config: Some(replication::NamespaceReplicationConfig {
            active_cluster_name: CLUSTER.into(),
            clusters: vec![cluster(CLUSTER)],
            state: enums::ReplicationState::Normal as i32,
        }),
        ..Default::default()
    }
}
