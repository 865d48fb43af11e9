//! Where a gateway is, and who asks it.

use std::fmt;

use clap::Args;
use reqwest::Url;

use crate::cli::Secret;

/// Flags that say which gateway is meant.
#[derive(Debug, Clone, Args)]
pub struct GatewayArgs {
    /// Where the gateway is, with or without /v1
    #[arg(long, env = "BATCH_GPT_URL", value_name = "URL", default_value = "http://127.0.0.1:8080")]
    pub url: String,

    /// A tenant's key or the administrator's, if the gateway asks for one. Better set as a variable: others can see a
    /// command line. The upstream's OPENAI_API_KEY is not used here
    #[arg(long, env = "BATCH_GPT_CLIENT_KEY", hide_env_values = true, value_name = "KEY")]
    pub api_key: Option<Secret>,
}

/// Where a gateway is, without `/v1`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address(Url);

/// Why a text is no address of a gateway.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    /// It is no URL.
    #[error("--url (BATCH_GPT_URL) is not a URL that begins with http:// or https://")]
    NotHttp,
    /// It carries a user or a password, which would be shown on the screen.
    #[error("--url (BATCH_GPT_URL) holds a user or a password; a key belongs into BATCH_GPT_CLIENT_KEY")]
    Secret,
}

impl Address {
    /// Reads what was typed. Without a scheme, `http` is meant.
    pub fn parse(typed: &str) -> Result<Self, BadAddress> {
        let typed = typed.trim();
        let url = if typed.contains("://") { typed.to_owned() } else { format!("http://{typed}") };
        let mut url = Url::parse(&url).map_err(|_| BadAddress::NotHttp)?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(BadAddress::NotHttp);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BadAddress::Secret);
        }
        let path = url.path().trim_end_matches('/');
        let path = path.strip_suffix("/v1").unwrap_or(path).trim_end_matches('/').to_owned();
        url.set_path(&path);
        url.set_query(None);
        url.set_fragment(None);
        Ok(Self(url))
    }

    /// The URL of something below `/v1`. Each segment is escaped where that is needed.
    pub fn of(&self, segments: &[&str]) -> Url {
        let mut url = self.0.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("v1").extend(segments);
        }
        url
    }

    /// Whether it is on this machine.
    pub fn is_local(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default().trim_matches(['[', ']']);
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|host| host.is_loopback())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_the_same_with_and_without_v1_and_scheme() {
        for typed in
            ["127.0.0.1:8080", "http://127.0.0.1:8080/", "http://127.0.0.1:8080/v1/", " 127.0.0.1:8080/v1"]
        {
            let address = Address::parse(typed).unwrap();
            assert_eq!(address.to_string(), "http://127.0.0.1:8080", "{typed}");
            assert_eq!(address.of(&["batches"]).as_str(), "http://127.0.0.1:8080/v1/batches");
        }
        let behind = Address::parse("https://example.org/llm/v1").unwrap();
        assert_eq!(
            behind.of(&["batches", "a/../b?"]).as_str(),
            "https://example.org/llm/v1/batches/a%2F..%2Fb%3F"
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for typed in ["", "ftp://host", "http://", "a b", "http://:99999"] {
            assert_eq!(Address::parse(typed), Err(BadAddress::NotHttp), "{typed}");
        }
        assert_eq!(Address::parse("http://user:sk-1@host"), Err(BadAddress::Secret));
    }

    #[test]
    fn this_machine_is_known_by_its_names() {
        let local = |typed| Address::parse(typed).unwrap().is_local();
        assert!(local("localhost:1") && local("127.3.2.1:1") && local("http://[::1]:1"));
        assert!(!local("10.0.0.1:1") && !local("localhost.example.org"));
    }
}
