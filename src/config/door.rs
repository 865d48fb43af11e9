//! Where to listen, and who may come in.

use std::{net::SocketAddr, sync::Arc};

use super::check::{Check, given};
use crate::{
    cli::ServeArgs,
    keys::{Key, Keys, file::KeyFile, ring::Keyring},
};

impl Check {
    /// The keys of the settings and of the file.
    pub(super) fn keys(&mut self, args: &ServeArgs) -> Arc<Keyring> {
        let list = args.api_keys.as_ref().map_or("", |secret| &secret.0);
        let fixed = Keys::parse(list).unwrap_or_else(|error| {
            // The value itself is secret, and so is not repeated.
            self.problem("BATCH_GPT_API_KEYS", "…", error);
            Keys::default()
        });
        let file = given(&args.keys_file).map(KeyFile::at);
        let ring = Keyring::new(fixed, file).unwrap_or_else(|error| {
            self.problem("BATCH_GPT_KEYS_FILE", given(&args.keys_file).unwrap_or_default(), error);
            Keyring::default()
        });
        Arc::new(ring)
    }

    pub(super) fn administrator(&mut self, args: &ServeArgs) -> Option<Key> {
        let key = self.secret("BATCH_GPT_ADMIN_KEY", &args.admin_key, &args.admin_key_file)?;
        Some(Key::new(&key.0))
    }

    pub(super) fn bind(&mut self, args: &ServeArgs, keys: &Keyring) -> SocketAddr {
        let default = SocketAddr::from(([127, 0, 0, 1], 8080));
        let text = given(&args.bind_address).unwrap_or("127.0.0.1:8080");
        let allowed = [("0", false), ("1", true)];
        let allow = self.word("BATCH_GPT_ALLOW_ANONYMOUS", &args.allow_anonymous, false, &allowed);
        let Ok(address) = text.parse::<SocketAddr>() else {
            self.problem(
                "BATCH_GPT_BIND_ADDRESS",
                text,
                "an address with a port is allowed, such as 127.0.0.1:8080",
            );
            return default;
        };
        if !address.ip().is_loopback() && keys.is_open() && !allow {
            let words = "without BATCH_GPT_API_KEYS or BATCH_GPT_KEYS_FILE only a loopback address is allowed, \
                         or set BATCH_GPT_ALLOW_ANONYMOUS=1";
            self.problem("BATCH_GPT_BIND_ADDRESS", text, words);
        }
        address
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{cli::Secret, config::Config};

    fn some(text: &str) -> Option<String> {
        Some(text.into())
    }

    #[test]
    fn beyond_loopback_needs_keys_or_a_clear_word() {
        let open = ServeArgs { simulate: true, bind_address: some("0.0.0.0:0"), ..ServeArgs::default() };
        assert!(Config::parse(&open).is_err());
        assert!(Config::parse(&ServeArgs { allow_anonymous: some("1"), ..open.clone() }).is_ok());
        assert!(Config::parse(&ServeArgs { api_keys: Some(Secret("a:b".into())), ..open.clone() }).is_ok());
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("keys.json");
        let with_file = ServeArgs { keys_file: some(&file.display().to_string()), ..open };
        assert!(Config::parse(&with_file).is_ok(), "keys can be made later");
        std::fs::write(&file, "{").unwrap();
        assert!(Config::parse(&with_file).unwrap_err().to_string().starts_with("BATCH_GPT_KEYS_FILE="));
    }
}
