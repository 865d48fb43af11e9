//! The gateway on a real MongoDB that comes late, goes away, loses its primary, or knew the original.

use std::time::Duration;

use batch_gpt_simulator::Simulator;
use futures_util::{StreamExt, stream};
use mongodb::{
    Client,
    bson::{Bson, DateTime, Document, doc},
};
use serde_json::{Value, json};

use crate::{
    mongod::{self, Deployment, Kind},
    process::{Gateway, PATIENCE, simulator, text},
};

async fn until<F: Future<Output = bool>>(condition: impl Fn() -> F) {
    let wait = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap();
}

async fn is_ready(gateway: &Gateway) -> bool {
    gateway.get("/readyz").await.status() == 200
}

#[tokio::test]
async fn the_single_settings_lead_to_a_guarded_server() {
    let Some(deployment) = mongod::start(Kind::Guarded).await else {
        return;
    };
    let port = deployment.servers(|servers| servers[0].port).to_string();
    let settings = [
        ("MONGO_HOST", "127.0.0.1"),
        ("MONGO_PORT", &*port),
        ("MONGO_USER", mongod::USER),
        ("MONGO_PASSWORD", mongod::PASSWORD),
    ];
    let mut gateway = Gateway::with(Duration::from_millis(200), &settings).await;
    let answer = gateway.chat("m", "hello").send().await.unwrap().json().await.unwrap();
    assert_eq!(text(&answer), "Answer to: hello");
    gateway.signal("-TERM");
    assert!(gateway.ended().await.success());
    let written = gateway.written.join("\n");
    assert!(!written.contains(mongod::PASSWORD) && !written.contains("p%40ss"), "the password was logged");
    let client = Client::with_uri_str(&deployment.uri).await.unwrap();
    let logged = client.database("batchgpt").collection::<Document>("batch_logs");
    assert!(logged.count_documents(doc! {}).await.unwrap() >= 2);
}

async fn kill(deployment: &Deployment) {
    deployment.servers(|servers| servers[0].kill());
}

#[tokio::test]
async fn a_store_that_comes_late_is_waited_for() {
    let Some(deployment) = mongod::start(Kind::Open).await else {
        return;
    };
    kill(&deployment).await;
    let uri = format!("{}?serverSelectionTimeoutMS=500", deployment.uri);
    let gateway = Gateway::listening(Duration::from_millis(200), &[("MONGODB_URI", &uri)]).await;
    let verbose = gateway.get("/readyz?verbose").await;
    assert_eq!(verbose.status(), 503);
    assert!(verbose.text().await.unwrap().contains("[-]journal failed"));
    assert_eq!(gateway.get("/livez").await.status(), 200);
    let refused = gateway.chat("m", "early").send().await.unwrap();
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    deployment.servers(|servers| servers[0].restart());
    until(|| is_ready(&gateway)).await;
    let answer = gateway.chat("m", "late").send().await.unwrap().json().await.unwrap();
    assert_eq!(text(&answer), "Answer to: late");
}

#[tokio::test]
async fn one_signal_is_enough_while_the_store_is_waited_for() {
    let Some(deployment) = mongod::start(Kind::Open).await else { return };
    kill(&deployment).await;
    let uri = format!("{}?serverSelectionTimeoutMS=500", deployment.uri);
    let mut gateway = Gateway::listening(Duration::from_millis(200), &[("MONGODB_URI", &uri)]).await;
    gateway.signal("-TERM");
    assert_eq!(gateway.ended().await.code(), Some(0), "{:#?}", gateway.written);
}

#[tokio::test]
async fn a_store_that_goes_away_costs_nobody_parked_anything() {
    let Some(deployment) = mongod::start(Kind::Open).await else {
        return;
    };
    let uri = format!("{}?serverSelectionTimeoutMS=500", deployment.uri);
    let settings = [("MONGODB_URI", &*uri), ("COLLATE_BATCHES_FOR_DURATION_IN_MS", "1500")];
    let gateway = Gateway::with(Duration::from_millis(200), &settings).await;
    let parked: Vec<_> = (0..20).map(|n| tokio::spawn(gateway.chat("m", &format!("{n}")).send())).collect();
    gateway.waiting(20).await;
    kill(&deployment).await;
    until(|| async {
        !is_ready(&gateway).await || gateway.chat("m", "probe").send().await.unwrap().status() == 503
    })
    .await;
    until(|| async { !is_ready(&gateway).await }).await;
    let refused = gateway.chat("m", "new").send().await.unwrap();
    assert_eq!(
        (refused.status().as_u16(), refused.headers()["x-should-retry"].to_str().unwrap()),
        (503, "true")
    );
    // The window ends meanwhile; its batch must not be submitted unrecorded.
    gateway.waiting(0).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(gateway.ledger().uploads, 0);
    deployment.servers(|servers| servers[0].restart());
    for (n, client) in parked.into_iter().enumerate() {
        let answer = client.await.unwrap().unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(text(&answer.json().await.unwrap()), format!("Answer to: {n}"));
    }
    until(|| is_ready(&gateway)).await;
    assert_eq!(gateway.chat("m", "after").send().await.unwrap().status(), 200);
    assert_eq!(gateway.ledger().executed_lines, 21);
}

#[tokio::test]
async fn a_killed_primary_loses_nothing_and_buys_nothing_twice() {
    let Some(deployment) = mongod::start(Kind::ReplicaSet).await else {
        return;
    };
    let settings = [("MONGODB_URI", &*deployment.uri), ("COLLATE_BATCHES_FOR_DURATION_IN_MS", "200")];
    let gateway = Gateway::with(Duration::from_millis(300), &settings).await;
    let ask = |n: usize| {
        let gateway = &gateway;
        async move {
            // As the official clients do: a refusal is obeyed, and the request is sent again.
            for attempt in 0..200 {
                let call = gateway.chat("m", &format!("{n}")).header("x-stainless-retry-count", attempt);
                let answer = call.send().await.unwrap();
                if answer.status() == 200 {
                    return text(&answer.json().await.unwrap()).to_owned();
                }
                assert_eq!(answer.status(), 503);
                tokio::time::sleep(Duration::from_millis(300)).await;
            }
            panic!("request {n} was never taken");
        }
    };
    let load = stream::iter(0..400).map(|n| async move { (n, ask(n).await) }).buffer_unordered(40);
    let harm = async {
        until(|| async { gateway.ledger().executed_lines >= 80 }).await;
        let primary = deployment.primary().await.unwrap();
        deployment.servers(|servers| {
            let server = servers.iter_mut().find(|server| server.port == primary).unwrap();
            server.kill();
        });
    };
    let (answers, ()) = tokio::join!(load.collect::<Vec<_>>(), harm);
    assert_eq!(answers.len(), 400);
    assert!(answers.iter().all(|(n, answer)| *answer == format!("Answer to: {n}")));
    let ledger = gateway.ledger();
    assert_eq!(ledger.bodies.len(), 400);
    assert!(ledger.bodies.values().all(|body| body.executed == 1), "a request was executed twice");
}

/// A batch as the original would have submitted it: its `custom_id`s are hashes of its requests.
async fn submitted_by_the_original(simulator: &Simulator, client: &reqwest::Client) -> Value {
    let line = |n: usize| {
        let hash = format!("{n:064x}");
        let body = json!({ "model": "m", "messages": [{ "role": "user", "content": format!("old {n}") }] });
        json!({ "custom_id": hash, "method": "POST", "url": "/v1/chat/completions", "body": body })
            .to_string()
    };
    let lines: Vec<String> = (0..5).map(line).collect();
    let file = reqwest::multipart::Part::text(lines.join("\n")).file_name("batch.jsonl");
    let form = reqwest::multipart::Form::new().text("purpose", "batch").part("file", file);
    let url = simulator.base_url();
    let upload = client.post(format!("{url}/files")).bearer_auth("any").multipart(form).send().await.unwrap();
    let file: Value = upload.json().await.unwrap();
    let order = json!({ "input_file_id": file["id"], "endpoint": "/v1/chat/completions", "completion_window": "24h" });
    let create = client.post(format!("{url}/batches")).bearer_auth("any").json(&order).send().await.unwrap();
    create.json().await.unwrap()
}

#[tokio::test]
async fn an_originals_history_is_listed_and_its_unfinished_batch_completed() {
    let Some(deployment) = mongod::start(Kind::Open).await else {
        return;
    };
    let upstream = simulator(Duration::from_millis(1500)).await;
    let batch = submitted_by_the_original(&upstream, &reqwest::Client::new()).await;
    let id = batch["id"].as_str().unwrap().to_owned();
    let client = Client::with_uri_str(&deployment.uri).await.unwrap();
    let database = client.database("batchgpt");
    let entry = |id: &str, status: &str, created_at: i64| {
        doc! {
            "batch": {
                "id": id, "object": "batch", "endpoint": "/v1/chat/completions", "errors": Bson::Null,
                "inputfileid": batch["input_file_id"].as_str().unwrap(), "completionwindow": "24h",
                "status": status, "outputfileid": Bson::Null, "errorfileid": Bson::Null,
                "createdat": i32::try_from(created_at).unwrap(), "metadata": Bson::Null,
                "requestcounts": { "total": 0, "completed": 0, "failed": 0 },
            },
            "timestamp": DateTime::now(),
        }
    };
    let logs = database.collection::<Document>("batch_logs");
    let created_at = batch["created_at"].as_i64().unwrap();
    logs.insert_one(entry(&id, "validating", created_at)).await.unwrap();
    logs.insert_one(entry("batch_of_old", "completed", created_at - 9)).await.unwrap();
    let settings = [("MONGODB_URI", &*deployment.uri), ("MONGO_DATABASE", "batchgpt")];
    let gateway = Gateway::launch(upstream, &settings, " serves ").await;
    let listed = gateway.get_json("/v1/batches").await;
    let listed: Vec<&str> =
        listed["data"].as_array().unwrap().iter().map(|b| b["id"].as_str().unwrap()).collect();
    assert_eq!(listed, [&*id, "batch_of_old"]);
    // Nobody here has its lines, so nobody here can cancel it, and a 200 would say that somebody did.
    let cancel = gateway.client.post(format!("{}/batches/{id}/cancel", gateway.url)).bearer_auth("any");
    assert_eq!(cancel.send().await.unwrap().status(), 409);
    until(|| async { gateway.get_json(&format!("/v1/batches/{id}")).await["status"] == "completed" }).await;
    let cached = database.collection::<Document>("cached_responses");
    assert_eq!(cached.count_documents(doc! {}).await.unwrap(), 5);
    let third = cached.find_one(doc! { "hash": format!("{:064x}", 3) }).await.unwrap().unwrap();
    let choices = third.get_document("response").unwrap().get_array("choices").unwrap();
    let message = choices[0].as_document().unwrap().get_document("message").unwrap();
    assert_eq!(message.get_str("content").unwrap(), "Answer to: old 3");
    assert_eq!(gateway.ledger().creates, 1);
}
