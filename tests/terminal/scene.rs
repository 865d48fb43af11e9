//! A monitor in front of a gateway that is made up, on a screen in memory.

use batch_gpt::{
    client::{Batch, Fault},
    monitor::{
        draw::draw,
        reading::Reading,
        state::{Event, Monitor, Order},
    },
    terminal::palette::Palette,
};
use batch_gpt_actors::rules::time::Millis;
use ratatui::{
    Terminal,
    backend::TestBackend,
    crossterm::event::{KeyCode, KeyEvent, KeyModifiers},
    layout::Size,
    style::Modifier,
};
use serde_json::{Value, json};

/// 2026-11-22 14:00:00 UTC.
pub const NOW: u64 = 1_795_356_000;

/// A monitor of a gateway with these batches, on a screen of this size.
pub struct Scene {
    monitor: Monitor,
    pub terminal: Terminal<TestBackend>,
    pub orders: Vec<Order>,
}

impl Scene {
    pub fn empty(width: u16, height: u16) -> Self {
        let size = Size { width, height };
        let monitor = Monitor::new("http://127.0.0.1:8080".into(), Millis(2_000), size);
        let terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        let mut scene = Self { monitor, terminal, orders: Vec::new() };
        scene.tell(Event::Tick(NOW * 1_000));
        scene
    }

    pub fn with(width: u16, height: u16, batches: &[Value]) -> Self {
        let mut scene = Self::empty(width, height);
        scene.tell(Event::Read(Ok(reading(batches))));
        scene
    }

    pub fn tell(&mut self, event: Event) {
        self.orders.extend(self.monitor.update(event));
    }

    pub fn press(&mut self, code: KeyCode) {
        self.tell(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)));
    }

    pub fn type_in(&mut self, keys: &str) {
        keys.chars().for_each(|key| self.press(KeyCode::Char(key)));
    }

    pub fn resize(&mut self, width: u16, height: u16) {
        self.terminal.backend_mut().resize(width, height);
        self.tell(Event::Resized(Size { width, height }));
    }

    pub fn lines(&mut self) -> Vec<String> {
        self.lines_in(Palette::new(false))
    }

    pub fn lines_in(&mut self, palette: Palette) -> Vec<String> {
        self.terminal.draw(|frame| draw(frame, &self.monitor, palette)).unwrap();
        let buffer = self.terminal.backend().buffer();
        let width = usize::from(buffer.area.width);
        let rows = buffer.content.chunks(width);
        let line = |row: &[ratatui::buffer::Cell]| row.iter().map(|cell| cell.symbol()).collect::<String>();
        rows.map(|row| line(row).trim_end().to_owned()).collect()
    }

    /// The screen as one text, for a look at it: `cargo test --test terminal screens -- --nocapture`.
    pub fn text(&mut self) -> String {
        let text = self.lines().join("\n");
        println!("{text}\n{}", "=".repeat(usize::from(self.terminal.backend().buffer().area.width)));
        text
    }

    pub fn shows(&mut self, words: &str) -> bool {
        self.text().contains(words)
    }

    /// The line that stands out as chosen.
    pub fn chosen(&mut self) -> String {
        self.lines();
        let buffer = self.terminal.backend().buffer();
        let width = usize::from(buffer.area.width);
        // Its first column; the tab that is open is marked as well, but not there.
        let marked = |row: &&[ratatui::buffer::Cell]| row[1].modifier.contains(Modifier::REVERSED);
        let row = buffer.content.chunks(width).skip(5).find(marked);
        row.unwrap_or_default().iter().map(|cell| cell.symbol()).collect()
    }
}

pub fn reading(batches: &[Value]) -> Reading {
    let batches = batches.iter().map(|batch| Batch::parse(&batch.to_string()).unwrap()).collect();
    Reading { batches, goes_on: false, has_more: false, opened: None, overview: None }
}

pub fn batch(id: &str, status: &str, created: u64, counts: (u64, u64, u64)) -> Value {
    let (completed, failed, total) = counts;
    let mut batch = json!({
        "id": id, "object": "batch", "endpoint": "/v1/chat/completions", "status": status, "errors": null,
        "input_file_id": "file-input", "completion_window": "24h", "created_at": created,
        "expires_at": created + 86_400,
        "request_counts": { "total": total, "completed": completed, "failed": failed },
    });
    if status != "validating" {
        batch["in_progress_at"] = (created + 4).into();
    }
    if ["completed", "failed", "expired", "cancelled"].contains(&status) {
        batch[format!("{status}_at")] = (created + 1_204).into();
    }
    batch
}

/// One batch in each tab, and three that are under way.
pub fn usual() -> Vec<Value> {
    let mut completed =
        batch("batch_673a0e1c7d988190a1c1f2e3d4c5b6a7", "completed", NOW - 7_000, (4_990, 10, 5_000));
    completed["model"] = "gpt-4o-mini-2024-07-18".into();
    completed["output_file_id"] = "file-output".into();
    completed["finalizing_at"] = (NOW - 7_000 + 1_180).into();
    completed["usage"] = json!({ "input_tokens": 1_204_000, "output_tokens": 40_210 });
    completed["metadata"] = json!({ "team": "evals" });
    let mut failed = batch("batch_673a0d00c0ffee00a1c1f2e3d4c50bad", "failed", NOW - 90_000, (0, 0, 0));
    failed["errors"] = json!({ "object": "list", "data": [
        { "code": "model_not_found", "message": "The provided model 'nope' is not supported by the Batch API.", "line": 1 },
        { "code": "token_limit_exceeded", "message": "Enqueued token limit reached for gpt-4o in organization org-1. Limit: 90,000 enqueued tokens. Please try again once some in_progress batches have been completed.", "line": null },
    ]});
    vec![
        batch("batch_673a1f2e3d4c81909c1f7a8b9c0d1e2f", "validating", NOW - 3, (0, 0, 0)),
        batch("batch_673a1e00aa4c81909c1f7a8b9c0d1e30", "in_progress", NOW - 730, (33_900, 12, 50_000)),
        batch("batch_673a1d00bb4c81909c1f7a8b9c0d1e31", "finalizing", NOW - 2_800, (1_200, 0, 1_200)),
        completed,
        batch("batch_673a0dddddd988190a1c1f2e3d4c5b6a", "expired", NOW - 80_000, (40, 2, 100)),
        failed,
        batch("batch_673a0ccccc988190a1c1f2e3d4c5b6a7", "cancelled", NOW - 100_000, (7, 0, 30)),
    ]
}

pub fn lost() -> Event {
    Event::Read(Err(Fault::Unreachable(
        "http://127.0.0.1:8080".into(),
        "Connection refused (os error 111)".into(),
    )))
}
