//! Requests that make no sense, to every RPC there is: the right code, no panic, and nothing changed.

use super::RPCS;
use crate::kernel::Entropy;
use crate::{Engine, EngineOptions};
use bytes::Bytes;
use std::collections::BTreeSet;
use std::time::Duration;
use tonic::{Code, Status};

/// Codes that say the request is to blame.
const BLAMED: [Code; 4] =
    [Code::InvalidArgument, Code::NotFound, Code::FailedPrecondition, Code::AlreadyExists];
/// Random bodies for each RPC.
const BODIES: usize = 48;

async fn engine(directory: &tempfile::TempDir) -> Engine {
    let mut options = EngineOptions::new(directory.path().join("engine.db"));
    options.task_poll_timeout = Duration::from_millis(1);
    options.history_poll_timeout = Duration::from_millis(1);
    Engine::open(options).await.expect("the engine opens")
}

async fn call(engine: &Engine, rpc: &super::Rpc, body: Vec<u8>) -> Result<Vec<u8>, Status> {
    engine
        .service
        .call(rpc.service, rpc.name, Bytes::from(body))
        .await
        .map_err(crate::status::Failure::into_status)
}

/// Everything that is stored, in numbers, and the namespaces in full.
async fn stored(engine: &Engine) -> String {
    let executor = &engine.service.executor;
    let readers = &executor.storage.readers;
    let sizes = readers.table_sizes().await.expect("sizes");
    format!("{sizes:?} {:?}", executor.namespaces.all())
}

/// Bytes that look like fields of a message, with lengths and types that may not fit.
fn random_body(entropy: &mut Entropy) -> Vec<u8> {
    let mut seed = entropy.uuid().into_bytes();
    let mut body = Vec::new();
    while let Some(byte) = seed.pop() {
        match byte % 4 {
            0 => body.extend([(byte % 20 + 1) << 3, byte]),
            1 => {
                let text = &seed[..usize::from(byte % 9).min(seed.len())];
                body.extend([(byte % 15 + 1) << 3 | 2, text.len() as u8]);
                body.extend_from_slice(text);
            }
            2 => body.extend(b"\x0a\x07default"),
            _ => body.push(byte),
        }
    }
    body
}

#[tokio::test]
async fn bad_requests_are_refused_and_change_nothing() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let engine = engine(&directory).await;
    let before = stored(&engine).await;
    let mut entropy = Entropy::from_seed(20_260_131);
    // A body that names nothing but a namespace makes sense to this one.
    for rpc in RPCS.iter().filter(|rpc| rpc.name != "DeprecateNamespace") {
        let refused = call(&engine, rpc, b"\x0a\x05d".to_vec()).await.expect_err(rpc.name);
        assert_eq!(refused.code(), Code::InvalidArgument, "{} truncated: {refused}", rpc.name);
        assert!(refused.message().contains(rpc.name), "{refused}");
        if let Err(refused) = call(&engine, rpc, Vec::new()).await {
            assert_eq!(refused.code(), Code::InvalidArgument, "{} empty: {refused}", rpc.name);
        }
        if let Err(refused) = call(&engine, rpc, b"\x0a\x07nowhere".to_vec()).await {
            assert!(BLAMED.contains(&refused.code()), "{} in no namespace: {refused}", rpc.name);
        }
        for _ in 0..BODIES {
            let body = random_body(&mut entropy);
            if let Err(refused) = call(&engine, rpc, body.clone()).await {
                assert!(BLAMED.contains(&refused.code()), "{} {body:?}: {refused}", rpc.name);
            }
        }
        assert_eq!(stored(&engine).await, before, "after {}", rpc.name);
    }
}

#[tokio::test]
async fn what_is_not_in_the_table_is_unimplemented_by_name() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let engine = engine(&directory).await;
    let service = super::WORKFLOW_SERVICE;
    for (service, rpc) in
        [(service, "CreateWorkflowRule"), (service, "ListSearchAttributes"), ("no.Such", "GetSystemInfo")]
    {
        let failure = engine.service.call(service, rpc, Bytes::new()).await.expect_err(rpc).into_status();
        assert_eq!(failure.code(), Code::Unimplemented);
        assert!(failure.message().contains(rpc) && failure.message().contains(service), "{failure}");
    }
}

#[test]
fn no_rpc_is_twice_in_the_table() {
    let names: BTreeSet<_> = RPCS.iter().map(|rpc| (rpc.service, rpc.name)).collect();
    assert_eq!(names.len(), RPCS.len());
}
