//! The certificate of the listener.

use std::sync::Arc;

use super::check::{Check, given};
use crate::{cli::ServeArgs, tls::Certificate};

impl Check {
    /// A certificate and its key, or neither.
    pub(super) fn tls(&mut self, args: &ServeArgs) -> Option<Arc<Certificate>> {
        let (chain, key) = match (given(&args.tls_cert), given(&args.tls_key)) {
            (None, None) => return None,
            (Some(chain), Some(key)) => (chain, key),
            (Some(chain), None) => {
                self.problem("BATCH_GPT_TLS_CERT", chain, "BATCH_GPT_TLS_KEY is needed, too");
                return None;
            }
            (None, Some(key)) => {
                self.problem("BATCH_GPT_TLS_KEY", key, "BATCH_GPT_TLS_CERT is needed, too");
                return None;
            }
        };
        match Certificate::read(chain.into(), key.into()) {
            Ok(certificate) => Some(Arc::new(certificate)),
            Err(error) => {
                self.problem("BATCH_GPT_TLS_CERT", chain, error);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_certificate_needs_its_key() {
        let some = |text: &str| Some(text.to_owned());
        let problem = |tls_cert, tls_key| {
            let args = ServeArgs { simulate: true, tls_cert, tls_key, ..ServeArgs::default() };
            Config::parse(&args).unwrap_err().to_string()
        };
        assert_eq!(problem(some("c"), None), "BATCH_GPT_TLS_CERT=c: BATCH_GPT_TLS_KEY is needed, too");
        assert_eq!(problem(None, some("k")), "BATCH_GPT_TLS_KEY=k: BATCH_GPT_TLS_CERT is needed, too");
        let missing = problem(some("/nowhere/c"), some("/nowhere/k"));
        assert!(missing.starts_with("BATCH_GPT_TLS_CERT=/nowhere/c: /nowhere/c cannot be read"), "{missing}");
    }
}
