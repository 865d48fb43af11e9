use std::time::Duration;

use serde_json::{Value, json};

use crate::process::{Gateway, until};

const SLOW: Duration = Duration::from_secs(3600);

async fn overview(gateway: &Gateway, key: &str) -> Value {
    let call = gateway.client.get(format!("{}/overview", gateway.url)).bearer_auth(key);
    call.send().await.unwrap().json().await.unwrap()
}

fn later(gateway: &Gateway, model: &str, prompt: &str) -> reqwest::RequestBuilder {
    gateway.chat(model, prompt).header("prefer", "respond-async")
}

#[tokio::test]
async fn counts_move_as_a_batch_runs_and_its_timeline_completes() {
    let window = [("COLLATE_BATCHES_FOR_DURATION_IN_MS", "1500")];
    let gateway = Gateway::with(Duration::from_millis(200), &window).await;
    let mut ids = Vec::new();
    for prompt in ["one", "two", "no [[status:400]]"] {
        let accepted: Value =
            later(&gateway, "gpt-4o-mini", prompt).send().await.unwrap().json().await.unwrap();
        ids.push(accepted["id"].as_str().unwrap().to_owned());
    }
    let open = overview(&gateway, "any").await;
    assert_eq!(open["requests"]["open"], 3);
    let lane = &open["lanes"][0];
    assert_eq!((&lane["model"], &lane["requests"]["open"]), (&json!("gpt-4o-mini"), &json!(3)));
    let left = lane["window_left_ms"].as_u64().unwrap();
    assert!(left <= 1500, "{left}");

    for id in &ids {
        gateway.end_of(id).await;
    }
    until(async || overview(&gateway, "any").await["batches"]["settled"]["completed"] == 1).await;
    let done = overview(&gateway, "any").await;
    let counts = json!({ "open": 0, "waiting": 0, "in_batch": 0, "accepted": 3, "answered": 2, "failed": 1,
        "given_back": 0, "withdrawn": 0 });
    assert_eq!(done["requests"], counts);
    assert_eq!(done["lanes"][0]["window_ends_at"], Value::Null);
    assert_eq!(done["turnaround"]["request"]["count"], 3);
    assert_eq!(done["turnaround"]["batch"]["count"], 1);
    assert_eq!(done["problems"], json!([]));

    let page = gateway.get_json("/v1/overview/batches").await;
    let batch = &page["data"][0];
    let of = |member: &str| batch["requests"][member].as_u64().unwrap();
    assert_eq!([of("total"), of("answered"), of("failed"), of("given_back")], [3, 2, 1, 0]);
    let steps = batch["timeline"].as_array().unwrap();
    let names: Vec<_> = steps.iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(names, ["sealed", "uploaded", "created", "in_progress", "finalizing", "ended", "settled"]);
    assert_eq!(steps.last().unwrap()["lasted_ms"], Value::Null);
    assert_eq!(batch["upstream_counts"], json!({ "total": 3, "completed": 2, "failed": 1 }));
    for name in ["id", "key"] {
        let path = format!("/v1/overview/batches/{}", batch[name].as_str().unwrap());
        assert_eq!(gateway.get_json(&path).await["key"], batch["key"], "{name}");
    }
    assert_eq!(gateway.get("/v1/overview/batches/batch_nobody").await.status(), 404);
}

#[tokio::test]
async fn money_is_what_the_answers_say_and_an_unknown_model_costs_null() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("prices.json");
    let table = json!({ "source": "mine", "as_of": "2026-01-02", "models": {
        "priced": { "input": "3", "output": "7", "batch": { "input": "1", "output": "2.5" } } } });
    std::fs::write(&file, table.to_string()).unwrap();
    let prices = [("BATCH_GPT_PRICES_FILE", file.to_str().unwrap())];
    let gateway = Gateway::with(Duration::from_millis(100), &prices).await;
    let call = async |model| {
        let answer: Value = gateway.chat(model, "count me").send().await.unwrap().json().await.unwrap();
        let tokens = |name: &str| answer["usage"][name].as_u64().unwrap();
        (tokens("prompt_tokens"), tokens("completion_tokens"))
    };
    let ((input, output), (more_input, more_output)) = tokio::join!(call("priced"), call("stranger"));
    let known = overview(&gateway, "any").await;
    let lane = |model: &str| {
        let lanes = known["lanes"].as_array().unwrap();
        lanes.iter().find(|lane| lane["model"] == model).unwrap()["spending"].clone()
    };
    let priced = lane("priced");
    assert_eq!(priced["batch_nano_dollars"], input * 1000 + output * 2500);
    assert_eq!(priced["real_time_nano_dollars"], input * 3000 + output * 7000);
    assert_eq!(priced["saved_nano_dollars"], input * 2000 + output * 4500);
    let stranger = lane("stranger");
    assert_eq!(stranger["batch_nano_dollars"], Value::Null);
    assert_eq!(stranger["unpriced_answers"], 1);
    let sum = &known["spending"];
    assert_eq!(sum["tokens"]["input_tokens"], input + more_input);
    assert_eq!(sum["tokens"]["output_tokens"], output + more_output);
    assert_eq!((&sum["priced_answers"], &sum["unpriced_answers"]), (&json!(1), &json!(1)));
    assert_eq!(known["prices"]["source"], "mine");
}

#[tokio::test]
async fn a_restart_counts_what_it_finds_under_way_and_sums_begin_anew() {
    let mut gateway = Gateway::with(SLOW, &[("COLLATE_BATCHES_FOR_DURATION_IN_MS", "600")]).await;
    assert_eq!(later(&gateway, "m", "sealed").send().await.unwrap().status(), 202);
    until(async || overview(&gateway, "any").await["batches"]["under_way"]["in_progress"] == 1).await;
    assert_eq!(later(&gateway, "m", "open").send().await.unwrap().status(), 202);
    gateway.crash().await;
    let found = overview(&gateway, "any").await;
    let requests = &found["requests"];
    let under_way = ["open", "waiting", "in_batch"].map(|state| requests[state].as_u64().unwrap());
    assert_eq!(under_way.iter().sum::<u64>(), 2, "{requests}");
    assert_eq!(requests["accepted"], 0);
    assert_eq!(found["batches"]["under_way"]["in_progress"], 1);
    until(async || overview(&gateway, "any").await["requests"]["in_batch"] == 2).await;
}

#[tokio::test]
async fn a_tenant_sees_its_own_numbers_and_the_administrator_everybodys() {
    let keys = [
        ("BATCH_GPT_API_KEYS", "a:sk-a,b:sk-b"),
        ("BATCH_GPT_ADMIN_KEY", "sk-admin"),
        ("BATCH_GPT_CACHE", "off"),
    ];
    let gateway = Gateway::with(SLOW, &keys).await;
    let send = |key: &str| gateway.chat_as(key, "m", "mine").header("prefer", "respond-async").send();
    for key in ["sk-a", "sk-a", "sk-b"] {
        assert_eq!(send(key).await.unwrap().status(), 202);
    }
    let seen = async |key| overview(&gateway, key).await["requests"]["accepted"].clone();
    assert_eq!([seen("sk-a").await, seen("sk-b").await, seen("sk-admin").await], [2, 1, 3]);
    assert_eq!(overview(&gateway, "sk-b").await["lanes"].as_array().unwrap().len(), 1);
    until(async || overview(&gateway, "sk-admin").await["batches"]["under_way"]["in_progress"] == 2).await;
    let batches = async |key, path: &str| {
        let call = gateway.client.get(format!("{}/overview/batches{path}", gateway.url)).bearer_auth(key);
        call.send().await.unwrap()
    };
    let own: Value = batches("sk-a", "").await.json().await.unwrap();
    assert_eq!(own["data"].as_array().unwrap().len(), 1);
    let path = format!("/{}", own["data"][0]["id"].as_str().unwrap());
    assert_eq!(batches("sk-a", &path).await.status(), 200);
    assert_eq!(batches("sk-b", &path).await.status(), 404);
    assert_eq!(batches("sk-wrong", &path).await.status(), 401);
}

#[tokio::test]
async fn what_ails_the_upstream_is_a_problem_for_the_administrator_to_read() {
    let keys = [("BATCH_GPT_API_KEYS", "a:sk-a"), ("BATCH_GPT_ADMIN_KEY", "sk-admin")];
    let gateway = Gateway::with(SLOW, &keys).await;
    gateway.order(json!([{ "fault": "status_503", "times": 1000 }]));
    let sent = gateway.chat_as("sk-a", "m", "x").header("prefer", "respond-async").send().await.unwrap();
    assert_eq!(sent.status(), 202);
    until(async || overview(&gateway, "sk-admin").await["problems"][0]["kind"] == "upstream_trouble").await;
    let told = |known: Value| known["problems"][0]["message"].as_str().unwrap().to_owned();
    assert!(told(overview(&gateway, "sk-admin").await).contains("503"));
    assert_eq!(told(overview(&gateway, "sk-a").await), "The upstream has trouble.");
}
