//! Checkpoints: the conformance suite of the port.

use crate::support::{Fixture, fixture};

syndarix_graph::checkpoints_conformance!(async || {
    let Fixture { store, dir, .. } = fixture().await;
    (store, dir)
});
