//! Listing and counting runs.

use super::Service;
use super::describe::info;
use crate::kernel::state::Annotations;
use crate::proto::workflowservice as ws;
use crate::status::Failure;
use crate::visibility;
use prost::Message;
use rusqlite::types::Value;

/// Runs in one page, when the client does not say.
const PAGE: usize = 100;
/// Runs in one page at most.
const LARGEST_PAGE: usize = 1_000;

/// Where the next page begins: after the run with this start time and key.
#[derive(Clone, PartialEq, Message)]
struct Position {
    #[prost(int64, tag = "1")]
    start_time: i64,
    #[prost(int64, tag = "2")]
    run_key: i64,
}

impl Service {
    pub(super) async fn list_workflows(
        &self,
        request: ws::ListWorkflowExecutionsRequest,
    ) -> Result<ws::ListWorkflowExecutionsResponse, Failure> {
        let (mut condition, mut values) = self.condition(&request.namespace, &request.query)?;
        if !request.next_page_token.is_empty() {
            let position = Position::decode(request.next_page_token.as_slice())
                .map_err(|_| Failure::invalid("Invalid NextPageToken."))?;
            condition.push_str(" AND (start_time, run_key) < (?, ?)");
            values.extend([Value::Integer(position.start_time), Value::Integer(position.run_key)]);
        }
        let size = match request.page_size {
            ..=0 => PAGE,
            size => (size as usize).min(LARGEST_PAGE),
        };
        let runs = self.executor.storage.readers.list(condition, values, size).await?;
        let next = runs
            .last()
            .filter(|_| runs.len() == size)
            .map(|last| Position { start_time: last.core.start_time, run_key: last.run_key });
        let executions = runs
            .iter()
            .map(|run| {
                let annotations = run.annotations.as_deref().map(Annotations::decode);
                let annotations = annotations.transpose().map_err(|error| {
                    Failure::unavailable(format!("the engine's database is damaged: {error}"))
                })?;
                Ok(info(&run.core, annotations.unwrap_or_default()))
            })
            .collect::<Result<_, Failure>>()?;
        Ok(ws::ListWorkflowExecutionsResponse {
            executions,
            next_page_token: next.map(|next| next.encode_to_vec()).unwrap_or_default(),
        })
    }

    pub(super) async fn count_workflows(
        &self,
        request: ws::CountWorkflowExecutionsRequest,
    ) -> Result<ws::CountWorkflowExecutionsResponse, Failure> {
        let (condition, values) = self.condition(&request.namespace, &request.query)?;
        let count = self.executor.storage.readers.count(condition, values).await?;
        Ok(ws::CountWorkflowExecutionsResponse { count, ..Default::default() })
    }

    fn condition(&self, namespace: &str, query: &str) -> Result<(String, Vec<Value>), Failure> {
        self.check_namespace(namespace)?;
        let filter = visibility::parse(query)
            .map_err(|message| Failure::invalid(format!("invalid query: {message}")))?;
        let mut values = vec![Value::Text(namespace.to_owned())];
        values.extend(filter.values);
        Ok((format!("namespace = ? AND ({})", filter.condition), values))
    }
}
