//! `cargo xtask test`: every test there is.

use std::path::PathBuf;

use clap::Args;

use crate::{
    abuse::{self, AbuseArgs},
    api::{self, ApiArgs},
    clients::{self, Runtimes},
    crash::{self, CrashArgs},
    mongod, newcomer,
    process::{build, cargo, command, raise_open_files, read, show},
    python::{OPENAPI, Python},
    repository::Repository,
    steps::Steps,
    storm::{self, StormArgs},
    supply,
};

/// Schedules that the simulation runs; `cargo test` by itself runs fewer.
const SCHEDULES: &str = "20000";

/// Flags of `test` and `clients`.
#[derive(Debug, Args)]
pub struct TestArgs {
    /// Questions for the acceptance, JSONL with {"question": …} lines; generated ones if there are none.
    #[arg(long, env = "BATCH_GPT_TEST_QUESTIONS", value_name = "FILE")]
    pub questions: Option<PathBuf>,
}

/// Runs everything. True if nothing failed.
pub fn run(args: &TestArgs) -> Result<bool, String> {
    raise_open_files();
    let repository = Repository::find()?;
    let mut steps = Steps::default();
    let runtimes = Runtimes::prepare(&repository);
    let python = &runtimes.openai_3;
    let mongod = mongod::prepare(&repository, python.as_ref());

    steps.step("what it is made of", || supply::check(&repository));
    steps.step("cargo test", || {
        let mut tests = cargo();
        tests
            .args(["test", "--workspace", "--no-fail-fast"])
            .env("BATCH_GPT_SIMULATION_SCHEDULES", SCHEDULES);
        tests.current_dir(&repository.root);
        if let Ok(python) = python {
            tests.env("BATCH_GPT_TEST_PYTHON", &python.interpreter);
        }
        if let Ok(mongod) = &mongod {
            tests.env("BATCH_GPT_TEST_MONGOD", mongod);
        }
        show(&mut tests, 0)
    });
    steps.step("pools of four", || {
        let mut tests = cargo();
        let programs = [
            "virtual_time",
            "simulation",
            "cases",
            "gateway",
            "terminal",
            "dashboard",
            "mongo",
            "storage_faults",
        ];
        tests
            .args(["test", "--workspace", "--no-fail-fast"])
            .args(programs.iter().flat_map(|program| ["--test", program]))
            .env("BATCH_GPT_TEST_POOLS", "4")
            .current_dir(&repository.root);
        if let Ok(mongod) = &mongod {
            tests.env("BATCH_GPT_TEST_MONGOD", mongod);
        }
        show(&mut tests, 0)
    });
    for (pools, of) in [("1", ""), ("4", ", pools of four")] {
        steps.step(&format!("crashes at every boundary{of}"), || {
            let mut tests = cargo();
            tests
                // As a part of the workspace it shares what the other tests were built with.
                .args(["test", "--workspace", "--features", "fail-points", "--test", "crash"])
                .env("BATCH_GPT_TEST_POOLS", pools)
                .current_dir(&repository.root);
            if let Ok(mongod) = &mongod {
                tests.env("BATCH_GPT_TEST_MONGOD", mongod);
            }
            show(&mut tests, 0)
        });
    }
    steps.step("broken rules are noticed", || {
        let mut tests = cargo();
        let feature = "batch-gpt-actors/mutations";
        tests
            .args(["test", "--workspace", "--features", feature, "--test", "simulation", "mutations"])
            .env("BATCH_GPT_SIMULATION_SCHEDULES", SCHEDULES)
            .current_dir(&repository.root);
        show(&mut tests, 0)
    });
    if let Err(why) = &mongod {
        steps.skip("tests that need MongoDB", why);
    }
    for (program, flag, tests) in [
        ("tmux", "-V", "the monitor on a real terminal"),
        ("chromium", "--version", "the dashboard in a browser"),
        ("chromedriver", "--version", "the dashboard in a browser"),
    ] {
        if let Err(why) = read(command(program).arg(flag)) {
            steps.skip(tests, &why);
        }
    }

    let built = build(&repository);
    let works = built.is_ok();
    steps.outcome("cargo build", built);
    if works {
        clients::run(&mut steps, &repository, &runtimes, args.questions.as_deref());
        steps.step("crashes at random instants", || {
            crash::rounds(&repository.gateway(), &CrashArgs::short(), None)
        });
        steps.step("ten thousand clients while much goes wrong upstream", || {
            storm::weather(&repository.gateway(), &StormArgs::usual())
        });
        steps.step("well-behaved clients beside others that mean no good", || {
            abuse::endure(&repository.gateway(), &AbuseArgs::short())
        });
        match Python::prepare(&repository, OPENAPI) {
            Ok(python) => {
                let args = ApiArgs::usual();
                steps.step("the API keeps what its document says", || {
                    api::examine(&repository, &python, &args)
                });
            }
            Err(why) => steps.skip("the API keeps what its document says", &why),
        }
        steps.step("the quick start of the README, typed in this tree and unoptimised", || {
            newcomer::in_this_tree(&repository)
        });
    }
    Ok(steps.close())
}
