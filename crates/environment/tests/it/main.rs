//! The tests of this crate's outside.
