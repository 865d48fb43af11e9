//! The command line.

use std::time::Duration;

use batch_gpt_simulator::SimulateArgs;
use clap::Parser;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    simulate: SimulateArgs,
}

#[test]
fn flags_become_settings() {
    let settings = Command::parse_from(["simulate"]).simulate.settings();
    assert_eq!(settings.bind.to_string(), "127.0.0.1:8090");
    assert!(settings.keys.is_empty());
    let flags = [
        "simulate",
        "--keys",
        "one,two",
        "--seed",
        "7",
        "--per-batch-ms",
        "90",
        "--bind",
        "127.0.0.1:0",
    ];
    let args = Command::parse_from(flags).simulate;
    assert!(!format!("{args:?}").contains("two"));
    let settings = args.settings();
    assert_eq!(settings.keys, ["one", "two"]);
    assert_eq!(settings.seed, 7);
    assert_eq!(settings.timing.per_batch, Duration::from_millis(90));
    assert_eq!(settings.bind.port(), 0);
}
