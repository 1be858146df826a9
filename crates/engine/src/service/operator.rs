//! OperatorService: search attributes, clusters, and deleting namespaces.

use super::Service;
use super::namespace::CLUSTER;
use crate::proto::{enums, operatorservice as os, workflowservice as ws};
use crate::status::Failure;
use crate::storage::SearchAttributeRecord;
use crate::visibility::attributes::{PREDEFINED, SYSTEM, is_predefined, is_reserved, is_system};
use enums::IndexedValueType as Kind;
use std::collections::HashMap;

/// Custom search attributes of one namespace at most: it bounds what a namespace's record takes.
const MOST_CUSTOM: usize = 1_000;

impl Service {
    pub(super) async fn add_search_attributes(
        &self,
        request: os::AddSearchAttributesRequest,
    ) -> Result<os::AddSearchAttributesResponse, Failure> {
        if request.search_attributes.is_empty() {
            return Err(Failure::invalid("SearchAttributes are not set on request."));
        }
        let mut added: Vec<(String, i32)> = request.search_attributes.into_iter().collect();
        added.sort_unstable();
        for (name, kind) in &added {
            if name.is_empty() || name.len() > self.executor.limits.id_bytes {
                return Err(Failure::invalid(format!("Invalid search attribute name: {name:?}.")));
            }
            if is_reserved(name) {
                return Err(Failure::invalid(format!("Search attribute {name} is reserved by system.")));
            }
            if matches!(Kind::try_from(*kind), Err(_) | Ok(Kind::Unspecified)) {
                return Err(Failure::invalid(format!("Unknown search attribute type: {kind}.")));
            }
        }
        if request.namespace.is_empty() {
            return Err(Failure::invalid("Namespace is not set on request."));
        }
        self.change_namespace(&request.namespace, |record| {
            for (name, kind) in added {
                // One that is there stays as it is, as on the reference server.
                if record.search_attributes.iter().any(|known| known.name == name) {
                    continue;
                }
                if record.search_attributes.len() >= MOST_CUSTOM {
                    return Err(Failure::invalid(format!(
                        "Unable to create search attributes: cannot have more than {MOST_CUSTOM} search attributes."
                    )));
                }
                record.next_search_attribute += 1;
                let id = record.next_search_attribute;
                record.search_attributes.push(SearchAttributeRecord { name, kind, id });
            }
            Ok(())
        })
        .await?;
        Ok(os::AddSearchAttributesResponse::default())
    }

    pub(super) async fn remove_search_attributes(
        &self,
        request: os::RemoveSearchAttributesRequest,
    ) -> Result<os::RemoveSearchAttributesResponse, Failure> {
        if request.search_attributes.is_empty() {
            return Err(Failure::invalid("SearchAttributes are not set on request."));
        }
        if request.namespace.is_empty() {
            return Err(Failure::invalid("Namespace is not set on request."));
        }
        if let Some(name) =
            request.search_attributes.iter().find(|name| is_system(name) || is_predefined(name))
        {
            return Err(Failure::invalid(format!("Unable to remove non-custom search attributes: {name}.")));
        }
        self.change_namespace(&request.namespace, |record| {
            record.search_attributes.retain(|known| !request.search_attributes.contains(&known.name));
            Ok(())
        })
        .await?;
        Ok(os::RemoveSearchAttributesResponse::default())
    }

    #[expect(clippy::unused_async, reason = "handlers share a shape")]
    pub(super) async fn list_search_attributes(
        &self,
        request: os::ListSearchAttributesRequest,
    ) -> Result<os::ListSearchAttributesResponse, Failure> {
        self.check_namespace(&request.namespace)?;
        Ok(os::ListSearchAttributesResponse {
            custom_attributes: self.custom_attributes(&request.namespace),
            system_attributes: built_in_attributes(),
            ..Default::default()
        })
    }

    fn custom_attributes(&self, namespace: &str) -> HashMap<String, i32> {
        let attributes = self.executor.namespaces.attributes(namespace);
        attributes.custom.iter().map(|(name, custom)| (name.clone(), custom.kind as i32)).collect()
    }

    /// The deprecated call that names no namespace: the attributes of all of them.
    #[expect(clippy::unused_async, reason = "handlers share a shape")]
    pub(super) async fn get_search_attributes(
        &self,
        _: ws::GetSearchAttributesRequest,
    ) -> Result<ws::GetSearchAttributesResponse, Failure> {
        let mut keys = built_in_attributes();
        for record in self.executor.namespaces.all() {
            keys.extend(self.custom_attributes(&record.name));
        }
        Ok(ws::GetSearchAttributesResponse { keys })
    }

    pub(super) async fn delete_namespace(
        &self,
        request: os::DeleteNamespaceRequest,
    ) -> Result<os::DeleteNamespaceResponse, Failure> {
        match (request.namespace.is_empty(), request.namespace_id.is_empty()) {
            (true, true) => return Err(Failure::invalid("namespace or namespace ID is required")),
            (false, false) => {
                return Err(Failure::invalid("only one of namespace or namespace ID must be set"));
            }
            _ => {}
        }
        let name = self
            .executor
            .namespaces
            .find(&request.namespace, &request.namespace_id)
            .map(|record| record.name)
            .ok_or_else(|| {
                let asked =
                    if request.namespace.is_empty() { request.namespace_id } else { request.namespace };
                Failure::invalid(format!("namespace {asked} is not found"))
            })?;
        let described = self
            .change_namespace(&name, |record| {
                record.state = enums::NamespaceState::Deleted as i32;
                Ok(())
            })
            .await?;
        let id = described.namespace_info.map(|info| info.id).unwrap_or_default();
        let suffix: String = id.chars().take(5).collect();
        Ok(os::DeleteNamespaceResponse { deleted_namespace: format!("{name}-deleted-{suffix}") })
    }

    #[expect(clippy::unused_async, reason = "handlers share a shape")]
    pub(super) async fn list_clusters(
        &self,
        _: os::ListClustersRequest,
    ) -> Result<os::ListClustersResponse, Failure> {
        let cluster = os::ClusterMetadata {
            cluster_name: CLUSTER.into(),
            cluster_id: super::system::CLUSTER_ID.into(),
            history_shard_count: 1,
            is_connection_enabled: true,
            ..Default::default()
        };
        Ok(os::ListClustersResponse { clusters: vec![cluster], next_page_token: Vec::new() })
    }
}

fn built_in_attributes() -> HashMap<String, i32> {
    let system = SYSTEM.iter().map(|(name, _, kind)| (*name, *kind));
    system.chain(PREDEFINED).map(|(name, kind)| (name.to_owned(), kind as i32)).collect()
}
