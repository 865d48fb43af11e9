use std::time::Duration;

use reqwest::{RequestBuilder, Response};
use serde_json::Value;

use crate::process::{Gateway, until};

const PAGES: [&str; 4] = ["/", "/ui/batches", "/ui/requests", "/ui/actors"];

fn page(gateway: &Gateway, path: &str) -> RequestBuilder {
    gateway.client.get(format!("{}{path}", gateway.root()))
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

/// A gateway with a request in a batch that runs on; the ids of the two.
async fn with_running_batch(settings: &[(&str, &str)], key: &str) -> (Gateway, String, String) {
    let gateway = Gateway::with(Duration::from_secs(3600), settings).await;
    let accepted = gateway.chat_as(key, "m", "one").header("prefer", "respond-async").send().await.unwrap();
    let id = accepted.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned();
    let request = async || -> Value {
        let call = gateway.client.get(format!("{}/requests/{id}", gateway.url)).bearer_auth(key);
        call.send().await.unwrap().json().await.unwrap()
    };
    until(async || request().await["wait"]["batch_status"] == "in_progress").await;
    let batch = request().await["batch_id"].as_str().unwrap().to_owned();
    (gateway, id, batch)
}

#[tokio::test]
async fn pages_are_for_administrators_with_their_key_as_a_password_or_a_bearer() {
    let keys = [
        ("BATCH_GPT_API_KEYS", "a:sk-a"),
        ("BATCH_GPT_ADMIN_KEY", "sk-admin"),
        ("BATCH_GPT_MAX_WRONG_KEYS_PER_MINUTE", "1000"),
    ];
    let gateway = Gateway::with(Duration::from_millis(100), &keys).await;
    for path in PAGES.into_iter().chain(["/ui/batches/batch_1", "/ui/requests/req_1", "/ui/find?id=x"]) {
        let stranger = page(&gateway, path).send().await.unwrap();
        assert_eq!(stranger.status(), 401, "{path}");
        assert!(header(&stranger, "www-authenticate").starts_with("Basic realm="));
    }
    for path in PAGES {
        for wrong in ["sk-a", "", "sk-admi"] {
            let refused = page(&gateway, path).basic_auth("admin", Some(wrong)).send().await.unwrap();
            assert_eq!(refused.status(), 401, "{path} {wrong}");
            assert_eq!(page(&gateway, path).bearer_auth(wrong).send().await.unwrap().status(), 401, "{path}");
        }
        for name in ["", "anybody"] {
            let let_in = page(&gateway, path).basic_auth(name, Some("sk-admin")).send().await.unwrap();
            assert_eq!(let_in.status(), 200, "{path}");
        }
        assert_eq!(
            page(&gateway, path).bearer_auth("sk-admin").send().await.unwrap().status(),
            200,
            "{path}"
        );
    }
}

#[tokio::test]
async fn who_guesses_passwords_has_to_wait() {
    let keys = [("BATCH_GPT_ADMIN_KEY", "sk-admin"), ("BATCH_GPT_MAX_WRONG_KEYS_PER_MINUTE", "5")];
    let gateway = Gateway::with(Duration::from_millis(100), &keys).await;
    let knock = |password: String| page(&gateway, "/").basic_auth("", Some(password)).send();
    for guess in 0..5 {
        assert_eq!(knock(format!("guess-{guess}")).await.unwrap().status(), 401, "{guess}");
    }
    let told = knock("guess-5".into()).await.unwrap();
    assert_eq!(told.status(), 429);
    assert!(told.headers().contains_key("retry-after"));
}

#[tokio::test]
async fn without_such_a_key_they_are_for_this_machine_by_a_name_of_its_own() {
    let gateway = Gateway::start().await;
    for path in PAGES {
        assert_eq!(page(&gateway, path).send().await.unwrap().status(), 200, "{path}");
        for own in ["localhost", "localhost:1", "[::1]:8080", "127.0.0.2"] {
            assert_eq!(page(&gateway, path).header("host", own).send().await.unwrap().status(), 200, "{own}");
        }
        for foreign in ["rebound.example.org", "localhost.example.org:80", "10.0.0.1"] {
            let refused = page(&gateway, path).header("host", foreign).send().await.unwrap();
            assert_eq!(refused.status(), 403, "{path} {foreign}");
            assert!(refused.text().await.unwrap().contains("BATCH_GPT_ADMIN_KEY"));
        }
    }
}

#[tokio::test]
async fn every_response_keeps_strangers_out() {
    let gateway = Gateway::start().await;
    for path in ["/", "/ui/style.css", "/ui/live.js", "/ui/icon.svg", "/ui/requests/req_1", "/ui/find?id=x"] {
        let response = page(&gateway, path).send().await.unwrap();
        let policy = header(&response, "content-security-policy");
        for part in
            ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "form-action 'self'"]
        {
            assert!(policy.contains(part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
        assert_eq!(header(&response, "x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header(&response, "referrer-policy"), "same-origin", "{path}");
    }
    let page = page(&gateway, "/").send().await.unwrap();
    assert_eq!(header(&page, "cache-control"), "no-store");
    let text = page.text().await.unwrap();
    for inline in ["<script>", "style=\"", "<style", "onclick", "http://", "https://"] {
        let own = text.replace(&format!("base_url=&quot;{}", gateway.url), "");
        assert!(!own.contains(inline), "{inline}");
    }
}

#[tokio::test]
async fn files_of_the_pages_are_kept_until_they_change() {
    let keys = [("BATCH_GPT_ADMIN_KEY", "sk-admin")];
    let gateway = Gateway::with(Duration::from_millis(100), &keys).await;
    for (path, kind) in
        [("/ui/style.css", "text/css"), ("/ui/live.js", "text/javascript"), ("/ui/icon.svg", "image/svg+xml")]
    {
        let first = page(&gateway, path).send().await.unwrap();
        assert_eq!((first.status().as_u16(), header(&first, "cache-control")), (200, "no-cache"));
        assert!(header(&first, "content-type").starts_with(kind));
        let tag = header(&first, "etag").to_owned();
        let again = page(&gateway, path).header("if-none-match", &tag).send().await.unwrap();
        assert_eq!((again.status().as_u16(), header(&again, "etag")), (304, tag.as_str()), "{path}");
        let other = page(&gateway, path).header("if-none-match", "\"other\"").send().await.unwrap();
        assert_eq!(other.status(), 200, "{path}");
    }
}

#[tokio::test]
async fn only_clicks_on_own_pages_cancel_anything() {
    let settings = [("BATCH_GPT_ADMIN_KEY", "sk-admin"), ("BATCH_GPT_API_KEYS", "a:sk-a")];
    let (gateway, id, batch) = with_running_batch(&settings, "sk-a").await;
    let host = gateway.root().trim_start_matches("http://").to_owned();
    let own = format!("http://{host}");
    for path in [format!("/ui/requests/{id}/cancel"), format!("/ui/batches/{batch}/cancel")] {
        let click =
            || gateway.client.post(format!("{}{path}", gateway.root())).basic_auth("", Some("sk-admin"));
        for (name, value) in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-site", "none"),
            ("origin", "http://elsewhere.example.org"),
            ("origin", "null"),
            ("referer", &own),
        ] {
            assert_eq!(
                click().header(name, value).send().await.unwrap().status(),
                403,
                "{path} {name} {value}"
            );
        }
        let stranger = gateway.client.post(format!("{}{path}", gateway.root())).header("origin", &own);
        assert_eq!(stranger.send().await.unwrap().status(), 401, "{path}");
        let looked = page(&gateway, &path).basic_auth("", Some("sk-admin")).send().await.unwrap();
        assert_eq!((looked.status().as_u16(), header(&looked, "allow")), (405, "POST"), "{path}");
    }
    let stands = async |path: String| -> Value {
        let call = gateway.client.get(format!("{}{path}", gateway.url)).bearer_auth("sk-admin");
        call.send().await.unwrap().json::<Value>().await.unwrap()["status"].clone()
    };
    assert_eq!(stands(format!("/requests/{id}")).await, "in_batch", "nothing was cancelled");

    let plain = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    for (path, name, value) in [
        (format!("/ui/requests/{id}"), "origin", own.as_str()),
        (format!("/ui/batches/{batch}"), "sec-fetch-site", "same-origin"),
    ] {
        let click = plain.post(format!("{}{path}/cancel", gateway.root())).basic_auth("", Some("sk-admin"));
        let cancelled = click.header(name, value).send().await.unwrap();
        assert_eq!((cancelled.status().as_u16(), header(&cancelled, "location")), (303, path.as_str()));
    }
    assert_eq!(stands(format!("/requests/{id}")).await, "cancelled");
    until(async || stands(format!("/batches/{batch}")).await == "cancelled").await;
}

#[tokio::test]
async fn a_request_says_why_it_waits_and_how_long_that_usually_takes() {
    let window = [("COLLATE_BATCHES_FOR_DURATION_IN_MS", "3600000"), ("BATCH_GPT_MAX_BATCH_REQUESTS", "2")];
    let gateway = Gateway::with(Duration::from_millis(100), &window).await;
    let later = async |model: &str, prompt: &str| -> String {
        let accepted = gateway.chat(model, prompt).header("prefer", "respond-async").send().await.unwrap();
        accepted.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned()
    };
    let first = later("m", "one").await;
    let request = async |id: &str| gateway.get_json(&format!("/v1/requests/{id}")).await;
    until(async || request(&first).await["wait"]["for"] == "window").await;
    let wait = request(&first).await["wait"].clone();
    assert!(wait["window_left_seconds"].as_f64().unwrap() > 3_000.0, "{wait}");
    assert!(wait["p50_seconds"].is_null() && wait["expected_seconds"].is_null(), "{wait}");
    let shown = gateway.get(&format!("/ui/requests/{first}")).await.text().await.unwrap();
    assert!(shown.contains("collects calls for") && shown.contains("is not known yet"), "{shown}");

    let second = later("m", "two").await;
    gateway.end_of(&second).await;
    until(async || request(&first).await["wait"].is_null()).await;
    let third = later("m", "three").await;
    let wait = request(&third).await["wait"].clone();
    assert!(wait["p50_seconds"].as_f64() <= wait["p90_seconds"].as_f64(), "{wait}");
    assert!(wait["p50_seconds"].as_f64().unwrap() > 0.0, "{wait}");
    let shown = gateway.get(&format!("/ui/requests/{third}")).await.text().await.unwrap();
    assert!(shown.contains("were answered within"), "{shown}");
    let list = gateway.get_json("/v1/requests").await;
    assert!(list["data"][0].get("wait").is_none(), "{list}");
}

#[tokio::test]
async fn lists_go_on_over_pages_and_what_is_not_there_is_said() {
    let one_each = [("BATCH_GPT_MAX_BATCH_REQUESTS", "1"), ("BATCH_GPT_CACHE", "off")];
    let gateway = Gateway::with(Duration::from_millis(50), &one_each).await;
    let calls = (0..60).map(|number| gateway.chat("m", &format!("prompt {number}")).send());
    for answer in futures_util::future::join_all(calls).await {
        assert_eq!(answer.unwrap().status(), 200);
    }
    for (path, each) in [("/ui/requests", 50), ("/ui/batches", 25)] {
        let (mut next, mut rows, mut sizes) = (path.to_owned(), std::collections::HashSet::new(), Vec::new());
        loop {
            let text = gateway.get(&next).await.text().await.unwrap();
            let found: Vec<_> = text
                .split("<tr id=\"")
                .skip(1)
                .map(|row| row.split('"').next().unwrap().to_owned())
                .collect();
            sizes.push(found.len());
            rows.extend(found);
            match text.split("<a href=\"").find(|link| link.contains(">Older</a>")) {
                Some(link) => next = link.split('"').next().unwrap().replace("&amp;", "&"),
                None => break,
            }
        }
        assert_eq!((rows.len(), sizes[0]), (60, each), "{path}: {sizes:?}");
    }
    for path in
        ["/ui/requests/req_1", "/ui/batches/batch_nobodys", "/ui/batches/%3Cb%3E", "/ui/requests?after=req_1"]
    {
        let missing = gateway.get(path).await;
        assert_eq!(missing.status(), 404, "{path}");
        assert!(header(&missing, "content-type").starts_with("text/html"), "{path}");
        assert!(!missing.text().await.unwrap().contains("<b>"), "{path}");
    }
    assert_eq!(gateway.get("/ui/requests?status=nonsense").await.status(), 400);
}

#[tokio::test]
async fn batches_of_an_earlier_life_are_shown_out_of_the_journal() {
    let mut gateway = Gateway::start().await;
    let answered = gateway.chat("m", "one").send().await.unwrap();
    let batch = answered.headers()["x-batch-gpt-batch-id"].to_str().unwrap().to_owned();
    until(async || gateway.get_json("/v1/overview").await["batches"]["settled"]["completed"] == 1).await;
    gateway.crash().await;
    let list = gateway.get("/ui/batches").await.text().await.unwrap();
    assert!(list.contains(&batch), "{list}");
    let shown = gateway.get(&format!("/ui/batches/{batch}")).await.text().await.unwrap();
    for words in ["1 completed", "validating", "in progress", "/ui/requests/req_"] {
        assert!(shown.contains(words), "{words} is not in {shown}");
    }
}
