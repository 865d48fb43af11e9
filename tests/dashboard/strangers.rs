use crate::{browser::Browser, process::Gateway};

const PROMPT: &str = "<script>window.owned = 1</script><img src=x onerror=\"window.owned = 2\"></pre>";
const MODEL: &str = "<b onclick=alert(1)>m</b><script>window.owned = 3</script>";

#[tokio::test]
async fn what_others_wrote_is_text_and_never_runs() {
    let Some(browser) = Browser::start().await else { return };
    let gateway = Gateway::start().await;
    let answered = gateway.chat(MODEL, PROMPT).send().await.unwrap();
    let id = answered.headers()["x-batch-gpt-request-id"].to_str().unwrap().to_owned();
    let batch = answered.headers()["x-batch-gpt-batch-id"].to_str().unwrap().to_owned();
    for path in
        ["/", "/ui/batches", "/ui/requests", &format!("/ui/batches/{batch}"), &format!("/ui/requests/{id}")]
    {
        browser.go(&format!("{}{path}", gateway.root())).await;
        browser.shows(MODEL).await;
        assert_eq!(browser.count("main script, main b, main img").await, 0, "{path}");
        assert_eq!(browser.run("return window.owned ?? null").await, serde_json::Value::Null, "{path}");
    }
    let shown = browser.text_of("#asked pre").await;
    assert!(shown.contains("<script>window.owned = 1</script>"), "{shown}");
    let shown = browser.text_of("#answered pre").await;
    assert!(shown.contains("Answer to: <script>window.owned = 1</script>"), "{shown}");
    assert_eq!(browser.complaints().await, [""; 0]);
    // Were it in the page all the same, the policy would keep it from running.
    browser.run("const s = document.createElement('script'); s.textContent = 'window.owned = 4'; document.body.append(s)").await;
    assert_eq!(browser.run("return window.owned ?? null").await, serde_json::Value::Null);
    assert!(browser.complaints().await.iter().any(|complaint| complaint.contains("Content Security Policy")));
}
