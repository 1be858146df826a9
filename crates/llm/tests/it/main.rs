//! The gateway and its providers, from outside.

#![allow(clippy::needless_raw_string_hashes, reason = "expect-test writes its expectations with them")]

mod aimock;
mod conformance;
mod faults;
mod gateway;
mod prices;
mod requests;
mod scripted;
mod server;
mod wire;
