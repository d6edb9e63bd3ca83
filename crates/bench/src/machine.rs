//! What measuring needs of the machine: processes on a core of their own, what they use, and which tools are there.

mod byline;
mod cluster;
mod wordpress;
mod wrk;

use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::failure::{Failure, Result};

pub use byline::{Bare, Byline, Store, write_requests};
pub use cluster::{Cluster, Scripts, program};
pub use wordpress::{PROCESSES, WordPress, packages};
pub use wrk::{Load, Script, Wrk};

/// Which core serves, and which one loads.
#[derive(Debug, Clone, Copy)]
pub struct Cores {
    /// Byline, the bare route and PostgreSQL run here.
    pub serving: usize,
    /// Who asks runs here.
    pub loading: usize,
}

impl Cores {
    /// The first two cores that this process may use.
    pub fn find() -> Result<Self> {
        let status = fs::read_to_string("/proc/self/status")?;
        let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap_or_default();
        let mut cores = Vec::new();
        for range in list.trim().split(',') {
            let (from, to) = range.split_once('-').unwrap_or((range, range));
            cores.extend(from.parse::<usize>()?..=to.parse()?);
        }
        match cores[..] {
            [serving, loading, ..] => Ok(Self { serving, loading }),
            _ => Err(Failure("two cores are needed: one serves, the other one asks".into())),
        }
    }
}

/// A command that runs on this core alone.
pub fn on_core(core: usize, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("taskset");
    command.arg("--cpu-list").arg(core.to_string()).arg(program);
    command
}

/// A command that runs on this core alone, as another user if this one is root, and ends with this process.
fn on_core_humbly(core: usize, program: impl AsRef<std::ffi::OsStr>) -> Result<Command> {
    let mut command = on_core(core, "setpriv");
    command.args(["--pdeathsig", "TERM"]);
    if is_root()? {
        command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]);
    }
    command.arg(program);
    Ok(command)
}

/// Gives a folder to whom [`on_core_humbly`] makes a command run as.
fn give_away(folder: &Path) -> Result<()> {
    if is_root()? { quietly(Command::new("chown").arg("nobody:nogroup").arg(folder)) } else { Ok(()) }
}

fn is_root() -> Result<bool> {
    Ok(fs::metadata("/proc/self")?.uid() == 0)
}

/// Runs a command that has to succeed.
fn quietly(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit()).status()?;
    if status.success() { Ok(()) } else { Err(Failure(format!("failed: {command:?}"))) }
}

/// Fails with the command that installs it if a tool is missing.
pub fn expect_tools() -> Result<()> {
    let tools = [("taskset", "util-linux"), ("wrk", "wrk"), ("setpriv", "util-linux")];
    let missing = tools.iter().filter(|(tool, _)| !is_installed(tool)).map(|(_, package)| *package);
    let mut packages: Vec<&str> = missing.collect();
    if ["initdb", "pg_ctl", "psql", "pgbench"].iter().any(|name| program(name).is_none()) {
        packages.push("postgresql");
    }
    packages.dedup();
    if packages.is_empty() {
        return Ok(());
    }
    Err(Failure(format!("tools are missing; on Debian install them with: apt-get install {}", packages.join(" "))))
}

fn is_installed(tool: &str) -> bool {
    std::env::var_os("PATH").iter().flat_map(std::env::split_paths).any(|folder| folder.join(tool).is_file())
}

/// A process that is ended when nobody needs it any more.
pub struct Running(Child);

impl Running {
    /// Its number.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg("-TERM").arg(self.pid().to_string()).status();
        let patience = Instant::now() + Duration::from_secs(10);
        while Instant::now() < patience {
            if !matches!(self.0.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts a server and waits for the line of its output in which it says where it listens.
fn start_server(
    mut command: Command,
    log: &Path,
    address: impl Fn(&str) -> Option<String>,
) -> Result<(Running, String)> {
    let log_file = fs::OpenOptions::new().create(true).append(true).open(log)?;
    let mut child = command.stdout(Stdio::piped()).stderr(log_file).spawn()?;
    let output = child.stdout.take();
    let running = Running(child);
    let mut lines = BufReader::new(output.ok_or("no output")?).lines();
    while let Some(line) = lines.next() {
        if let Some(address) = address(&line?) {
            // Whatever else it says is read, so that it can go on.
            std::thread::spawn(move || lines.for_each(drop));
            return Ok((running, address));
        }
    }
    let said = fs::read_to_string(log).unwrap_or_default();
    Err(Failure(format!("a server ended by itself: {}", said.lines().last().unwrap_or("no word"))))
}

/// Microseconds on the processor, user and system, of a process and of those of its children that have ended.
struct Times {
    own: f64,
    ended: f64,
    parent: u32,
}

fn times(pid: u32) -> Result<Times> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The name before it may hold spaces.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let field = |number: usize| -> Result<u32> {
        Ok(fields.get(number - 3).ok_or("the kernel's line on a process is short")?.parse()?)
    };
    // In hundredths of a second: the kernel's promise to programs.
    let span = |user: usize, system: usize| Result::Ok(1e4 * (f64::from(field(user)?) + f64::from(field(system)?)));
    Ok(Times { own: span(14, 15)?, ended: span(16, 17)?, parent: field(4)? })
}

/// Microseconds on the processor that a process has used.
pub fn cpu(pid: u32) -> Result<f64> {
    Ok(times(pid)?.own)
}

/// Microseconds on the processor that a process and its children have used, also those that have ended.
pub fn cpu_of_family(pid: u32) -> Result<f64> {
    let Times { own, ended, .. } = times(pid)?;
    let mut sum = own + ended;
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(child) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // One that has ended meanwhile is no child any more.
        if let Ok(times) = times(child)
            && times.parent == pid
        {
            sum += times.own + times.ended;
        }
    }
    Ok(sum)
}

/// Microseconds on the processor of children of this process that were waited for.
pub fn cpu_of_ended_children() -> Result<f64> {
    Ok(times(std::process::id())?.ended)
}

/// Memory that a process holds, in MB: now, and at most so far.
pub fn memory(pid: u32) -> Result<(f64, f64)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let of = |name: &str| -> Result<f64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or("no such line")?;
        Ok(line.trim_start_matches(':').trim().trim_end_matches(" kB").parse::<f64>()? / 1_024.0)
    };
    Ok((of("VmRSS")?, of("VmHWM")?))
}

/// How often a second a disk writes 4 KB for good.
pub fn syncs_per_second(folder: &Path) -> Result<f64> {
    let path = folder.join("sync");
    let mut file = fs::File::create(&path)?;
    let (start, mut count) = (Instant::now(), 0_u32);
    while start.elapsed() < Duration::from_secs(2) {
        file.write_all(&[0; 4_096])?;
        file.sync_data()?;
        count += 1;
    }
    fs::remove_file(path)?;
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}

/// The processor, the kernel and the load: what every figure depends on.
pub fn description() -> Vec<(String, String)> {
    let first = |path: &str, name: &str| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let wrk = said("wrk".as_ref(), &["-v"]);
    vec![
        ("Processor".into(), format!("{}, {cores} cores", first("/proc/cpuinfo", "model name"))),
        ("Memory".into(), first("/proc/meminfo", "MemTotal")),
        ("Kernel".into(), said("uname".as_ref(), &["-sr"])),
        ("wrk".into(), wrk.split(" Copyright").next().unwrap_or_default().to_owned()),
        ("Load average before".into(), fs::read_to_string("/proc/loadavg").unwrap_or_default().trim().to_owned()),
    ]
}

/// PostgreSQL, as it names itself.
pub fn postgres_version() -> (String, String) {
    ("PostgreSQL".into(), said(&program("postgres").unwrap_or_default(), &["--version"]))
}

/// The first line of what a program says.
fn said(program: &Path, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().map(|output| [output.stdout, output.stderr].concat());
    let text = String::from_utf8_lossy(&output.unwrap_or_default()).into_owned();
    text.lines().next().unwrap_or_default().trim().to_owned()
}
