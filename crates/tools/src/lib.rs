//! The tools agents act with: the workspace server, MCP servers, policy and sandbox.
