//! Temporal's WorkflowService, embedded: a pure kernel on SQLite, reached in process.
