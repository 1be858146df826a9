//! ProjectWorkflow, SprintWorkflow, AgentTaskWorkflow and their activities.
