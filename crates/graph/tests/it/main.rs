//! The crate as its users see it.

mod conformance;
mod deciding;
mod definition;
mod format;
mod interrupts;
mod notes;
mod recovery;
mod reducers;
mod running;
