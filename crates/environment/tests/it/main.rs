//! The tests of this crate's outside.

mod results;
