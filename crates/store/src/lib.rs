//! Projects, agents, tasks, journal, ledger, approvals, checkpoints and blobs, one transaction per change.
