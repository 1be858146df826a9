//! The `syndarix` binary: reads the command line, runs one command, ends with its exit code.
//!
//! - [`commands`]: one file per command.
//! - [`config`]: `syndarix.toml` and what is effective without it.
//! - [`input`]: what a user hands over, checked before anything is created.
//! - [`service`]: the running program: store, engine, models, tools, agents, workflows, control socket.
//! - [`display`]: what a person sees, as pure functions from the journal.
//! - [`doctor`]: what the machine has and lacks.

#![expect(
    clippy::format_push_string,
    reason = "reports are short, and read better so than with `write!` and its error"
)]
#![cfg_attr(test, expect(clippy::needless_raw_string_hashes, reason = "expect-test writes texts like this"))]

mod cli;
mod commands;
mod config;
mod demo;
mod display;
mod doctor;
mod exit;
mod failure;
mod input;
mod output;
mod records;
mod service;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use tracing_subscriber::EnvFilter;

use crate::cli::Cli;
use crate::output::{Output, color_wanted};

/// What one thread allocates another frees here all the time: an answer of the engine's, a row for its writer. The
/// C library's allocator makes them wait for one another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    trace();
    let output = Output::new(cli.global.json);
    match commands::dispatch(cli, &output) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            if !failure.is_silent() {
                report(&failure, &output);
            }
            failure.exit().into()
        }
    }
}

/// What the parts say of their inner workings, on standard error, where `SYNDARIX_LOG` asks for it:
/// `SYNDARIX_LOG=info`, or by part, such as `syndarix_engine=debug`. One library is never listened to: it repeats
/// answers of providers, and a provider may repeat a key.
fn trace() {
    let Some(wanted) = config::process_environment("SYNDARIX_LOG") else { return };
    let filter = EnvFilter::new(format!("{wanted},genai=off"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
}

/// Says on standard error why a command failed; a program that asked for JSON gets it as JSON.
fn report(failure: &failure::Failure, output: &Output) {
    let text = if output.is_json() {
        format!("{}\n", display::text::json(&failure.to_json().to_string()))
    } else {
        display::text::for_terminal(&failure.render(color_wanted(&io::stderr())))
    };
    // There is nowhere left to complain to when standard error is gone too.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
