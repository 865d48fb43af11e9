use std::{fs, path::Path, time::Duration};

use batch_gpt::http::operations::operations;

use crate::process::{Gateway, UPSTREAM_KEY};

#[tokio::test]
async fn neither_keys_nor_prompts_are_ever_written() {
    let keys =
        [("BATCH_GPT_API_KEYS", "canary:sk-canary-client"), ("BATCH_GPT_ADMIN_KEY", "sk-canary-admin")];
    let mut gateway = Gateway::with(Duration::from_millis(100), &keys).await;
    let call = |prompt: &str, key: &str| gateway.chat_as(key, "m", prompt).send();
    assert_eq!(call("prompt-canary", "sk-canary-client").await.unwrap().status(), 200);
    assert_eq!(call("prompt-canary [[status:400]]", "sk-canary-client").await.unwrap().status(), 400);
    let refused = call("prompt-canary", "sk-canary-wrong").await.unwrap();
    assert_eq!(refused.status(), 401);
    assert!(!refused.text().await.unwrap().contains("canary"));
    let mut shown = Vec::new();
    for (path, words) in [
        ("/debug/actors", "Collector"),
        ("/metrics", "batch_gpt_requests"),
        ("/v1/overview", "\"answered\":1"),
        ("/v1/overview/batches", "timeline"),
        ("/readyz?verbose", "upstream"),
    ] {
        let call = gateway.client.get(format!("{}{path}", gateway.root())).bearer_auth("sk-canary-admin");
        let text = call.send().await.unwrap().text().await.unwrap();
        assert!(text.contains(words), "{path}: {text}");
        shown.push((path, text));
    }
    gateway.signal("-TERM");
    assert!(gateway.ended().await.success());
    let written = gateway.written.join("\n");
    for canary in [UPSTREAM_KEY, "sk-canary", "prompt-canary", "Answer to"] {
        assert!(!written.contains(canary), "{canary} was logged");
        for (path, text) in &shown {
            assert!(!text.contains(canary), "{canary} is shown by {path}");
        }
    }
}

#[tokio::test]
async fn the_inside_is_for_administrators() {
    let keys = [("BATCH_GPT_API_KEYS", "a:sk-a"), ("BATCH_GPT_ADMIN_KEY", "sk-admin")];
    let gateway = Gateway::with(Duration::from_millis(100), &keys).await;
    for (key, status) in [("sk-a", 403), ("sk-wrong", 401), ("sk-admin", 200)] {
        let call = gateway.client.get(format!("{}/debug/actors", gateway.root())).bearer_auth(key);
        assert_eq!(call.send().await.unwrap().status(), status, "{key}");
    }
}

/// Whatever is in a folder and below.
fn contents(folder: &Path) -> Vec<u8> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { contents(&path) } else { fs::read(path).unwrap() }).collect()
}

fn holds(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}

/// The upstream key and the administrator's, from files: not in the log with all that it can say, not in the data,
/// and not in what any operation answers.
#[tokio::test]
async fn keys_out_of_files_are_nowhere_to_be_found() {
    let secrets = tempfile::tempdir().unwrap();
    let secret = |name: &str, text: &str| {
        let path = secrets.path().join(name);
        fs::write(&path, format!("{text}\n")).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let credential = secret("openai_api_key", UPSTREAM_KEY);
    let administrator = secret("admin", "sk-canary-admin");
    let folder = secrets.path().to_str().unwrap().to_owned();
    for source in [("OPENAI_API_KEY_FILE", credential.as_str()), ("CREDENTIALS_DIRECTORY", folder.as_str())] {
        let settings = [
            ("OPENAI_API_KEY", ""),
            source,
            ("BATCH_GPT_ADMIN_KEY_FILE", administrator.as_str()),
            ("BATCH_GPT_API_KEYS", "canary:sk-canary-client"),
        ];
        let mut gateway = Gateway::with(Duration::from_millis(100), &settings).await;
        for prompt in ["one", "two [[status:500]]", "three [[status:400]]"] {
            gateway.chat_as("sk-canary-client", "m", prompt).send().await.unwrap();
        }
        let mut told = Vec::new();
        for operation in operations() {
            let url = format!("{}{}", gateway.root(), operation.path());
            for key in ["sk-canary-client", "sk-canary-admin", "sk-canary-wrong"] {
                let call =
                    gateway.client.request(operation.method.as_str().parse().unwrap(), &url).bearer_auth(key);
                let answer = call.send().await.unwrap();
                told.extend(format!("{:?}\n", answer.headers()).into_bytes());
                told.extend(answer.bytes().await.unwrap());
            }
        }
        gateway.signal("-TERM");
        assert!(gateway.ended().await.success());
        let (log, data) = (gateway.written.join("\n").into_bytes(), contents(&gateway.data()));
        assert!(holds(&data, "Answer to: one") && holds(&told, "Collector") && holds(&log, "TRACE"));
        for secret in [UPSTREAM_KEY, "sk-canary"] {
            assert!(!holds(&log, secret), "{secret} is in the log");
            assert!(!holds(&data, secret), "{secret} is in the data");
            assert!(!holds(&told, secret), "{secret} is in an answer");
        }
    }
}
