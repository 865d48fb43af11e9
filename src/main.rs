//! The `batch-gpt` command.
#![forbid(unsafe_code)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{io::ErrorKind, process::ExitCode, sync::Arc};

use batch_gpt::{
    app::{Application, StartFault},
    batches,
    cli::{Cli, Command, HealthcheckArgs, ServeArgs},
    config::{Config, UpstreamConfig},
    demo, keys, logging, monitor, papers,
    signals::StopSignals,
    supervisor,
};
use batch_gpt_simulator::{SimulateArgs, Simulator};
use clap::Parser;
use tokio::runtime::Runtime;

// The allocator of the C library keeps what a crowd of waiting clients has used.
#[cfg(all(feature = "jemalloc", not(target_env = "msvc")))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let level = match cli.command {
        Some(Command::Demo(_) | Command::Batches(_) | Command::Keys(_)) => "warn",
        // It has the screen to itself.
        Some(Command::Monitor(_)) => "off",
        _ => "info",
    };
    let told = match &cli.command {
        Some(Command::Serve(args)) => args.log_format.as_deref(),
        _ => cli.serve.log_format.as_deref(),
    };
    // What is no format is reported with whatever else is wrong with the settings.
    let format = told.and_then(|format| format.trim().parse().ok()).unwrap_or_default();
    logging::start(format, level);
    // Every waiting client is an open file, and the usual soft limit is 1,024.
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        log::warn!("cannot raise the limit on open files: {error}");
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => Arc::new(runtime),
        Err(error) => return failed(&format!("cannot start threads: {error}")),
    };
    let system = actix_rt::System::with_tokio_rt({
        let runtime = runtime.clone();
        || runtime
    });
    system.block_on(async move {
        match cli.command {
            None => serve(&cli.serve, runtime).await,
            Some(Command::Serve(args)) => serve(&args, runtime).await,
            Some(Command::Demo(args)) => demo::run(&args, runtime).await,
            Some(Command::Simulate(args)) => simulate(&args).await,
            Some(Command::Monitor(args)) => monitor::run(&args).await,
            Some(Command::Batches(args)) => batches::run(&args).await,
            Some(Command::Keys(args)) => keys::command::run(&args),
            Some(Command::Healthcheck(args)) => healthcheck(&args).await,
            Some(Command::Completions(args)) => printed(papers::completions(&args)),
            Some(Command::Man(args)) => printed(papers::man(&args)),
        }
    })
}

fn failed(why: &str) -> ExitCode {
    eprintln!("batch-gpt: {why}");
    ExitCode::FAILURE
}

fn printed(result: std::io::Result<()>) -> ExitCode {
    match result {
        // Who reads has had enough.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => failed(&error.to_string()),
        _ => ExitCode::SUCCESS,
    }
}

async fn serve(args: &ServeArgs, runtime: Arc<Runtime>) -> ExitCode {
    let config = match Config::parse(args) {
        Ok(config) => config,
        Err(bad) => {
            for problem in bad.0 {
                eprintln!("batch-gpt: {problem}");
            }
            return ExitCode::from(2);
        }
    };
    let mut signals = match StopSignals::catch() {
        Ok(signals) => signals,
        Err(error) => return failed(&format!("cannot catch signals: {error}")),
    };
    let application = match Application::bind(config, runtime).await {
        Ok(application) => application,
        Err(fault) => return failed(&fault.to_string()),
    };
    log::info!("listening on {}", application.url());
    let mut trusted = true;
    tokio::select! {
        started = application.start() => match started {
            Ok(()) => {
                greet(&application);
                supervisor::serving(&format!("{}/v1", application.url()));
                supervisor::watch(application.pulse());
            }
            Err(fault) => return refuse(application, &fault).await,
        },
        signal = signals.next() => {
            log::info!("{signal} before the start was complete");
            supervisor::stopping();
            application.stop().await;
            return ExitCode::SUCCESS;
        }
    }
    tokio::select! {
        signal = signals.next() => log::info!("{signal}: stopping in order; a second signal stops at once"),
        () = application.distrusted() => {
            log::error!("three handlers panicked within a minute: stopping in order");
            trusted = false;
        }
    }
    supervisor::stopping();
    tokio::select! {
        () = application.stop() => {}
        signal = signals.next() => {
            log::warn!("{signal}: stopping at once");
            std::process::exit(130);
        }
    }
    if trusted { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn refuse(application: Application, fault: &StartFault) -> ExitCode {
    application.stop().await;
    failed(&fault.to_string())
}

fn greet(application: &Application) {
    let (url, config) = (application.url(), application.config());
    let upstream = match &config.upstream {
        UpstreamConfig::Simulated => "the simulated upstream",
        UpstreamConfig::At(..) => "the upstream",
    };
    let (version, store, mode) = (env!("CARGO_PKG_VERSION"), &config.store, config.serving.mode);
    log::info!("batch-gpt {version} serves {url}/v1 with {upstream}, mode {mode}, journal in {store}");
    log::info!("try it: OpenAI(base_url=\"{url}/v1\", api_key=\"any\", timeout=86400)");
    log::info!("see it: {url}/");
}

async fn simulate(args: &SimulateArgs) -> ExitCode {
    let mut signals = match StopSignals::catch() {
        Ok(signals) => signals,
        Err(error) => return failed(&format!("cannot catch signals: {error}")),
    };
    match Simulator::start(args.settings()).await {
        Ok(simulator) => {
            log::info!("the simulated upstream serves {}", simulator.base_url());
            log::info!("{} stops it", signals.next().await);
            simulator.stop(true).await;
            ExitCode::SUCCESS
        }
        Err(error) => failed(&format!("cannot start the simulated upstream: {error}")),
    }
}

async fn healthcheck(args: &HealthcheckArgs) -> ExitCode {
    let address = match args.bind_address.trim() {
        "" => "127.0.0.1:8080",
        given => given,
    };
    let encrypted = args.tls_cert.as_ref().is_some_and(|path| !path.trim().is_empty());
    let url = format!("{}://{address}/readyz", if encrypted { "https" } else { "http" });
    // What is on this machine is not asked for through a proxy.
    let client = reqwest::Client::builder().no_proxy().tls_danger_accept_invalid_certs(true).build();
    let ready = match client {
        Ok(client) => client.get(&url).send().await.is_ok_and(|response| response.status().is_success()),
        Err(error) => return failed(&format!("cannot make an HTTP client: {error}")),
    };
    if ready { ExitCode::SUCCESS } else { failed(&format!("{url} does not answer that it is ready")) }
}
