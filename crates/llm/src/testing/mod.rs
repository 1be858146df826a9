//! What tests need: storage in memory, a clock that is moved by hand, and the suite that every provider passes.

pub mod conformance;
mod memory;

pub use self::memory::{ManualClock, MemoryCall, MemoryEffects, MemoryLedger};
