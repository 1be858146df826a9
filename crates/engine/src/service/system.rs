//! What this server is and can do. The capability bits tell the truth: what is not set is not offered.

use super::Service;
use super::namespace::CLUSTER;
use crate::proto::{version, workflowservice as ws};
use crate::status::Failure;

/// The release of Temporal's API whose behaviour is followed.
const SERVER_VERSION: &str = "1.29.1";
/// What the one cluster is called.
pub(super) const CLUSTER_ID: &str = "syndarix-engine";

impl Service {
    #[expect(clippy::unused_async, reason = "handlers share a shape")]
    pub(super) async fn get_system_info(
        &self,
        _: ws::GetSystemInfoRequest,
    ) -> Result<ws::GetSystemInfoResponse, Failure> {
        Ok(ws::GetSystemInfoResponse {
            server_version: SERVER_VERSION.into(),
            capabilities: Some(ws::get_system_info_response::Capabilities {
                signal_and_query_header: true,
                internal_error_differentiation: true,
                activity_failure_include_heartbeat: true,
                encoded_failure_attributes: true,
                upsert_memo: true,
                supports_schedules: true,
                eager_workflow_start: true,
                sdk_metadata: true,
                count_group_by_execution_status: true,
                ..Default::default()
            }),
        })
    }

    #[expect(clippy::unused_async, reason = "handlers share a shape")]
    pub(super) async fn get_cluster_info(
        &self,
        _: ws::GetClusterInfoRequest,
    ) -> Result<ws::GetClusterInfoResponse, Failure> {
        Ok(ws::GetClusterInfoResponse {
            server_version: SERVER_VERSION.into(),
            cluster_id: CLUSTER_ID.into(),
            cluster_name: CLUSTER.into(),
            history_shard_count: 1,
            persistence_store: "sqlite".into(),
            visibility_store: "sqlite".into(),
            version_info: Some(version::VersionInfo::default()),
            ..Default::default()
        })
    }
}
