//! What a server answered, as text of bounded length.

use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};
use serde_json::Value;

use crate::bounded::HeadAndTail;

/// A tool's answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) is_error: bool,
    pub(crate) structured: Option<Value>,
}

pub(super) fn answer(result: CallToolResult, output_bytes: usize) -> Answer {
    let mut parts: Vec<String> = result.content.into_iter().map(block).collect();
    if parts.is_empty()
        && let Some(structured) = &result.structured_content
    {
        parts.push(structured.to_string());
    }
    Answer {
        text: bounded(parts.join("\n"), output_bytes),
        is_error: result.is_error.unwrap_or(false),
        structured: result.structured_content,
    }
}

/// A text with its middle left out where it is too long.
fn bounded(text: String, output_bytes: usize) -> String {
    if text.len() <= output_bytes {
        return text;
    }
    let mut kept = HeadAndTail::new(output_bytes);
    kept.push(text.as_bytes());
    kept.into_text()
}

fn block(block: ContentBlock) -> String {
    match block {
        ContentBlock::Text(text) => text.text,
        ContentBlock::Image(image) => format!("[an image, {}, left out]", image.mime_type),
        ContentBlock::Audio(audio) => format!("[a sound, {}, left out]", audio.mime_type),
        ContentBlock::Resource(resource) => match resource.resource {
            ResourceContents::TextResourceContents { text, .. } => text,
            ResourceContents::BlobResourceContents { uri, .. } => {
                format!("[binary content of {uri}, left out]")
            }
            _ => "[content of an unknown kind, left out]".to_owned(),
        },
        ContentBlock::ResourceLink(link) => format!("[see {}]", link.uri),
        _ => "[content of an unknown kind, left out]".to_owned(),
    }
}
