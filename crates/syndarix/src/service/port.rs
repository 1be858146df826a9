//! The engine's port, for Temporal's own tools: closed unless `up` is asked to open it.

use std::net::SocketAddr;

use syndarix_engine::{PortOptions, Tls};

use crate::config::{Config, Environment};
use crate::failure::Failure;

/// The fewest characters of a token.
const SHORTEST_TOKEN: usize = 16;

/// What opens the port at an address, as configured.
pub(crate) fn options(
    config: &Config,
    address: SocketAddr,
    environment: Environment<'_>,
) -> Result<PortOptions, Failure> {
    let settings = &config.file.temporal;
    let mut options = PortOptions::new(address);
    match (&settings.tls_certificate, &settings.tls_key) {
        (Some(certificate), Some(key)) => {
            let tls = Tls::read(&config.relative(certificate), &config.relative(key)).map_err(refused)?;
            options = options.tls(tls);
        }
        (None, None) => {}
        _ => {
            return Err(Failure::bad_input(
                "[temporal] has one of `tls_certificate` and `tls_key` without the other",
            )
            .hint("name both, or neither"));
        }
    }
    if let Some(variable) = &settings.token_env {
        let token = environment(variable).ok_or_else(|| {
            Failure::bad_input(format!("{variable} is to hold the port's token, and is not set"))
                .hint(format!("set {variable}, or take `token_env` out of [temporal]"))
        })?;
        strong(variable, &token)?;
        options = options.token(token.into());
    } else if config.file.tools.network {
        // Whoever can call the engine can answer for a human.
        return Err(Failure::bad_input(
            "agents' commands may use the network, so they would reach the engine's port",
        )
        .hint("set `token_env` in [temporal], or `network = false` in [tools]"));
    }
    options.check().map_err(refused)?;
    Ok(options)
}

/// Refuses a token that somebody could guess: whoever can call the engine can answer for a human.
fn strong(variable: &str, token: &str) -> Result<(), Failure> {
    if token.chars().count() >= SHORTEST_TOKEN {
        return Ok(());
    }
    Err(Failure::bad_input(format!(
        "the port's token in {variable} has fewer than {SHORTEST_TOKEN} characters"
    ))
    .hint(format!("set {variable} to a long random text, such as `openssl rand -hex 32` prints")))
}

/// A port that cannot be opened as asked.
pub(crate) fn refused(error: syndarix_engine::Error) -> Failure {
    let hint = match &error {
        syndarix_engine::Error::Listen { .. } => "choose another address, or end what listens there",
        syndarix_engine::Error::Tls { .. } => {
            "`tls_certificate` and `tls_key` in [temporal] name a certificate and its key, in PEM files"
        }
        _ => {
            "listen on 127.0.0.1, or set `tls_certificate`, `tls_key` and `token_env` in [temporal] of syndarix.toml"
        }
    };
    Failure::bad_input("the engine's port cannot be opened").because(error).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_can_be_guessed_is_refused_and_not_shown() {
        assert!(strong("TOKEN", "0123456789abcdef").is_ok());
        let refused = strong("TOKEN", "0123456789abcde").unwrap_err().chain();
        assert_eq!(refused, "the port's token in TOKEN has fewer than 16 characters");
        assert!(strong("TOKEN", "").is_err());
    }
}
