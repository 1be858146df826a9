//! How a project stands, in a few lines.

use syndarix_core::id::ProjectId;
use syndarix_core::task::TaskState;
use syndarix_core::time::Timestamp;

use super::board::Board;
use super::text::one_line;

/// The project's state, its team and what waits for a human.
pub(crate) fn render(project: &ProjectId, board: &Board, now: Timestamp) -> String {
    // The clock of a project that is over stands still.
    let now = if board.state.is_final() { board.latest } else { now };
    let reason =
        board.reason.as_ref().map_or_else(String::new, |reason| format!(": {}", one_line(reason, 160)));
    let mut text = format!(
        "{project}  {}\n{}{reason}\n{}\n",
        one_line(&board.title, 80),
        board.state,
        board.headline(now)
    );
    let active = board.active_lines();
    if !active.is_empty() && !board.state.is_final() {
        text.push_str("\nAt work\n");
        for (_, line) in active {
            text.push_str(&format!("  {line}\n"));
        }
    }
    let open: Vec<String> = board
        .tasks
        .iter()
        .filter(|(_, card)| !matches!(card.state, TaskState::Done | TaskState::Cancelled))
        .map(|(task, card)| format!("  {:<11} {}", card.state.as_str().replace('_', " "), board.task(task)))
        .collect();
    if !open.is_empty() {
        text.push_str(&format!("\nOpen tasks\n{}\n", open.join("\n")));
    }
    if !board.waiting.is_empty() {
        text.push_str("\nWaits for you\n");
        for (approval, title) in &board.waiting {
            text.push_str(&format!("  {approval}  {}\n", one_line(title, 100)));
        }
        text.push_str("\nLook with `syndarix approvals ID`, then `syndarix approve ID` or `syndarix reject ID --comment WHY`.\n");
    }
    text
}
