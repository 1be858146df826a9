//! `syndarix approve` and `syndarix reject`: a human's single-use decision, bound to what they were shown.

use clap::Args;
use syndarix_core::approval::{Approval, ApprovalKind, Decision};
use syndarix_core::money::NanoUsd;

use crate::cli::Global;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input;
use crate::output::Output;
use crate::records;
use crate::service::control;
use crate::service::word::Word;

/// What `approve` accepts.
#[derive(Debug, Args)]
pub(crate) struct Approve {
    /// The approval, such as `A-2`; in full where several projects have one
    #[arg(value_name = "ID")]
    id: String,
    /// What to say with it; the answer, where a question was asked
    #[arg(long, short, value_name = "TEXT")]
    comment: Option<String>,
    /// Allow for the whole project what the approval says `--always` covers; nobody is asked about it again
    #[arg(long)]
    always: bool,
    /// The new limit, where the approval is about a budget
    #[arg(long, value_name = "USD", allow_hyphen_values = true)]
    budget: Option<String>,
    /// Decide only if this is still what is shown: the digest from `syndarix approvals`, or its beginning
    #[arg(long, value_name = "DIGEST")]
    shown: Option<String>,
}

/// What `reject` accepts.
#[derive(Debug, Args)]
pub(crate) struct Reject {
    /// The approval, such as `A-2`; in full where several projects have one
    #[arg(value_name = "ID")]
    id: String,
    /// Why, and what should be different
    #[arg(long, short, value_name = "TEXT")]
    comment: Option<String>,
    /// Decide only if this is still what is shown: the digest from `syndarix approvals`, or its beginning
    #[arg(long, value_name = "DIGEST")]
    shown: Option<String>,
}

/// Approves.
pub(crate) async fn approve(arguments: Approve, global: &Global, output: &Output) -> Result<Exit, Failure> {
    let budget = arguments.budget.as_deref().map(input::budget).transpose()?;
    let choice = Choice {
        approved: true,
        comment: arguments.comment,
        shown: arguments.shown,
        always: arguments.always,
        budget,
    };
    decide(&arguments.id, choice, global, output).await
}

/// Rejects.
pub(crate) async fn reject(arguments: Reject, global: &Global, output: &Output) -> Result<Exit, Failure> {
    let choice = Choice {
        approved: false,
        comment: arguments.comment,
        shown: arguments.shown,
        always: false,
        budget: None,
    };
    decide(&arguments.id, choice, global, output).await
}

struct Choice {
    approved: bool,
    comment: Option<String>,
    shown: Option<String>,
    always: bool,
    budget: Option<NanoUsd>,
}

async fn decide(id: &str, choice: Choice, global: &Global, output: &Output) -> Result<Exit, Failure> {
    let store = records::open_existing(global).await?;
    let approval = records::approval(&store, id).await?;
    drop(store);
    matches_digest(&approval, choice.shown.as_deref())?;
    if approval.kind == ApprovalKind::Question && choice.approved && choice.comment.is_none() {
        return Err(Failure::bad_input(format!("{} is a question", approval.id))
            .hint("answer it with --comment, as in `syndarix approve ID --comment \"Use UTC.\"`"));
    }
    if choice.always && approval.kind != ApprovalKind::ToolCall {
        return Err(Failure::bad_input(format!("{} is not about a call of a tool", approval.id))
            .hint("leave --always away; only calls can be allowed for the whole project"));
    }
    let decision = Decision {
        approved: choice.approved,
        comment: choice.comment,
        decided_by: input::user(),
        shown: approval.shown.clone(),
    };
    let (approval, always, budget) = (approval.id.clone(), choice.always, choice.budget);
    let word = Word::Decide { approval, decision, always, budget };
    let heard = control::say(&global.data_dir, &word).await?;
    tell(&heard, output)
}

fn matches_digest(approval: &Approval, digest: Option<&str>) -> Result<(), Failure> {
    match digest {
        Some(digest) if digest.is_empty() || !approval.shown.as_str().starts_with(digest) => {
            Err(Failure::bad_input(format!("{} shows {}, not {digest}", approval.id, approval.shown.short()))
                .hint("look at it again with `syndarix approvals ID`, then decide"))
        }
        _ => Ok(()),
    }
}

/// Tells how a word arrived.
pub(crate) fn tell(heard: &control::Heard, output: &Output) -> Result<Exit, Failure> {
    if output.is_json() {
        output.document(
            &serde_json::json!({ "message": heard.message, "heard_by_service": heard.by_service }),
        )?;
        return Ok(Exit::Done);
    }
    output.line(&heard.message)?;
    if !heard.by_service {
        output.line("No service is running; it is recorded, and takes effect with `syndarix up`.")?;
    }
    Ok(Exit::Done)
}
