//! The engine under Temporal's own SDK.
#![expect(unreachable_pub, reason = "the SDK's macros ask for public workflow types")]
#![expect(clippy::needless_raw_string_hashes, reason = "expect-test writes the strings")]
#![expect(clippy::large_futures, reason = "a test's future is moved once")]
#![expect(clippy::needless_pass_by_value, reason = "the SDK hands signals over by value")]
#![expect(clippy::unnecessary_wraps, reason = "a message's fields are optional")]

mod acknowledged;
mod activities;
mod activity_control;
mod bare;
mod children;
mod crash;
mod cron;
mod disk;
mod lifecycle;
mod limits;
mod load;
mod messages;
mod port;
mod process;
mod query_protocol;
mod replay;
mod reset;
mod restart;
mod rpc;
mod schedules;
mod script;
mod time;
mod timers;
mod update_protocol;
mod updates;
mod visibility;
mod world;
