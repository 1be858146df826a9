//! An engine with its port open, for workers and clients in other processes:
//!
//! ```sh
//! cargo run -p syndarix-engine --features port --example serve -- --listen 127.0.0.1:7233 --data workflows.db
//! ```
//!
//! Then `temporal workflow list` shows what is there, and a worker of any SDK runs what it is asked to. Ctrl-C closes
//! the file properly; killing the process loses nothing.

#![expect(clippy::print_stdout, reason = "it is a program for a terminal")]

mod arguments;

use arguments::Arguments;
use std::process::ExitCode;
use syndarix_engine::{Engine, EngineOptions, LostTasks, PortOptions};
use temporalio_client::grpc::OperatorService as _;
use temporalio_common::protos::temporal::api::operatorservice::v1::AddSearchAttributesRequest;
use tonic::IntoRequest as _;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(error) => return refused(&error),
    };
    match serve(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => refused(&error.to_string()),
    }
}

#[expect(clippy::print_stderr, reason = "it is a program for a terminal")]
fn refused(error: &str) -> ExitCode {
    eprintln!("error: {error}");
    ExitCode::from(2)
}

async fn serve(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    // Workers live elsewhere: they may still answer what they were given before a restart.
    let options = EngineOptions::new(&arguments.data)
        .namespaces(&arguments.namespaces)
        .lost_tasks(LostTasks::AwaitWorkers);
    let engine = Engine::open(options).await?;
    add_search_attributes(&engine, &arguments).await?;
    let port = engine.listen(PortOptions::new(arguments.listen)).await?;
    println!("listening on {}", port.address());
    tokio::select! {
        reason = engine.stopped() => return Err(reason.into()),
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    engine.shutdown().await;
    port.close().await;
    Ok(())
}

/// Adds the attributes to every namespace; one that is there stays as it is.
async fn add_search_attributes(
    engine: &Engine,
    arguments: &Arguments,
) -> Result<(), Box<dyn std::error::Error>> {
    if arguments.search_attributes.is_empty() {
        return Ok(());
    }
    let mut connection = engine.connect().await?;
    for namespace in &arguments.namespaces {
        let attributes = arguments.search_attributes.iter();
        let request = AddSearchAttributesRequest {
            namespace: namespace.clone(),
            search_attributes: attributes.map(|(name, kind)| (name.clone(), *kind as i32)).collect(),
        };
        connection.add_search_attributes(request.into_request()).await?;
    }
    Ok(())
}
