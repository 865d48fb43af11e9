//! A browser as its user has it: pages, clicks, keys, and what is to be seen.

use std::path::PathBuf;

use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{driver::Session, process::until};

/// Keys that have no letter.
pub const TAB: char = '\u{e004}';
pub const ENTER: char = '\u{e007}';

pub struct Browser(Session);

impl Browser {
    /// A browser, 1280 wide; `None` where there is none.
    pub async fn start() -> Option<Self> {
        let browser = Self(Session::start().await?);
        browser.screen(1280, 900, "light").await;
        Some(browser)
    }

    /// Has a screen of this size and of this scheme, `light` or `dark`.
    pub async fn screen(&self, width: u32, height: u32, scheme: &str) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
        let scheme = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", scheme).await;
    }

    /// Whether pages may run scripts.
    pub async fn scripts(&self, may_run: bool) {
        self.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": !may_run })).await;
    }

    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let order = json!({ "cmd": command, "params": parameters });
        self.0.tell(Method::POST, "goog/cdp/execute", Some(order)).await
    }

    pub async fn go(&self, url: &str) {
        self.0.tell(Method::POST, "url", Some(json!({ "url": url }))).await;
    }

    pub async fn run(&self, script: &str) -> Value {
        let order = json!({ "script": script, "args": [] });
        self.0.tell(Method::POST, "execute/sync", Some(order)).await
    }

    /// The words of the page, as they are to be seen.
    pub async fn text(&self) -> String {
        self.run("return document.body.innerText").await.as_str().unwrap_or_default().to_owned()
    }

    /// The words of an element; nothing if it is not there.
    pub async fn text_of(&self, selector: &str) -> String {
        let script = format!("return document.querySelector({})?.innerText ?? ''", json!(selector));
        self.run(&script).await.as_str().unwrap_or_default().to_owned()
    }

    pub async fn count(&self, selector: &str) -> u64 {
        let script = format!("return document.querySelectorAll({}).length", json!(selector));
        self.run(&script).await.as_u64().unwrap()
    }

    /// Waits until the page shows these words.
    pub async fn shows(&self, words: &str) {
        let shown = until(async || self.text().await.contains(words));
        if tokio::time::timeout(std::time::Duration::from_secs(30), shown).await.is_err() {
            panic!("{words:?} is not to be seen:\n{}", self.text().await);
        }
    }

    /// Waits until a script gives this text.
    pub async fn comes_to(&self, script: &str, text: &str) {
        let came = until(async || self.run(script).await == text);
        if tokio::time::timeout(std::time::Duration::from_secs(30), came).await.is_err() {
            panic!("{} instead of {text:?}: {:?}", self.run(script).await, self.complaints().await);
        }
    }

    /// Clicks where the element is.
    pub async fn click(&self, selector: &str) {
        let wanted = json!({ "using": "css selector", "value": selector });
        let found = self.0.tell(Method::POST, "element", Some(wanted)).await;
        let id = found.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned();
        self.0.tell(Method::POST, &format!("element/{id}/click"), Some(json!({}))).await;
    }

    /// Presses keys, one after the other.
    pub async fn press(&self, keys: &[char]) {
        let strokes: Vec<Value> = keys
            .iter()
            .flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key })))
            .collect();
        let order = json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": strokes }] });
        self.0.tell(Method::POST, "actions", Some(order)).await;
    }

    /// Goes on by the tab key until this element has the focus.
    pub async fn tab_to(&self, selector: &str) {
        let script = format!("return document.activeElement?.matches({}) ?? false", json!(selector));
        for _ in 0..60 {
            self.press(&[TAB]).await;
            if self.run(&script).await == true {
                return;
            }
        }
        panic!("the keyboard does not come to {selector}");
    }

    /// Keeps a picture of the whole page, for people to look at.
    pub async fn picture(&self, name: &str) {
        let order = json!({ "format": "png", "captureBeyondViewport": true });
        let shot = self.devtools("Page.captureScreenshot", order).await;
        let png = BASE64_STANDARD.decode(shot["data"].as_str().unwrap()).unwrap();
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("dashboard");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), png).unwrap();
    }

    /// What the browser complained of since it was last asked: what a policy forbade, or a script did wrong.
    pub async fn complaints(&self) -> Vec<String> {
        let log = self.0.tell(Method::POST, "se/log", Some(json!({ "type": "browser" }))).await;
        let entries = log.as_array().unwrap().iter();
        entries.map(|entry| entry["message"].as_str().unwrap_or_default().to_owned()).collect()
    }
}
