//! The gateway and its providers, from outside.

mod conformance;
mod faults;
mod gateway;
mod requests;
mod scripted;
mod server;
mod wire;
