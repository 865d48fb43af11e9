//! One `mongod`.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use mongodb::bson::doc;

/// A supervisor of its own stands between the server and the tests: however the tests end, its input ends with them,
/// and it ends the server and removes the server's data.
const SUPERVISOR: &str = r#"
folder=$1; shift
start() { "$@" </dev/null >/dev/null 2>&1 & pid=$!; }
end() { kill -9 $pid; wait $pid; }
start "$@"
echo started
while read -r word; do
    case $word in
        start) start "$@"; echo started ;;
        end) end; echo ended ;;
    esac
done
end
rm -rf "$folder"
"#;

/// A server on a free port.
pub(crate) struct Server {
    pub(crate) port: u16,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    _supervisor: Child,
}

impl Server {
    /// Starts a server and waits until it answers.
    pub(crate) async fn start(program: &Path, options: &[&str]) -> Self {
        // Somebody else may take the port in between.
        for _ in 0..5 {
            let server = Self::spawn(program, options);
            if server.answers().await {
                return server;
            }
        }
        panic!("{} does not come up", program.display());
    }

    fn spawn(program: &Path, options: &[&str]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let name = format!("mongod-{}-{}", std::process::id(), NEXT.fetch_add(1, Relaxed));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).unwrap();
        let mut supervisor = Command::new("sh")
            .args(["-c", SUPERVISOR, "supervisor"])
            .arg(&folder)
            .arg(program)
            .args(["--bind_ip", "127.0.0.1", "--port", &port.to_string()])
            .args(["--nounixsocket", "--wiredTigerCacheSizeGB", "0.5", "--quiet"])
            .args(["--setParameter", "diagnosticDataCollectionEnabled=false"])
            .args(["--setParameter", "reportOpWriteConcernCountersInServerStatus=true"])
            .arg("--dbpath")
            .arg(&folder)
            .arg("--logpath")
            .arg(folder.join("log"))
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let orders = supervisor.stdin.take().unwrap();
        let answers = BufReader::new(supervisor.stdout.take().unwrap());
        let mut server = Self { port, orders, answers, _supervisor: supervisor };
        server.await_word("started");
        server
    }

    async fn answers(&self) -> bool {
        let uri = format!(
            "mongodb://127.0.0.1:{}/?directConnection=true&serverSelectionTimeoutMS=20000",
            self.port
        );
        super::command(&uri, doc! { "ping": 1 }).await.is_ok()
    }

    fn await_word(&mut self, word: &str) {
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), word);
    }

    /// Kills the server as a crash would.
    pub(crate) fn kill(&mut self) {
        writeln!(self.orders, "end").unwrap();
        self.await_word("ended");
    }

    /// Starts it again where it was.
    pub(crate) fn restart(&mut self) {
        writeln!(self.orders, "start").unwrap();
        self.await_word("started");
    }
}
