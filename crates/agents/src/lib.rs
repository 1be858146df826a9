//! Agent types and instances, the agent graph, the supervisor, context and memory.
