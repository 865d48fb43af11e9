//! The command line.

use std::time::Duration;

use batch_gpt_simulator::{Fault, FaultOrder, Faults, Operation, SimulateArgs};
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
    let flags =
        ["simulate", "--keys", "one,two", "--seed", "7", "--per-batch-ms", "90", "--bind", "127.0.0.1:0"];
    let args = Command::parse_from(flags).simulate;
    assert!(!format!("{args:?}").contains("two"));
    let settings = args.settings();
    assert_eq!(settings.keys, ["one", "two"]);
    assert_eq!(settings.seed, 7);
    assert_eq!(settings.timing.per_batch, Duration::from_millis(90));
    assert_eq!(settings.bind.port(), 0);
}

#[test]
fn faults_can_be_ordered_on_the_command_line() {
    let settings = Command::parse_from(["simulate"]).simulate.settings();
    assert_eq!(settings.faults, Faults::default());
    assert!(settings.fault_orders.is_empty());
    let flags = [
        "simulate",
        "--fault-rate",
        "0.2",
        "--fault-kinds",
        "status_503,answer_lost",
        "--line-fault-rate",
        "0.05",
        "--expire-rate",
        "0.1",
        "--fail-rate",
        "1",
        "--fault",
        "create_batch=answer_lost:1",
        "--fault",
        "any=status_429:*:3,upload_file=request_lost",
    ];
    let settings = Command::parse_from(flags).simulate.settings();
    assert_eq!(settings.faults.rate, 0.2);
    assert_eq!(settings.faults.kinds, [Fault::Status(503), Fault::AnswerLost]);
    assert_eq!(settings.faults.line_fault_rate, 0.05);
    assert_eq!(settings.faults.expire_rate, 0.1);
    assert_eq!(settings.faults.fail_rate, 1.0);
    let unlimited =
        FaultOrder { times: None, after: 3, ..FaultOrder::once(Operation::Any, Fault::Status(429)) };
    assert_eq!(
        settings.fault_orders,
        [
            FaultOrder::once(Operation::CreateBatch, Fault::AnswerLost),
            unlimited,
            FaultOrder::once(Operation::UploadFile, Fault::RequestLost),
        ]
    );
}

#[test]
fn faults_that_make_no_sense_are_refused_on_the_command_line() {
    for flags in [
        ["--fault-rate", "1.1"],
        ["--line-fault-rate", "NaN"],
        ["--fault", "create_batch"],
        ["--fault", "create_batch=unheard_of"],
        ["--fault", "unheard_of=cut"],
        ["--fault", "any=cut:x"],
        ["--fault", "any=cut:1:2:3"],
        ["--fault", "list_files=batch_fails"],
        ["--fault-kinds", "status_200"],
    ] {
        let result = Command::try_parse_from(["simulate"].iter().chain(&flags));
        assert!(result.is_err(), "{flags:?}");
    }
}
