//! The workspace server alone, started as the binary starts it: `workspace_server --options JSON`.

use syndarix_tools::workspace_server::{WorkspaceOptions, serve};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = std::env::args().skip_while(|argument| argument != "--options").nth(1);
    let options: WorkspaceOptions = serde_json::from_str(&options.ok_or("--options JSON is missing")?)?;
    Ok(serve(options)?)
}
