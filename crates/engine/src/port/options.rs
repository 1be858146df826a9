//! How a port is opened, and which addresses are refused.

use super::Access;
use crate::Error;
use secrecy::{ExposeSecret as _, SecretString};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tonic::transport::{Identity, ServerTlsConfig};

/// Options of [`crate::Engine::listen`].
#[derive(Debug, Clone)]
pub struct PortOptions {
    pub(super) address: SocketAddr,
    pub(super) tls: Option<Tls>,
    pub(super) access: Access,
}

/// A certificate and its key.
#[derive(Debug, Clone)]
pub struct Tls {
    pub(super) certificate: PathBuf,
    certificate_pem: String,
    key_pem: SecretString,
}

impl PortOptions {
    /// A port for whoever is on this machine, without TLS or a token; any other address needs both.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, tls: None, access: Access::open() }
    }

    /// With TLS.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Only for those who send this token, as `authorization: Bearer TOKEN`.
    #[must_use]
    pub fn token(mut self, token: SecretString) -> Self {
        self.access = Access::token(token);
        self
    }

    /// Refuses to let strangers run workflows, or anyone read them on their way. [`crate::Engine::listen`] asks this
    /// first; whoever wants to know before there is an engine can ask, too.
    pub fn check(&self) -> Result<(), Error> {
        let missing = match (self.tls.is_some(), self.access.is_restricted()) {
            _ if self.address.ip().is_loopback() => return Ok(()),
            (true, true) => return Ok(()),
            (false, true) => "TLS",
            (true, false) => "a token",
            (false, false) => "TLS and a token",
        };
        Err(Error::PublicPort { address: self.address, missing })
    }
}

impl Tls {
    /// Reads a certificate (with those of its issuers after it) and its key, both PEM.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, Error> {
        let read = |path: &Path| {
            std::fs::read_to_string(path)
                .map_err(|error| Error::Tls { certificate: path.to_owned(), reason: error.to_string() })
        };
        Ok(Self {
            certificate: certificate.to_owned(),
            certificate_pem: read(certificate)?,
            key_pem: read(key)?.into(),
        })
    }

    pub(super) fn server_config(&self) -> ServerTlsConfig {
        ServerTlsConfig::new()
            .identity(Identity::from_pem(&self.certificate_pem, self.key_pem.expose_secret()))
    }
}

#[cfg(test)]
mod tests {
    use super::{PortOptions, Tls};

    #[test]
    fn a_public_address_needs_tls_and_a_token() {
        let tls = || Tls {
            certificate: "certificate.pem".into(),
            certificate_pem: String::new(),
            key_pem: String::new().into(),
        };
        let cases = [
            ("127.0.0.1:7233", false, false, None),
            ("127.8.8.8:7233", false, false, None),
            ("[::1]:7233", false, false, None),
            ("0.0.0.0:7233", false, false, Some("TLS and a token")),
            ("[::]:7233", false, true, Some("TLS")),
            ("192.0.2.1:7233", true, false, Some("a token")),
            ("192.0.2.1:7233", true, true, None),
        ];
        for (address, with_tls, with_token, missing) in cases {
            let mut options = PortOptions::new(address.parse().expect("an address"));
            if with_tls {
                options = options.tls(tls());
            }
            if with_token {
                options = options.token("a-token".to_owned().into());
            }
            let refusal = options.check().err().map(|error| error.to_string());
            let expected = missing.map(|missing| {
                format!(
                    "{address} can be reached by others: without {missing} the engine does not listen there"
                )
            });
            assert_eq!(refusal, expected, "{address}, TLS: {with_tls}, token: {with_token}");
        }
    }
}
