//! A PostgreSQL cluster of the benchmark's own, on the core that serves.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{Cores, cpu_of_ended_children, cpu_of_family, give_away, on_core, on_core_humbly, quietly};
use crate::failure::{Failure, Result};

/// A running cluster, stopped in the end.
pub struct Cluster {
    guard: Option<Child>,
    folder: PathBuf,
    sockets: PathBuf,
    /// The first of its processes.
    postmaster: u32,
    cores: Cores,
}

/// What `pgbench` runs: scripts, and the values of the variables in them.
#[derive(Debug)]
pub struct Scripts {
    /// A transaction each.
    pub files: Vec<PathBuf>,
    /// Names and values.
    pub variables: Vec<(String, String)>,
}

/// What `pgbench` came to.
#[derive(Debug, Clone, Copy)]
pub struct Transactions {
    /// Transactions.
    pub count: f64,
    /// Per second.
    pub rate: f64,
    /// Microseconds on the processor, `pgbench`'s and the database's.
    pub cpu: f64,
}

/// PostgreSQL's programs are in the path, or where Debian puts them.
pub fn program(name: &str) -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = Vec::new();
    if let Ok(versions) = fs::read_dir("/usr/lib/postgresql") {
        let mut versions: Vec<_> = versions.flatten().map(|version| version.path().join("bin")).collect();
        versions.sort();
        folders.extend(versions.into_iter().rev());
    }
    folders.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
    folders.into_iter().map(|folder| folder.join(name)).find(|path| path.is_file())
}

fn found(name: &str) -> Result<PathBuf> {
    program(name).ok_or_else(|| Failure(format!("{name} is missing; on Debian: apt-get install postgresql")))
}

impl Cluster {
    /// Makes the cluster in a folder unless it is there, and starts it.
    pub fn start(cores: Cores, folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder)?;
        let folder = folder.canonicalize()?;
        // The path of a socket must be short.
        let sockets = std::env::temp_dir().join(format!("byline-bench-{}", std::process::id()));
        fs::create_dir_all(&sockets)?;
        give_away(&folder)?;
        give_away(&sockets)?;
        let mut cluster = Self { guard: None, folder, sockets, postmaster: 0, cores };
        let data = cluster.folder.join("data");
        if !data.join("PG_VERSION").exists() {
            let mut initdb = cluster.command("initdb")?;
            quietly(initdb.args(["-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync", "-D"]).arg(&data))?;
        }
        let options = format!(
            "-c listen_addresses='' -c unix_socket_directories='{}' -c shared_buffers=1GB -c max_wal_size=8GB \
             -c log_line_prefix=''",
            cluster.sockets.display()
        );
        let mut stop = cluster.command("pg_ctl")?;
        stop.args(["-w", "-s", "-m", "fast", "stop", "-D"]).arg(&data);
        cluster.guard = Some(guard(&stop, &cluster.sockets)?);
        let log = cluster.log();
        let mut start = cluster.command("pg_ctl")?;
        quietly(
            start.args(["-w", "-s", "-t", "120", "-l"]).arg(&log).arg("-D").arg(&data).args(["-o", &options, "start"]),
        )?;
        let pid = fs::read_to_string(data.join("postmaster.pid"))?;
        cluster.postmaster = pid.lines().next().unwrap_or_default().trim().parse()?;
        Ok(cluster)
    }

    /// A program of PostgreSQL's, on the serving core; it refuses to be root.
    fn command(&self, name: &str) -> Result<Command> {
        let mut command = on_core_humbly(self.cores.serving, found(name)?)?;
        command.current_dir("/");
        Ok(command)
    }

    /// Its log.
    pub fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// The URL of one of its databases.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?host={}", self.sockets.display())
    }

    /// Runs one statement; answers what it gave.
    pub fn psql(&self, statement: &str) -> Result<String> {
        let mut command = Command::new(found("psql")?);
        command.args(["-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "postgres", "-h"]);
        let output = command.arg(&self.sockets).args(["-c", statement]).output()?;
        if output.status.success() {
            return Ok(String::from_utf8(output.stdout)?.trim().to_owned());
        }
        Err(Failure(format!("psql refused {statement}: {}", String::from_utf8_lossy(&output.stderr))))
    }

    /// Microseconds on the processor of all its processes so far.
    pub fn cpu(&self) -> Result<f64> {
        cpu_of_family(self.postmaster)
    }

    /// Runs `pgbench` with these scripts on the core of the database, with so many connections.
    pub fn pgbench(&self, database: &str, scripts: &Scripts, connections: u32, seconds: u64) -> Result<Transactions> {
        let mut command = on_core(self.cores.serving, found("pgbench")?);
        command.args(["-n", "-M", "prepared", "-j", "1", "-U", "postgres", "-h"]).arg(&self.sockets);
        command.arg("-c").arg(connections.to_string()).arg("-T").arg(seconds.to_string());
        for script in &scripts.files {
            command.arg("-f").arg(script);
        }
        for (name, value) in &scripts.variables {
            command.arg("-D").arg(format!("{name}={value}"));
        }
        let before = (self.cpu()?, cpu_of_ended_children()?);
        let output = command.arg(database).output()?;
        // Its connections end a little later, and must not be counted in the moment between.
        std::thread::sleep(Duration::from_millis(300));
        let cpu = self.cpu()? - before.0 + (cpu_of_ended_children()? - before.1);
        let text = String::from_utf8_lossy(&output.stdout);
        let after = |start: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(start));
            line.and_then(|line| line.split([' ', '/']).find(|word| !word.is_empty())?.parse::<f64>().ok())
        };
        let failed = after("number of failed transactions:").unwrap_or(0.0);
        match (after("number of transactions actually processed:"), after("tps =")) {
            (Some(count), Some(rate)) if output.status.success() && failed == 0.0 => {
                Ok(Transactions { count, rate, cpu })
            }
            _ => Err(Failure(format!("pgbench said: {text}{}", String::from_utf8_lossy(&output.stderr)))),
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut guard) = self.guard.take() {
            // The end of its input is its sign.
            drop(guard.stdin.take());
            let _ = guard.wait();
        }
    }
}

/// A shell that stops the cluster when this process ends, however it ends: only this process holds its input open.
fn guard(stop: &Command, sockets: &Path) -> Result<Child> {
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' INT TERM; read _; \"$@\"; rm -rf \"$0\""]).arg(sockets);
    shell.arg(stop.get_program()).args(stop.get_args());
    Ok(shell.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?)
}
