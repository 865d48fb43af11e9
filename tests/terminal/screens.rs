//! What the monitor draws, on a screen in memory.

use batch_gpt::{
    client::Overview,
    monitor::{
        reading::{Errand, Reading},
        state::{Event, Order},
    },
    terminal::palette::Palette,
};
use ratatui::{
    crossterm::event::{KeyCode, KeyEvent, KeyModifiers},
    style::Color,
};
use serde_json::{Value, json};

use crate::scene::{NOW, Scene, batch, lost, reading, usual};

#[test]
fn the_first_screen_shows_what_is_under_way() {
    let mut scene = Scene::with(120, 30, &usual());
    let text = scene.text();
    assert!(text.contains("batch-gpt http://127.0.0.1:8080"));
    assert!(text.contains("14:00:00 UTC"));
    assert!(text.contains("validating 1   in progress 1   finalizing 1   cancelling 0"));
    assert!(text.contains("35,100 completed, 12 failed, 16,088 left of 51,200"));
    assert!(text.contains(" Active 3   Completed 1   Failed 1   Expired 1   Cancelled 1   All 7"));
    let lines = scene.lines();
    let row = lines.iter().find(|line| line.contains("batch_673a1e00aa4c81909c1f7a8b9c0d1e30")).unwrap();
    for part in ["in progress", "█", "▒", "·", "67 %", "33,912/50,000", "12m 10s"] {
        assert!(row.contains(part), "{part:?} is not in {row:?}");
    }
    assert!(!text.contains("completed   "));
    assert!(text.contains("1–3 of 3"));
}

#[test]
fn each_tab_shows_its_own_batches_and_the_tabs_go_round() {
    let mut scene = Scene::with(120, 30, &usual());
    let tabs = [
        ("batch_673a0e1c7d988190a1c1f2e3d4c5b6a7", "20m 04s"),
        ("batch_673a0d00c0ffee00a1c1f2e3d4c50bad", "failed"),
        ("batch_673a0dddddd988190a1c1f2e3d4c5b6a", "42/100"),
        ("batch_673a0ccccc988190a1c1f2e3d4c5b6a7", "cancelled"),
    ];
    for (key, (id, words)) in
        [KeyCode::Right, KeyCode::Tab, KeyCode::Char('l'), KeyCode::Right].into_iter().zip(tabs)
    {
        scene.press(key);
        let chosen = scene.chosen();
        assert!(chosen.contains(id) && chosen.contains(words), "{chosen}");
        assert!(scene.shows("1–1 of 1"));
    }
    scene.press(KeyCode::Right);
    assert!(scene.shows("1–7 of 7"));
    scene.press(KeyCode::Right);
    assert!(scene.shows("1–3 of 3"));
    scene.press(KeyCode::BackTab);
    assert!(scene.shows("1–7 of 7"));
    scene.press(KeyCode::Char('h'));
    scene.press(KeyCode::Left);
    assert!(scene.chosen().contains("expired"));
}

#[test]
fn the_cursor_moves_and_the_list_with_it() {
    let many: Vec<_> =
        (0..100).rev().map(|n| batch(&format!("batch_{n:03}"), "in_progress", NOW - 10, (0, 0, 1))).collect();
    let mut scene = Scene::with(80, 24, &many);
    assert!(scene.chosen().contains("batch_099"));
    scene.type_in("jjk");
    assert!(scene.chosen().contains("batch_098"));
    scene.type_in("G");
    assert!(scene.chosen().contains("batch_000"));
    assert!(scene.shows("of 100") && !scene.shows("batch_099"));
    scene.press(KeyCode::Up);
    assert!(scene.chosen().contains("batch_001"));
    scene.press(KeyCode::PageUp);
    assert!(scene.chosen().contains("batch_017"), "{}", scene.chosen());
    scene.type_in("g");
    scene.press(KeyCode::Up);
    assert!(scene.chosen().contains("batch_099"));
    scene.press(KeyCode::Down);
    // A new batch comes in above, and the cursor stays on its own.
    let newer: Vec<_> =
        std::iter::once(batch("batch_100", "validating", NOW, (0, 0, 0))).chain(many).collect();
    scene.tell(Event::Read(Ok(reading(&newer))));
    assert!(scene.chosen().contains("batch_098"));
}

#[test]
fn the_filter_narrows_the_list_as_it_is_typed() {
    let mut scene = Scene::with(100, 24, &usual());
    scene.press(KeyCode::Left);
    scene.type_in("/EVALS gpt-4q");
    assert!(scene.shows("No batch here fits the filter"));
    assert!(scene.shows("/EVALS gpt-4q"));
    scene.press(KeyCode::Backspace);
    scene.type_in("o");
    assert!(scene.shows("1–1 of 1"));
    assert!(scene.chosen().contains("completed"));
    scene.press(KeyCode::Enter);
    assert!(scene.shows("filter: EVALS gpt-4o") && scene.shows("q quit"));
    scene.press(KeyCode::Esc);
    assert!(scene.shows("1–7 of 7"));
    scene.type_in("/q");
    scene.press(KeyCode::Esc);
    assert!(scene.shows("1–7 of 7"), "a key that is typed does nothing else");
    assert!(!scene.orders.contains(&Order::Quit));
}

#[test]
fn the_details_tell_all_about_a_batch() {
    let mut scene = Scene::with(100, 40, &usual());
    scene.press(KeyCode::Right);
    scene.press(KeyCode::Enter);
    let text = scene.text();
    for words in [
        "batch_673a0e1c7d988190a1c1f2e3d4c5b6a7",
        "completed after 20m 04s",
        "/v1/chat/completions",
        "gpt-4o-mini-2024-07-18",
        "100 %",
        "4,990 completed, 10 failed, 0 left of 5,000",
        "1,204,000 in, 40,210 out",
        "validating     2026-11-22 12:03:20 UTC  4s",
        "in progress    2026-11-22 12:03:24 UTC  19m 36s",
        "finalizing     2026-11-22 12:23:00 UTC  24s",
        "completed      2026-11-22 12:23:24 UTC",
        "input          file-input",
        "output         file-output",
        "errors         -",
        "team           evals",
    ] {
        assert!(text.contains(words), "{words:?}");
    }
    // The batch itself is looked at, at once.
    let opened = |order: &Order| matches!(order, Order::Read(Errand { opened: Some(_), .. }));
    assert!(scene.orders.iter().any(opened), "{:?}", scene.orders);
    scene.press(KeyCode::Esc);
    assert!(scene.shows("1–1 of 1"));
}

#[test]
fn the_errors_of_a_batch_are_shown_whole() {
    let mut scene = Scene::with(80, 24, &usual());
    scene.type_in("ll");
    scene.press(KeyCode::Enter);
    assert!(scene.shows("failed after 20m 04s"));
    scene.type_in("G");
    let text = scene.text();
    assert!(text.contains("line 1         model_not_found: The provided model 'nope' is not supported by"));
    assert!(text.contains("all lines      token_limit_exceeded: Enqueued token limit reached"));
    assert!(text.contains("have been completed."), "{text}");
    scene.type_in("g");
    assert!(scene.shows("batch_673a0d00c0ffee00a1c1f2e3d4c50bad"));
}

#[test]
fn an_open_batch_goes_on() {
    let mut scene = Scene::with(100, 30, &usual());
    scene.press(KeyCode::Down);
    scene.press(KeyCode::Enter);
    assert!(scene.shows("in progress, expires in 23h 47m (window 24h)"));
    assert!(scene.shows("in progress    2026-11-22 13:47:54 UTC  12m 06s so far"));
    scene.tell(Event::Tick((NOW + 5) * 1_000));
    assert!(scene.shows("12m 11s so far"));
    let mut later = usual();
    later[1] = batch("batch_673a1e00aa4c81909c1f7a8b9c0d1e30", "completed", NOW - 730, (49_988, 12, 50_000));
    scene.tell(Event::Read(Ok(reading(&later))));
    assert!(scene.shows("completed after 20m 04s"));
    scene.tell(Event::Read(Ok(reading(&[]))));
    assert!(scene.shows("No batches yet"), "another gateway does not know it");
}

#[test]
fn a_lost_gateway_leaves_the_last_picture() {
    let mut scene = Scene::with(100, 24, &usual());
    scene.tell(Event::Tick((NOW + 3) * 1_000));
    scene.tell(lost());
    scene.tell(Event::Tick((NOW + 66) * 1_000));
    scene.tell(lost());
    let text = scene.text();
    assert!(text.contains("lost since 14:00:03 UTC (1m 03s)"));
    assert!(text.contains("cannot reach http://127.0.0.1:8080: Connection refused (os error 111)"));
    assert!(text.contains("in progress") && text.contains("Active 3"));
    scene.tell(Event::Tick((NOW + 70) * 1_000));
    let all = Order::Read(Errand { down_to: None, opened: None, overview: true });
    assert_eq!(scene.orders.last(), Some(&all), "it is looked for, and read anew");
    scene.tell(Event::Read(Ok(reading(&usual()))));
    assert!(!scene.shows("lost") && scene.shows("14:01:10 UTC"));
}

#[test]
fn a_gateway_that_never_answered_is_said_to_be_lost_too() {
    let mut scene = Scene::empty(80, 24);
    assert!(scene.shows("connecting") && scene.shows("Asking the gateway"));
    scene.tell(lost());
    assert!(scene.shows("lost since 14:00:00 UTC (0s)") && scene.shows("Nothing is known yet."));
    scene.tell(Event::Read(Ok(reading(&[]))));
    assert!(scene.shows("No batches yet. Send a call to http://127.0.0.1:8080/v1."));
}

#[test]
fn it_looks_once_an_interval_and_never_twice_at_once() {
    let mut scene = Scene::empty(80, 24);
    assert_eq!(scene.orders.len(), 1);
    scene.tell(Event::Tick((NOW + 60) * 1_000));
    scene.type_in("rr");
    assert_eq!(scene.orders.len(), 1, "the first look is still under way");
    scene.tell(Event::Read(Ok(reading(&usual()))));
    assert_eq!(scene.orders.len(), 1);
    scene.tell(Event::Tick((NOW + 61) * 1_000));
    assert_eq!(scene.orders.len(), 1);
    scene.tell(Event::Tick((NOW + 62) * 1_000));
    assert_eq!(scene.orders.len(), 2);
    scene.tell(Event::Read(Ok(reading(&usual()))));
    scene.tell(Event::Tick((NOW + 64) * 1_000));
    let oldest_running = Some("batch_673a1d00bb4c81909c1f7a8b9c0d1e31".into());
    let short = Order::Read(Errand { down_to: oldest_running, opened: None, overview: false });
    assert_eq!(scene.orders.last(), Some(&short));
    scene.tell(Event::Read(Ok(reading(&usual()))));
    scene.type_in("r");
    let all = Order::Read(Errand { down_to: None, opened: None, overview: true });
    assert_eq!((scene.orders.len(), scene.orders.last()), (4, Some(&all)));
}

#[test]
fn the_gateways_own_numbers_and_problems_are_shown() {
    let mut scene = Scene::with(110, 24, &usual());
    let overview = |problems: Value| {
        let overview = json!({
            "requests": { "open": 812, "waiting": 0, "in_batch": 38_400, "answered": 112_903, "failed": 41 },
            "spending": { "saved_nano_dollars": 31_770_000_000_u64 },
            "lanes": [{ "window_left_ms": 3_500 }],
            "problems": problems,
        });
        Overview::parse(&overview.to_string())
    };
    scene.tell(Event::Read(Ok(Reading { overview: overview(json!([])), ..reading(&usual()) })));
    let words = "open 812   waiting 0   in batch 38,400   answered 112,903   failed 41   saved $31.77   next batch in 3s";
    assert!(scene.shows(words) && scene.shows("1–3 of 3"));
    let problems = json!([{ "kind": "store_down", "message": "The store takes no records." }]);
    scene.tell(Event::Read(Ok(Reading { overview: overview(problems), ..reading(&usual()) })));
    assert!(scene.shows("The store takes no records."));
}

#[test]
fn small_screens_keep_what_matters_most() {
    let mut scene = Scene::with(80, 24, &usual());
    assert!(scene.shows("batch_673…9c0d1e30") && scene.shows("33,912/50,000") && scene.shows("12m 10s"));
    assert!(scene.lines().iter().all(|line| line.chars().count() <= 80));
    scene.resize(40, 8);
    let text = scene.text();
    assert!(
        text.contains("‹ Active 3 ›") && text.contains("in progress") && text.contains("batch_673…9c0d1e30")
    );
    scene.resize(20, 3);
    assert!(scene.shows("batch_673…"));
    for view in ["", "?", "xj\n"] {
        for key in view.chars() {
            scene.press(if key == '\n' { KeyCode::Enter } else { KeyCode::Char(key) });
        }
        for (width, height) in [(1, 1), (2, 2), (3, 50), (200, 1), (12, 5), (80, 24), (300, 100)] {
            scene.resize(width, height);
            assert_eq!(scene.lines().len(), usize::from(height));
        }
    }
}

#[test]
fn help_tells_the_keys_and_any_key_leaves_it() {
    let mut scene = Scene::with(80, 24, &usual());
    scene.type_in("?");
    assert!(scene.shows("another tab") && scene.shows("read everything anew") && scene.shows("▒▒▒ failed"));
    scene.press(KeyCode::Esc);
    assert!(scene.shows("1–3 of 3"));
}

#[test]
fn q_and_control_c_leave_from_everywhere() {
    for view in ["", "?", "/"] {
        let mut scene = Scene::with(80, 24, &usual());
        scene.type_in(view);
        scene.tell(Event::Key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)));
        assert_eq!(scene.orders.last(), Some(&Order::Quit));
    }
    let mut scene = Scene::with(80, 24, &usual());
    scene.press(KeyCode::Enter);
    scene.type_in("q");
    assert_eq!(scene.orders.last(), Some(&Order::Quit));
}

#[test]
fn without_colours_nothing_is_lost() {
    let mut scene = Scene::with(120, 30, &usual());
    let (colours, plain) = (scene.lines_in(Palette::new(true)), scene.lines());
    assert_eq!(colours, plain);
    let buffer = scene.terminal.backend().buffer();
    assert!(buffer.content.iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
}
