//! The gateway with a certificate.

use std::{fs, path::Path, time::Duration};

use reqwest::{Certificate, Client};
use tempfile::TempDir;

use crate::{
    process::{Gateway, PATIENCE, command, until},
    raw::chat,
};

/// Puts a new certificate of 127.0.0.1 and its key into the files.
fn renew(chain: &Path, key: &Path) -> Certificate {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    fs::write(key, made.signing_key.serialize_pem()).unwrap();
    fs::write(chain, made.cert.pem()).unwrap();
    Certificate::from_pem(made.cert.pem().as_bytes()).unwrap()
}

/// A client that trusts this certificate alone, and has never been here.
fn trusting(certificate: &Certificate) -> Client {
    let builder = Client::builder().tls_certs_only([certificate.clone()]).timeout(PATIENCE);
    builder.pool_max_idle_per_host(0).build().unwrap()
}

async fn is_served(client: &Client, gateway: &Gateway, prompt: &str) -> bool {
    let call =
        client.post(format!("{}/chat/completions", gateway.url)).bearer_auth("any").json(&chat(prompt));
    call.send().await.is_ok_and(|answer| answer.status() == 200)
}

#[tokio::test]
async fn clients_are_served_over_tls_and_a_new_certificate_needs_no_restart() {
    let folder = TempDir::new().unwrap();
    let (chain, key) = (folder.path().join("chain.pem"), folder.path().join("key.pem"));
    let first = renew(&chain, &key);
    let settings = [
        ("BATCH_GPT_TLS_CERT", chain.to_str().unwrap()),
        ("BATCH_GPT_TLS_KEY", key.to_str().unwrap()),
        ("BATCH_GPT_MAX_CONNECTIONS_PER_ADDRESS", "50"),
    ];
    let mut gateway = Gateway::with(Duration::from_millis(100), &settings).await;
    assert!(gateway.url.starts_with("https://"), "{}", gateway.url);
    assert!(is_served(&trusting(&first), &gateway, "over TLS").await);
    assert!(!is_served(&gateway.client, &gateway, "to whom this certificate is a stranger's").await);
    let plain = gateway.client.get(gateway.root().replace("https", "http")).send().await;
    assert!(plain.is_err(), "it does not speak HTTP without TLS");
    let mut healthcheck = command();
    healthcheck.args(["healthcheck", "--bind-address", &gateway.address().to_string()]);
    assert!(healthcheck.env("BATCH_GPT_TLS_CERT", &chain).status().await.unwrap().success());

    let second = renew(&chain, &key);
    let turn = async || is_served(&trusting(&second), &gateway, "with the new certificate").await;
    until(turn).await;
    assert!(!is_served(&trusting(&first), &gateway, "with the old certificate").await);

    fs::write(&key, "no key").unwrap();
    gateway.says("is no PEM file of that kind").await;
    assert!(is_served(&trusting(&second), &gateway, "while its files are broken").await);
}
