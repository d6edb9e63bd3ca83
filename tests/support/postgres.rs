//! A private PostgreSQL cluster for this test process, with a database per test; and others, for tests that stop them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use persistence::{DatabaseUrl, Db, Options};

/// The cluster of all tests that let it live.
static CLUSTER: LazyLock<Cluster> = LazyLock::new(Cluster::start);
static TEMPLATE: LazyLock<()> = LazyLock::new(|| {
    psql("CREATE DATABASE template_byline");
    let db = Db::open(&Options { url: url("template_byline"), create: false, connections: 1 }).unwrap();
    persistence::migrations::run(&db).unwrap();
});
static NEXT: AtomicU32 = AtomicU32::new(0);

/// A new database with every migration, and nothing else in it.
pub fn migrated() -> DatabaseUrl {
    LazyLock::force(&TEMPLATE);
    create("TEMPLATE template_byline")
}

/// A new database with nothing in it.
pub fn empty() -> DatabaseUrl {
    create("")
}

fn create(options: &str) -> DatabaseUrl {
    let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    psql(&format!("CREATE DATABASE {name} {options}"));
    url(&name)
}

fn url(database: &str) -> DatabaseUrl {
    CLUSTER.url(database)
}

fn psql(statement: &str) {
    // One at a time: a template that is being copied can not be copied again.
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut command = Command::new(program("psql"));
    command.args(["-q", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "postgres", "-c", statement, "-h"]);
    assert!(command.arg(&CLUSTER.folder).status().unwrap().success(), "psql refused: {statement}");
}

/// PostgreSQL's programs are in the path, or where Debian puts them.
fn program(name: &str) -> PathBuf {
    let mut folders: Vec<PathBuf> = std::env::var_os("PATH").iter().flat_map(std::env::split_paths).collect();
    if let Ok(versions) = std::fs::read_dir("/usr/lib/postgresql") {
        let mut versions: Vec<_> = versions.flatten().map(|version| version.path().join("bin")).collect();
        versions.sort();
        folders.splice(0..0, versions.into_iter().rev());
    }
    folders.into_iter().map(|folder| folder.join(name)).find(|path| path.is_file()).unwrap_or_else(|| {
        panic!("PostgreSQL's `{name}` is missing: install Debian's package `postgresql`, or test SQLite alone with `cargo test -- --skip postgres`")
    })
}

/// A cluster: a folder with its socket, reached as `postgres`. It ends with this process.
pub struct Cluster {
    folder: PathBuf,
}

impl Cluster {
    /// Makes one and starts it.
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("byline-postgres-").tempdir().unwrap().keep();
        if is_root() {
            run(Command::new("chown").arg("nobody").arg(&folder));
        }
        let cluster = Self { folder };
        let mut initdb = as_user("initdb");
        run(initdb.args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync", "-D"]).arg(cluster.data()));
        cluster.resume();
        stop_with_this_process(&as_user("pg_ctl"), &cluster.data(), &cluster.folder);
        cluster
    }

    /// Starts it again after [`Cluster::cut`].
    pub fn resume(&self) {
        let options = format!(
            "-c listen_addresses='' -c unix_socket_directories='{}' -c fsync=off -c max_connections=500 -c shared_buffers=64MB",
            self.folder.display()
        );
        let mut start = as_user("pg_ctl");
        start.args(["-w", "-s", "-l"]).arg(self.folder.join("log")).arg("-D").arg(self.data());
        run(start.args(["-o", &options, "start"]));
    }

    /// Stops it as a crash would.
    pub fn cut(&self) {
        run(as_user("pg_ctl").args(["-w", "-s", "-m", "immediate", "stop", "-D"]).arg(self.data()));
    }

    /// A database of it.
    pub fn url(&self, database: &str) -> DatabaseUrl {
        format!("postgres://postgres@localhost/{database}?host={}", self.folder.display()).parse().unwrap()
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().unwrap().stdout == b"0\n"
}

/// One of PostgreSQL's programs; it does not run as root.
fn as_user(name: &str) -> Command {
    let program = program(name);
    let mut command = if is_root() { Command::new("setpriv") } else { Command::new(&program) };
    if is_root() {
        command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]).arg(program);
    }
    command.current_dir("/");
    command
}

/// A shell waits for the end of a pipe that only this process holds open, and then stops the cluster.
fn stop_with_this_process(pg_ctl: &Command, data: &Path, folder: &Path) {
    let mut words = vec![pg_ctl.get_program().to_owned()];
    words.extend(pg_ctl.get_args().map(std::ffi::OsStr::to_owned));
    let mut shell = Command::new("sh");
    shell.args(["-c", "folder=$1; shift; read _; \"$@\"; rm -rf \"$folder\"", "sh"]).arg(folder).args(words);
    shell.args(["-s", "-m", "immediate", "stop", "-D"]).arg(data);
    let child = shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::mem::forget(child);
}

fn run(command: &mut Command) {
    let output = command.stdout(Stdio::null()).stderr(Stdio::inherit()).status().unwrap();
    assert!(output.success(), "failed: {command:?}");
}
