//! The engine under Temporal's own SDK.
#![expect(unreachable_pub, reason = "the SDK's macros ask for public workflow types")]

mod activities;
mod children;
mod crash;
mod lifecycle;
mod messages;
mod restart;
mod script;
mod timers;
mod world;
