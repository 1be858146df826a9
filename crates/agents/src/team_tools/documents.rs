//! Documents: named artifacts of the project.

use serde::Deserialize;
use syndarix_core::ports::Blobs;
use syndarix_core::tool::ToolCall;
use syndarix_graph::NodeError;

use super::{Judged, Performed, arguments};
use crate::run::context::{RunContext, port, stored};
use crate::team::suggest;

/// The longest document, in bytes; it is read by people and models.
const MAX_BYTES: usize = 400_000;

#[derive(Deserialize)]
struct Write {
    name: String,
    content: String,
}

#[derive(Deserialize)]
struct Read {
    name: String,
}

pub(super) async fn write(run: &RunContext, call: &ToolCall) -> Result<Judged<Performed>, NodeError> {
    let document: Write = match arguments(call) {
        Ok(document) => document,
        Err(problem) => return Ok(Err(problem)),
    };
    if let Some(problem) = refuse(&document) {
        return Ok(Err(problem));
    }
    let bytes = document.content.len();
    let (agent, task) = (&run.request.agent, &run.request.task);
    run.store()
        .write_artifact(
            &run.request.project,
            &document.name,
            document.content.into_bytes(),
            Some(agent),
            Some(task),
        )
        .await
        .map_err(stored)?;
    let mut done = Performed::saying(format!("{} is written ({bytes} bytes).", document.name));
    done.artifact = Some(document.name);
    Ok(Ok(done))
}

fn refuse(document: &Write) -> Option<String> {
    let name = &document.name;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.is_empty() || name.len() > 80 || !name.bytes().all(plain) || name.starts_with('.') {
        return Some(format!(
            "`{name}` is not a document's name; use letters, digits and - _ . as in vision.md"
        ));
    }
    if document.content.trim().is_empty() {
        return Some("the content is empty".to_owned());
    }
    if document.content.len() > MAX_BYTES {
        return Some(format!("the document has {} bytes; the limit is {MAX_BYTES}", document.content.len()));
    }
    None
}

pub(super) async fn read(run: &RunContext, call: &ToolCall) -> Result<Judged<Performed>, NodeError> {
    let wanted: Read = match arguments(call) {
        Ok(wanted) => wanted,
        Err(problem) => return Ok(Err(problem)),
    };
    let artifacts = run.store().artifacts(&run.request.project).await.map_err(stored)?;
    let Some(artifact) = artifacts.iter().find(|artifact| artifact.name == wanted.name) else {
        let hint = suggest(&wanted.name, artifacts.iter().map(|artifact| artifact.name.as_str()));
        let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
        return Ok(Err(format!("there is no document `{}`{hint}", wanted.name)));
    };
    let content = Blobs::get(run.store(), &artifact.content).await.map_err(port)?;
    Ok(Ok(Performed::saying(String::from_utf8_lossy(&content))))
}
