//! The board answers while an actor does not.

use std::{sync::Arc, time::Duration};

use batch_gpt::{app::Application, cli::ServeArgs, config::Config};
use batch_gpt_actors::{
    cell::{Letter, Mail, Receive},
    collector::Collector,
};
use serde_json::Value;

use crate::process::PATIENCE;

/// Blocks a real Collector until the sender is dropped.
struct Block(std::sync::mpsc::Receiver<()>);

impl Letter for Block {
    const NAME: &'static str = "Block";
    type Reply = ();
}

impl Receive<Block> for Collector {
    fn receive(&mut self, block: Block, _: &Mail<Self>) {
        let _ = block.0.recv();
    }
}

#[test]
fn every_actor_is_shown_while_a_collector_is_blocked() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = Arc::new(runtime.unwrap());
    let shared = runtime.clone();
    actix_rt::System::with_tokio_rt(|| shared).block_on(async move {
        let folder = tempfile::tempdir().unwrap();
        let args = ServeArgs {
            simulate: true,
            bind_address: Some("127.0.0.1:0".into()),
            data_dir: Some(folder.path().join("data").display().to_string()),
            collate_batches_for_duration_in_ms: Some("100".into()),
            heartbeat_seconds: Some("1".into()),
            drain_seconds: Some("1".into()),
            ..ServeArgs::default()
        };
        let application = Application::bind(Config::parse(&args).unwrap(), runtime).await.unwrap();
        application.start().await.unwrap();
        let url = format!("http://{}", application.address());
        let client = reqwest::Client::new();
        let chat = |prompt: &str| {
            let body =
                serde_json::json!({ "model": "m", "messages": [{ "role": "user", "content": prompt }] });
            client.post(format!("{url}/v1/chat/completions")).json(&body).send()
        };
        assert_eq!(chat("before").await.unwrap().status(), 200);
        let livez = async || {
            let response = client.get(format!("{url}/livez")).send().await.unwrap();
            (response.status().as_u16(), response.text().await.unwrap())
        };
        assert_eq!(livez().await, (200, "ok\n".to_owned()));
        let pulse = application.pulse();
        assert!(pulse());

        let (release, block) = std::sync::mpsc::channel();
        application.system().unwrap().collectors.members()[0].tell(Block(block));
        let parked: Vec<_> = (0..10).map(|n| tokio::spawn(chat(&format!("{n}")))).collect();
        let actors = loop {
            let call = client.get(format!("{url}/debug/actors")).timeout(Duration::from_secs(2)).send();
            let board: Value = call.await.unwrap().json().await.unwrap();
            let actors = board["actors"].as_array().unwrap().clone();
            let collector = actors.iter().find(|actor| actor["kind"] == "Collector").unwrap();
            if collector["depth"].as_u64() >= Some(10) {
                break actors;
            }
        };
        for kind in ["Collector", "BatchSubmitter", "Poller", "StatusLogger"] {
            let actor =
                actors.iter().find(|actor| actor["kind"] == kind).unwrap_or_else(|| panic!("no {kind}"));
            for count in [
                "depth",
                "peak",
                "handled",
                "cancelled",
                "panics",
                "waited_us",
                "waited_longest_us",
                "stands_still_for_ms",
            ] {
                assert!(actor[count].is_u64(), "{kind} {count}");
            }
        }
        let collector = actors.iter().find(|actor| actor["kind"] == "Collector").unwrap();
        assert_eq!(
            (collector["busy_with"].as_str(), collector["own"].as_str()),
            (Some("Block"), Some("busy"))
        );
        assert!(collector["busy_for_ms"].is_u64());
        let words = until_it_says(&livez, 503).await;
        let named = words.starts_with("[-]Collector 0 stands still for ");
        assert!(named && words.contains(" over Block, ") && words.ends_with("\nnot alive\n"), "{words}");
        assert_eq!(words.lines().count(), 2, "nobody else stands still: {words}");
        assert!(!pulse(), "a supervisor hears of it as well, by silence");
        drop(release);
        for client in parked {
            assert_eq!(client.await.unwrap().unwrap().status(), 200);
        }
        assert_eq!(until_it_says(&livez, 200).await, "ok\n");
        application.stop().await;
    });
}

/// Asks until it answers with this status; gives its words.
async fn until_it_says(livez: &impl AsyncFn() -> (u16, String), status: u16) -> String {
    let wait = async {
        loop {
            match livez().await {
                (said, words) if said == status => return words,
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap()
}
