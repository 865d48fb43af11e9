//! The upstream and its key.

use super::{
    UpstreamConfig,
    check::{Check, given},
};
use crate::{cli::ServeArgs, upstream::UpstreamKey};

impl Check {
    pub(super) fn upstream(&mut self, args: &ServeArgs) -> UpstreamConfig {
        if args.simulate {
            return UpstreamConfig::Simulated;
        }
        let url = given(&args.openai_base_url).unwrap_or("https://api.openai.com/v1");
        if reqwest::Url::parse(url).map_or(true, |url| !["http", "https"].contains(&url.scheme())) {
            self.problem("OPENAI_BASE_URL", url, "an http or https URL is allowed");
        }
        let key = args.openai_api_key.as_ref().map(|key| key.0.trim()).filter(|key| !key.is_empty());
        let Some(key) = key else {
            let words = "a key is needed; or try `batch-gpt serve --simulate`, which needs none";
            self.problem("OPENAI_API_KEY", "", words);
            return UpstreamConfig::Simulated;
        };
        match UpstreamKey::new(key) {
            Ok(key) => UpstreamConfig::At(url.to_owned(), key),
            Err(error) => {
                self.problem("OPENAI_API_KEY", "…", error);
                UpstreamConfig::Simulated
            }
        }
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
}
