//! The command under test, run to its end.

use std::process::Output;

use crate::process::{Gateway, command};

/// Runs the command with these arguments and variables. Its standard error is not a terminal, and neither is its
/// standard output.
pub async fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
    let mut command = command();
    command.args(arguments).envs(variables.iter().copied()).stdout(std::process::Stdio::piped());
    let Output { status, stdout, stderr } = command.output().await.unwrap();
    Ran {
        code: status.code().unwrap(),
        out: String::from_utf8(stdout).unwrap(),
        err: String::from_utf8(stderr).unwrap(),
    }
}

/// Runs the command against a gateway.
pub async fn ask(gateway: &Gateway, arguments: &[&str]) -> Ran {
    run(arguments, &[("BATCH_GPT_URL", &gateway.url)]).await
}

/// What came of it.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// The cells of a table without its heading.
    pub fn rows(&self) -> Vec<Vec<&str>> {
        self.out
            .lines()
            .skip(1)
            .map(|line| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
            .collect()
    }
}

/// An address where nobody listens.
pub fn nowhere() -> String {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    format!("http://127.0.0.1:{port}")
}
