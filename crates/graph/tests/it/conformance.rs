//! The oracle keeps its own rules.

syndarix_graph::checkpoints_conformance!(async || (syndarix_graph::MemoryCheckpoints::new(), ()));
