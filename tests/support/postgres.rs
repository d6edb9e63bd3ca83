//! A private PostgreSQL cluster for this test process, with a database per test.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use persistence::{DatabaseUrl, Db, Options};

/// The cluster: a folder with its socket, reached as `postgres`.
static CLUSTER: LazyLock<PathBuf> = LazyLock::new(start);
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
    format!("postgres://postgres@localhost/{database}?host={}", CLUSTER.display()).parse().unwrap()
}

fn psql(statement: &str) {
    // One at a time: a template that is being copied can not be copied again.
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut command = Command::new(program("psql"));
    command.args(["-q", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "postgres", "-c", statement, "-h"]);
    assert!(command.arg(&*CLUSTER).status().unwrap().success(), "psql refused: {statement}");
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

/// Makes and starts a cluster that lives as long as this process.
fn start() -> PathBuf {
    let folder = tempfile::Builder::new().prefix("byline-postgres-").tempdir().unwrap().keep();
    // PostgreSQL does not run as root.
    let root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    if root {
        run(Command::new("chown").arg("nobody").arg(&folder));
    }
    let as_user = |program: PathBuf| {
        let mut command = if root { Command::new("setpriv") } else { Command::new(&program) };
        if root {
            command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]).arg(program);
        }
        command.current_dir("/");
        command
    };
    let data = folder.join("data");
    run(as_user(program("initdb")).args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync", "-D"]).arg(&data));
    let options = format!(
        "-c listen_addresses='' -c unix_socket_directories='{}' -c fsync=off -c max_connections=500 -c shared_buffers=64MB",
        folder.display()
    );
    run(as_user(program("pg_ctl"))
        .args(["-w", "-s", "-l"])
        .arg(folder.join("log"))
        .arg("-D")
        .arg(&data)
        .args(["-o", &options, "start"]));
    stop_with_this_process(&as_user(program("pg_ctl")), &data, &folder);
    folder
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
