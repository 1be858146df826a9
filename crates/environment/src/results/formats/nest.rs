//! Tests inside of tests, where the outer one's result follows the inner ones'.

use super::super::{Outcome, TestResults};

/// What stands between a suite and what is in it.
pub(super) const INSIDE: &str = " › ";

/// The results of an indented text: each belongs to the next one that is less indented.
#[derive(Debug, Default)]
pub(super) struct Nest {
    open: Vec<Open>,
    done: TestResults,
}

#[derive(Debug)]
struct Open {
    depth: usize,
    name: String,
    outcome: Outcome,
}

impl Nest {
    /// A result at this depth. What is deeper and not yet closed was inside of it.
    ///
    /// A suite is no test: it is kept only where it failed and none of what it holds did, as when its set-up broke.
    pub(super) fn result(&mut self, depth: usize, name: &str, outcome: Outcome) {
        let inside = self.open.iter().rposition(|open| open.depth <= depth).map_or(0, |at| at + 1);
        let mut own = inside == self.open.len() || outcome == Outcome::Failed;
        for open in &mut self.open[inside..] {
            open.name = format!("{name}{INSIDE}{}", open.name);
            // From here on it closes with what holds this suite.
            open.depth = depth;
            own &= open.outcome != Outcome::Failed;
        }
        if own {
            self.open.push(Open { depth, name: name.to_owned(), outcome });
        }
        // At the outermost depth nothing follows that could hold these.
        if depth == 0 {
            self.close();
        }
    }

    fn close(&mut self) {
        for open in self.open.drain(..) {
            self.done.add(&open.name, open.outcome);
        }
    }

    /// The results; those of a suite whose end is missing without its name.
    pub(super) fn finish(mut self) -> TestResults {
        self.close();
        self.done
    }
}
