//! An environment as far as it is about one folder of the repository.

use crate::environment::{Environment, Part};
use crate::repository::is_within;

/// Leaves what is needed to work on a folder: its parts, or, where they are none of their own, the part above it with the
/// checks of the folder `itself`, where that has any.
pub(super) fn restrict(environment: &mut Environment, folder: &str, itself: Option<Part>) {
    let all: Vec<String> = environment.parts.iter().map(|part| part.folder.clone()).collect();
    let is_kept = |part: &str| is_within(part, folder);
    let above = if all.iter().any(|part| is_kept(part)) {
        None
    } else {
        all.iter().filter(|part| is_within(folder, part)).max_by_key(|part| part.len()).cloned()
    };
    environment.parts.retain(|part| is_kept(&part.folder) || above.as_ref() == Some(&part.folder));
    if let (Some(above), Some(itself)) = (&above, itself.filter(|itself| !itself.checks.is_empty()))
        && let Some(part) = environment.parts.iter_mut().find(|part| part.folder == *above)
    {
        part.checks.clear();
        // Set-up is the whole's: what the folder says of its own would install it once more.
        environment.parts.push(Part { set_up: Vec::new(), inputs: Vec::new(), ..itself });
    }
    // What is missing counts where the innermost part that asks for it is left.
    let kept: Vec<&str> = environment.parts.iter().map(|part| part.folder.as_str()).collect();
    environment.missing.retain(|missing| {
        let asking =
            all.iter().filter(|part| is_within(&missing.witness.file, part)).max_by_key(|part| part.len());
        asking.is_none_or(|asking| kept.contains(&asking.as_str()))
    });
    let is_checked =
        environment.parts.iter().any(|part| is_within(&part.folder, folder) && !part.checks.is_empty());
    environment.notes.push(if is_checked {
        format!("the work is about the folder {folder}: only its checks are run")
    } else {
        format!("the work is about the folder {folder}, which has no checks of its own")
    });
}
