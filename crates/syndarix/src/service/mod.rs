//! The running program and what reaches it from outside.
//!
//! - [`host`]: everything that works on one data directory, started in order and stopped in reverse.
//! - [`baseline`], [`workshop`]: what a repository needs, set up and checked before anything begins.
//! - [`begin`]: beginning a project.
//! - [`busy`]: whether anything is left to do.
//! - [`session`], [`watch`]: one stay with a service: the live feed, and how it ends.
//! - [`stop`]: how a service is told to stop.
//! - [`unfinished`]: what a data directory holds that is not over.
//! - [`closing`]: what a summary is made of.
//! - [`models`], [`tools`]: configuration in the terms of the gateway and the toolbox.
//! - [`private`]: who may look at what the service keeps.
//! - [`word`]: what a human may say to a project, as one value, and what it does to the store.
//! - [`control`]: the socket through which another terminal says it to a running service.

pub(crate) mod baseline;
pub(crate) mod begin;
mod busy;
pub(crate) mod closing;
pub(crate) mod control;
pub(crate) mod host;
pub(crate) mod models;
pub(crate) mod port;
mod private;
pub(crate) mod session;
pub(crate) mod stop;
pub(crate) mod tools;
pub(crate) mod unfinished;
pub(crate) mod watch;
pub(crate) mod word;
pub(crate) mod workshop;
