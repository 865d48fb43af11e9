//! The upstream and its key.

use std::path::Path;

use reqwest::Url;

use super::{
    UpstreamConfig,
    check::{Check, given},
};
use crate::{
    cli::{Secret, ServeArgs},
    upstream::{UpstreamKey, is_loopback},
};

/// The upstream key among the credentials of a service.
const CREDENTIAL: &str = "openai_api_key";

impl Check {
    pub(super) fn upstream(&mut self, args: &ServeArgs) -> UpstreamConfig {
        if args.simulate {
            return UpstreamConfig::Simulated;
        }
        let url = self.base_url(args);
        let Some(key) = self.upstream_key(args) else {
            return UpstreamConfig::Simulated;
        };
        match UpstreamKey::new(&key.0) {
            Ok(key) => UpstreamConfig::At(url, key),
            Err(error) => {
                self.problem("OPENAI_API_KEY", "…", error);
                UpstreamConfig::Simulated
            }
        }
    }

    /// A variable or a file says more than what the system's manager has laid down.
    fn upstream_key(&mut self, args: &ServeArgs) -> Option<Secret> {
        let problems = self.problems.len();
        let key = self.secret("OPENAI_API_KEY", &args.openai_api_key, &args.openai_api_key_file);
        if key.is_some() || self.problems.len() > problems {
            return key;
        }
        let credential = given(&args.credentials_directory).map(|folder| Path::new(folder).join(CREDENTIAL));
        if let Some(credential) = credential.filter(|path| path.exists()) {
            return self.secret_in("CREDENTIALS_DIRECTORY", &credential);
        }
        let words = "a key is needed; or try `batch-gpt serve --simulate`, which needs none";
        self.problem("OPENAI_API_KEY", "", words);
        None
    }

    fn base_url(&mut self, args: &ServeArgs) -> String {
        let words = [("0", false), ("1", true)];
        let plain = self.word("BATCH_GPT_ALLOW_PLAIN_UPSTREAM", &args.allow_plain_upstream, false, &words);
        let text = given(&args.openai_base_url).unwrap_or("https://api.openai.com/v1");
        match Url::parse(text) {
            // The value itself is secret then.
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                self.problem("OPENAI_BASE_URL", "…", "a URL without a user and a password is allowed");
            }
            Ok(url) if url.scheme() == "https" => {}
            Ok(url) if url.scheme() == "http" && (plain || is_loopback(&url)) => {}
            Ok(url) if url.scheme() == "http" => {
                let words = "http would show the upstream key to the network: https is allowed, or set \
                             BATCH_GPT_ALLOW_PLAIN_UPSTREAM=1";
                self.problem("OPENAI_BASE_URL", text, words);
            }
            Ok(_) | Err(_) => self.problem("OPENAI_BASE_URL", text, "an http or https URL is allowed"),
        }
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn a_key_is_needed_unless_the_upstream_is_simulated() {
        let missing = Config::parse(&ServeArgs::default()).unwrap_err();
        assert!(missing.to_string().starts_with("OPENAI_API_KEY="));
        assert!(Config::parse(&ServeArgs { simulate: true, ..ServeArgs::default() }).is_ok());
    }

    #[test]
    fn the_key_is_taken_from_a_variable_a_file_or_the_systems_manager() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("openai_api_key");
        std::fs::write(&path, "sk-1\n").unwrap();
        let (file, credentials) =
            (Some(path.display().to_string()), Some(folder.path().display().to_string()));
        let nowhere = Some("/nowhere".to_owned());
        let is_fine = |args: ServeArgs| Config::parse(&args).is_ok();
        assert!(is_fine(ServeArgs { openai_api_key_file: file.clone(), ..ServeArgs::default() }));
        assert!(is_fine(ServeArgs { credentials_directory: credentials.clone(), ..ServeArgs::default() }));
        assert!(!is_fine(ServeArgs { credentials_directory: nowhere.clone(), ..ServeArgs::default() }));
        let both = ServeArgs {
            openai_api_key_file: nowhere,
            credentials_directory: credentials,
            ..ServeArgs::default()
        };
        let problems = Config::parse(&both).unwrap_err().0;
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].starts_with("OPENAI_API_KEY_FILE=/nowhere: cannot be read"), "{problems:?}");
    }

    #[test]
    fn the_key_does_not_travel_unencrypted_unless_somebody_says_so() {
        let problem = |url: &str, plain: Option<&str>| {
            let args = ServeArgs {
                openai_api_key: Some(Secret("sk-1".into())),
                openai_base_url: Some(url.into()),
                allow_plain_upstream: plain.map(str::to_owned),
                ..ServeArgs::default()
            };
            Config::parse(&args).err().map(|bad| bad.to_string())
        };
        for url in
            ["https://example.com/v1", "http://127.0.0.1:1/v1", "http://[::1]:1", "http://localhost/v1"]
        {
            assert_eq!(problem(url, None), None, "{url}");
        }
        for url in ["http://example.com/v1", "http://10.0.0.1/v1", "http://localhost.example.com/v1"] {
            assert!(problem(url, None).unwrap().contains("BATCH_GPT_ALLOW_PLAIN_UPSTREAM=1"), "{url}");
            assert_eq!(problem(url, Some("1")), None, "{url}");
        }
        assert!(problem("ftp://example.com", Some("1")).is_some());
        let secret = problem("https://user:hidden@example.com/v1", None).unwrap();
        assert!(!secret.contains("hidden"), "{secret}");
    }
}
