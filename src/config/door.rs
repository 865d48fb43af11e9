//! Where to listen, and who may come in.

use std::net::SocketAddr;

use super::check::{Check, given};
use crate::{cli::Secret, keys::Keys};

impl Check {
    pub(super) fn keys(&mut self, value: &Option<Secret>) -> Keys {
        let Some(Secret(text)) = value else {
            return Keys::default();
        };
        Keys::parse(text).unwrap_or_else(|error| {
            // The value itself is secret, and so is not repeated.
            self.problem("BATCH_GPT_API_KEYS", "…", error);
            Keys::default()
        })
    }

    pub(super) fn bind(
        &mut self,
        value: &Option<String>,
        keys: &Keys,
        allow_anonymous: &Option<String>,
    ) -> SocketAddr {
        let default = SocketAddr::from(([127, 0, 0, 1], 8080));
        let text = given(value).unwrap_or("127.0.0.1:8080");
        let allowed = [("0", false), ("1", true)];
        let allow = self.word("BATCH_GPT_ALLOW_ANONYMOUS", allow_anonymous, false, &allowed);
        let Ok(address) = text.parse::<SocketAddr>() else {
            self.problem(
                "BATCH_GPT_BIND_ADDRESS",
                text,
                "an address with a port is allowed, such as 127.0.0.1:8080",
            );
            return default;
        };
        if !address.ip().is_loopback() && keys.is_empty() && !allow {
            let words = "without BATCH_GPT_API_KEYS only a loopback address is allowed, or set \
                         BATCH_GPT_ALLOW_ANONYMOUS=1";
            self.problem("BATCH_GPT_BIND_ADDRESS", text, words);
        }
        address
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::ServeArgs, config::Config};

    fn some(text: &str) -> Option<String> {
        Some(text.into())
    }

    #[test]
    fn beyond_loopback_needs_keys_or_a_clear_word() {
        let open = ServeArgs { simulate: true, bind_address: some("0.0.0.0:0"), ..ServeArgs::default() };
        assert!(Config::parse(&open).is_err());
        assert!(Config::parse(&ServeArgs { allow_anonymous: some("1"), ..open.clone() }).is_ok());
        assert!(Config::parse(&ServeArgs { api_keys: Some(Secret("a:b".into())), ..open }).is_ok());
    }
}
