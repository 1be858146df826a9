//! Listing and counting runs.

use super::Service;
use super::describe::info;
use crate::proto::{enums, workflow, workflowservice as ws};
use crate::status::Failure;
use crate::storage::Listing;
use crate::visibility::sql::{self, Sql};
use crate::visibility::value::keyword_payload;
use crate::visibility::{Direction, Query, status_name};
use prost::{Message, Oneof};
use rusqlite::types::Value;
use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Runs in one page at most, and when the client does not say (`frontend.visibilityMaxPageSize`).
const LARGEST_PAGE: usize = 1_000;
/// Bytes after which a page ends: clients take messages of 4 MiB unless they are told otherwise.
const PAGE_BYTES: usize = 1024 * 1024;

/// Where the next page of a listing begins; travels as the page token.
#[derive(Clone, PartialEq, Message)]
struct Position {
    /// Tells the query of the token from others.
    #[prost(fixed64, tag = "1")]
    query: u64,
    /// What the last run was sorted by.
    #[prost(message, repeated, tag = "2")]
    sort: Vec<Key>,
}

#[derive(Clone, PartialEq, Message)]
struct Key {
    #[prost(oneof = "KeyValue", tags = "1, 2, 3")]
    value: Option<KeyValue>,
}

#[derive(Clone, PartialEq, Oneof)]
enum KeyValue {
    #[prost(int64, tag = "1")]
    Integer(i64),
    #[prost(double, tag = "2")]
    Real(f64),
    #[prost(string, tag = "3")]
    Text(String),
}

impl Position {
    fn of(query: u64, sort: Vec<Value>) -> Self {
        let key = |value| Key {
            value: match value {
                Value::Integer(number) => Some(KeyValue::Integer(number)),
                Value::Real(number) => Some(KeyValue::Real(number)),
                Value::Text(text) => Some(KeyValue::Text(text)),
                Value::Null | Value::Blob(_) => None,
            },
        };
        Self { query, sort: sort.into_iter().map(key).collect() }
    }

    /// The values, if the token belongs to this query.
    fn parse(token: &[u8], query: u64, keys: usize) -> Result<Vec<Value>, Failure> {
        let position = Self::decode(token)
            .ok()
            .filter(|position| position.query == query && position.sort.len() == keys)
            .ok_or_else(|| Failure::invalid("Invalid NextPageToken."))?;
        let value = |key: Key| match key.value {
            Some(KeyValue::Integer(number)) => Value::Integer(number),
            Some(KeyValue::Real(number)) => Value::Real(number),
            Some(KeyValue::Text(text)) => Value::Text(text),
            None => Value::Null,
        };
        Ok(position.sort.into_iter().map(value).collect())
    }
}

/// One page of runs.
struct Found {
    executions: Vec<workflow::WorkflowExecutionInfo>,
    next_page_token: Vec<u8>,
}

impl Service {
    pub(super) async fn list_workflows(
        &self,
        request: ws::ListWorkflowExecutionsRequest,
    ) -> Result<ws::ListWorkflowExecutionsResponse, Failure> {
        let Found { executions, next_page_token } = self
            .page_of(&request.namespace, &request.query, request.page_size, &request.next_page_token)
            .await?;
        Ok(ws::ListWorkflowExecutionsResponse { executions, next_page_token })
    }

    pub(super) async fn scan_workflows(
        &self,
        request: ws::ScanWorkflowExecutionsRequest,
    ) -> Result<ws::ScanWorkflowExecutionsResponse, Failure> {
        let Found { executions, next_page_token } = self
            .page_of(&request.namespace, &request.query, request.page_size, &request.next_page_token)
            .await?;
        Ok(ws::ScanWorkflowExecutionsResponse { executions, next_page_token })
    }

    pub(super) async fn list_open_workflows(
        &self,
        request: ws::ListOpenWorkflowExecutionsRequest,
    ) -> Result<ws::ListOpenWorkflowExecutionsResponse, Failure> {
        use ws::list_open_workflow_executions_request::Filters;
        let mut query = String::from("ExecutionStatus = 'Running'");
        add_start_times(&mut query, request.start_time_filter.as_ref())?;
        match request.filters {
            Some(Filters::ExecutionFilter(filter)) => {
                add_equal(&mut query, "WorkflowId", &filter.workflow_id);
            }
            Some(Filters::TypeFilter(filter)) => add_equal(&mut query, "WorkflowType", &filter.name),
            None => {}
        }
        let Found { executions, next_page_token } = self
            .page_of(&request.namespace, &query, request.maximum_page_size, &request.next_page_token)
            .await?;
        Ok(ws::ListOpenWorkflowExecutionsResponse { executions, next_page_token })
    }

    pub(super) async fn list_closed_workflows(
        &self,
        request: ws::ListClosedWorkflowExecutionsRequest,
    ) -> Result<ws::ListClosedWorkflowExecutionsResponse, Failure> {
        use ws::list_closed_workflow_executions_request::Filters;
        let mut query = String::from("ExecutionStatus != 'Running'");
        add_start_times(&mut query, request.start_time_filter.as_ref())?;
        match request.filters {
            Some(Filters::ExecutionFilter(filter)) => {
                add_equal(&mut query, "WorkflowId", &filter.workflow_id);
            }
            Some(Filters::TypeFilter(filter)) => add_equal(&mut query, "WorkflowType", &filter.name),
            Some(Filters::StatusFilter(filter)) => {
                use enums::WorkflowExecutionStatus as Status;
                if matches!(filter.status(), Status::Running | Status::Unspecified) {
                    return Err(Failure::invalid("StatusFilter must be specified and must be not Running."));
                }
                add_equal(&mut query, "ExecutionStatus", &status_name(filter.status()));
            }
            None => {}
        }
        let Found { executions, next_page_token } = self
            .page_of(&request.namespace, &query, request.maximum_page_size, &request.next_page_token)
            .await?;
        Ok(ws::ListClosedWorkflowExecutionsResponse { executions, next_page_token })
    }

    pub(super) async fn count_workflows(
        &self,
        request: ws::CountWorkflowExecutionsRequest,
    ) -> Result<ws::CountWorkflowExecutionsResponse, Failure> {
        use ws::count_workflow_executions_response::AggregationGroup;
        let query = self.query(&request.namespace, &request.query)?;
        let counts = self.executor.storage.readers.count(condition(&request.namespace, &query)).await?;
        let groups = counts.iter().filter(|_| query.by_status).map(|(status, count)| {
            let status = enums::WorkflowExecutionStatus::try_from(*status).unwrap_or_default();
            AggregationGroup { group_values: vec![keyword_payload(&status_name(status))], count: *count }
        });
        Ok(ws::CountWorkflowExecutionsResponse {
            count: counts.iter().map(|(_, count)| count).sum(),
            groups: groups.collect(),
        })
    }

    fn query(&self, namespace: &str, text: &str) -> Result<Query, Failure> {
        self.check_namespace(namespace)?;
        let attributes = self.executor.namespaces.attributes(namespace);
        Query::parse(text, &attributes).map_err(|error| Failure::invalid(error.to_string()))
    }

    async fn page_of(
        &self,
        namespace: &str,
        text: &str,
        page_size: i32,
        token: &[u8],
    ) -> Result<Found, Failure> {
        let query = self.query(namespace, text)?;
        if query.by_status {
            return Err(Failure::invalid("invalid query: operation is not supported: 'GROUP BY' clause"));
        }
        let size = usize::try_from(page_size).ok().filter(|size| *size > 0).unwrap_or(LARGEST_PAGE);
        let size = size.min(LARGEST_PAGE);
        let identity = identity(namespace, text);
        let keys = sql::order(&query);
        let mut condition = condition(namespace, &query);
        if !token.is_empty() {
            let last = Position::parse(token, identity, keys.len())?;
            let after = sql::after(&keys, &last);
            condition.text = format!("{} AND {}", condition.text, after.text);
            condition.values.extend(after.values);
        }
        let (runs, more) = self.executor.storage.readers.list(listing(&keys, condition, size)).await?;
        let next_page_token = match runs.last() {
            Some(last) if more => Position::of(identity, last.sort.clone()).encode_to_vec(),
            _ => Vec::new(),
        };
        let attributes = self.executor.namespaces.attributes(namespace);
        let executions = runs.into_iter().map(|run| info(&run.core, run.annotations, &attributes)).collect();
        Ok(Found { executions, next_page_token })
    }
}

fn condition(namespace: &str, query: &Query) -> Sql {
    let filter = sql::condition(&query.filter);
    let mut values = vec![Value::Text(namespace.to_owned())];
    values.extend(filter.values);
    Sql { text: format!("namespace = ? AND {}", filter.text), values }
}

fn listing(keys: &[sql::SortKey], condition: Sql, most_runs: usize) -> Listing {
    let columns: Vec<&str> = keys.iter().map(|key| key.expression.as_str()).collect();
    let order: Vec<String> = keys
        .iter()
        .map(|key| match key.direction {
            Direction::Ascending => key.expression.clone(),
            Direction::Descending => format!("{} DESC", key.expression),
        })
        .collect();
    Listing {
        sql: format!(
            "SELECT {}, run_key FROM run WHERE {} ORDER BY {} LIMIT {}",
            columns.join(", "),
            condition.text,
            order.join(", "),
            most_runs + 1
        ),
        values: condition.values,
        sort_keys: keys.len(),
        most_runs,
        most_bytes: PAGE_BYTES,
    }
}

fn identity(namespace: &str, query: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (namespace, query).hash(&mut hasher);
    hasher.finish()
}

fn add_equal(query: &mut String, name: &str, value: &str) {
    let escaped = value.replace('\\', "\\\\").replace('\'', "''");
    let _ = write!(query, " AND {name} = '{escaped}'");
}

fn add_start_times(
    query: &mut String,
    filter: Option<&crate::proto::filter::StartTimeFilter>,
) -> Result<(), Failure> {
    let Some(filter) = filter else { return Ok(()) };
    let nanos = |time| crate::kernel::Timestamp::from_proto(time).0;
    let earliest = nanos(filter.earliest_time.as_ref());
    let latest = filter.latest_time.as_ref().map_or(i64::MAX, |time| nanos(Some(time)));
    if earliest > latest {
        return Err(Failure::invalid(
            "EarliestTime in StartTimeFilter should not be larger than LatestTime.",
        ));
    }
    let _ = write!(query, " AND StartTime BETWEEN {earliest} AND {latest}");
    Ok(())
}
