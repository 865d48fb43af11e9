use std::{fs, path::Path, time::Duration};

use batch_gpt::http::operations::operations;

use crate::process::{Gateway, UPSTREAM_KEY};

/// What nobody may see who is not meant to: keys nowhere, prompts and answers only where they were asked for.
const KEYS: [&str; 2] = [UPSTREAM_KEY, "sk-canary"];
const CONTENT: [&str; 2] = ["prompt-canary", "Answer to"];

/// What a gateway shows to its administrator, by where.
async fn shown(gateway: &Gateway, pages: &[(String, &str)]) -> Vec<(String, String)> {
    let mut shown = Vec::new();
    for (path, words) in pages {
        let call = gateway.client.get(format!("{}{path}", gateway.root())).bearer_auth("sk-canary-admin");
        let text = call.send().await.unwrap().text().await.unwrap();
        assert!(text.contains(words), "{path}: {text}");
        shown.push((path.clone(), text));
    }
    shown
}

#[tokio::test]
async fn neither_keys_nor_prompts_are_ever_written_or_shown_where_they_do_not_belong() {
    let keys = [
        ("BATCH_GPT_API_KEYS", "canary:sk-canary-client"),
        ("BATCH_GPT_ADMIN_KEY", "sk-canary-admin"),
        ("BATCH_GPT_MAX_WRONG_KEYS_PER_MINUTE", "1000"),
    ];
    let mut gateway = Gateway::with(Duration::from_millis(100), &keys).await;
    let call = |prompt: &str, key: &str| gateway.chat_as(key, "m", prompt).send();
    let answered = call("prompt-canary", "sk-canary-client").await.unwrap();
    assert_eq!(answered.status(), 200);
    let header = |name: &str| answered.headers()[name].to_str().unwrap().to_owned();
    let (request, batch) = (header("x-batch-gpt-request-id"), header("x-batch-gpt-batch-id"));
    let failed = call("prompt-canary [[status:400]]", "sk-canary-client").await.unwrap();
    assert_eq!(failed.status(), 400);
    let its_batch = failed.headers()["x-batch-gpt-batch-id"].to_str().unwrap().to_owned();

    let mut errors = vec![call("prompt-canary", "sk-canary-wrong").await.unwrap()];
    for body in [
        r#"{"model":"m","messages":"prompt-canary"}"#,
        r#"{"model":"m","messages":[{"role":"user","content":"prompt-canary"}],"stream":"prompt-canary"}"#,
        r#"{"model":["prompt-canary"],"messages":[]}"#,
        r#"{"model":"m","messages":[{"role":"user","content":"prompt-canary"}"#,
        r#""prompt-canary""#,
    ] {
        let call = gateway.client.post(format!("{}/chat/completions", gateway.url)).body(body);
        let call = call.header("content-type", "application/json").bearer_auth("sk-canary-client");
        errors.push(call.send().await.unwrap());
    }
    for path in
        ["/debug/actors", "/metrics", "/", "/ui/requests", "/v1/batches/batch_x", "/v1/requests/req_x"]
    {
        let url = format!("{}{path}", gateway.root());
        errors.push(
            gateway.client.get(&url).basic_auth("sk-canary", Some("sk-canary-wrong")).send().await.unwrap(),
        );
        errors.push(gateway.client.get(&url).bearer_auth("sk-canary-wrong").send().await.unwrap());
    }
    for error in errors {
        let (url, status) = (error.url().to_string(), error.status());
        assert!(status.is_client_error(), "{url}: {status}");
        let text = error.text().await.unwrap();
        assert!(!text.contains("canary"), "{url}: {text}");
    }

    let page = |path: &str, words: &'static str| (path.to_owned(), words);
    let pages = [
        page("/debug/actors", "Collector"),
        page("/metrics", "batch_gpt_requests"),
        page("/v1/overview", "\"answered\":1"),
        page("/v1/overview/batches", "timeline"),
        page("/v1/requests", "req_"),
        page(&format!("/v1/requests/{request}"), "completed"),
        page("/readyz?verbose", "upstream"),
        page("/", "answered"),
        page("/ui/batches", "completed"),
        page("/ui/requests", "completed"),
        page("/ui/actors", "Collector"),
        page(&format!("/ui/batches/{batch}"), "Timeline"),
        page(&format!("/ui/batches/{its_batch}"), "Errors of its requests"),
    ];
    let shown_elsewhere = shown(&gateway, &pages).await;
    // The one page that is meant to hold them.
    let its_page = shown(&gateway, &[page(&format!("/ui/requests/{request}"), "prompt-canary")]).await;
    assert!(its_page[0].1.contains("Answer to: prompt-canary"), "{its_page:?}");
    gateway.signal("-TERM");
    assert!(gateway.ended().await.success());
    let written = gateway.written.join("\n");
    for canary in KEYS.into_iter().chain(CONTENT) {
        assert!(!written.contains(canary), "{canary} was logged");
        for (path, text) in &shown_elsewhere {
            assert!(!text.contains(canary), "{canary} is shown by {path}");
        }
    }
    for key in KEYS {
        assert!(!its_page[0].1.contains(key), "{key} is shown beside the prompt");
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
