//! A Makefile beside manifests that show no tests: what it calls `test` is then the only thing that says how they run.

use super::c::make_target;
use super::folder::Folder;
use crate::environment::{Check, CheckKind, Part};

pub(super) fn take_over(folder: &Folder<'_>, part: &mut Part) {
    if part.checks.iter().any(|check| check.kind == CheckKind::Tests) {
        return;
    }
    let Some((makefile, target)) = make_target(folder) else { return };
    let witness = folder.witness_of(makefile, &format!("{target}:"));
    let command = vec!["make".to_owned(), target.to_owned()];
    part.checks.push(Check { kind: CheckKind::Tests, command, witness });
}
