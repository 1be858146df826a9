//! Who may call: everyone who reaches the port, or whoever knows the token.

use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;
use tonic::metadata::MetadataValue;
use tonic::service::Interceptor;
use tonic::{Request, Status};

/// What is asked of a caller before anything else.
#[derive(Debug, Clone)]
pub(super) struct Access {
    token: Option<SecretString>,
}

impl Access {
    pub(super) fn open() -> Self {
        Self { token: None }
    }

    pub(super) fn token(token: SecretString) -> Self {
        Self { token: Some(token) }
    }

    pub(super) fn is_restricted(&self) -> bool {
        self.token.is_some()
    }

    /// Whether a header `authorization` opens the door. The comparison takes as long for a wrong token as for the
    /// right one.
    fn admits(&self, authorization: Option<&[u8]>) -> bool {
        let Some(token) = &self.token else { return true };
        let Some((scheme, given)) = authorization.and_then(|header| header.split_at_checked("Bearer ".len()))
        else {
            return false;
        };
        scheme.eq_ignore_ascii_case(b"Bearer ") && bool::from(given.ct_eq(token.expose_secret().as_bytes()))
    }
}

impl Interceptor for Access {
    fn call(&mut self, request: Request<()>) -> Result<Request<()>, Status> {
        if self.admits(request.metadata().get("authorization").map(MetadataValue::as_bytes)) {
            return Ok(request);
        }
        Err(Status::unauthenticated("this port wants a token, as `authorization: Bearer TOKEN`"))
    }
}

#[cfg(test)]
mod tests {
    use super::Access;

    #[test]
    fn the_token_opens_the_door() {
        let cases: [(Option<&str>, bool); 8] = [
            (None, false),
            (Some(""), false),
            (Some("Bearer"), false),
            (Some("Bearer "), false),
            (Some("Bearer secre"), false),
            (Some("Basic secret"), false),
            (Some("bearer secret"), true),
            (Some("Bearer secret"), true),
        ];
        let restricted = Access::token("secret".to_owned().into());
        for (header, admitted) in cases {
            assert_eq!(restricted.admits(header.map(str::as_bytes)), admitted, "{header:?}");
            assert!(Access::open().admits(header.map(str::as_bytes)), "{header:?}");
        }
    }

    #[test]
    fn the_token_is_not_printed() {
        assert!(!format!("{:?}", Access::token("secret".to_owned().into())).contains("secret\""));
    }
}
