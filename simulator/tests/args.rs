//! The command line.

use std::time::Duration;

use batch_gpt_simulator::{Fault, FaultOrder, Faults, LineFault, NoErrorFile, Operation, SimulateArgs};
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
fn orders_on_the_command_line_can_have_all_their_members() {
    let flags = [
        "simulate",
        "--fault",
        "upload_file=status_429:retry_after=7:should_retry=false",
        "--fault",
        "create_batch=batch_fails:2:1:code=token_limit_exceeded:line=3",
    ];
    let settings = Command::parse_from(flags).simulate.settings();
    let limited = FaultOrder {
        retry_after: Some(7),
        should_retry: Some(false),
        ..FaultOrder::once(Operation::UploadFile, Fault::Status(429))
    };
    let failing = FaultOrder {
        times: Some(2),
        after: 1,
        code: Some("token_limit_exceeded".to_owned()),
        line: Some(3),
        ..FaultOrder::once(Operation::CreateBatch, Fault::BatchFails)
    };
    assert_eq!(settings.fault_orders, [limited, failing]);
}

#[test]
fn every_setting_can_be_given_by_its_path_and_wins_over_its_flag() {
    let flags = [
        "simulate",
        "--per-batch-ms",
        "90",
        "--set",
        "timing.per_batch_ms=70;limits.enqueued_tokens=1000",
        "--set",
        "faults.line_kinds=[\"missing\",\"timeout\"]",
        "--set",
        "knobs.no_error_file=empty_string",
        "--webhook-url",
        "http://127.0.0.1:9/hook",
        "--set",
        "webhooks.max_attempts=2",
    ];
    let settings = Command::parse_from(flags).simulate.settings();
    assert_eq!(settings.timing.per_batch, Duration::from_millis(70));
    assert_eq!(settings.limits.enqueued_tokens, Some(1000));
    assert_eq!(settings.faults.line_kinds, [LineFault::Missing, LineFault::Timeout]);
    assert_eq!(settings.knobs.no_error_file, NoErrorFile::EmptyString);
    assert_eq!(settings.webhooks.url.as_deref(), Some("http://127.0.0.1:9/hook"));
    assert_eq!(settings.webhooks.max_attempts, 2);
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
        ["--fault", "any=cut:unheard_of=1"],
        ["--fault", "any=cut:message=x"],
        ["--set", "faults.rate=2"],
        ["--set", "faults.unheard_of=2"],
        ["--set", "unheard_of"],
        ["--set", "webhooks.url=http://192.0.2.1/"],
    ] {
        let result = Command::try_parse_from(["simulate"].iter().chain(&flags));
        assert!(result.is_err(), "{flags:?}");
    }
}
