//! WordPress as Debian packages it, with nginx, PHP and `MariaDB` of the benchmark's own, on the core that serves.

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::{Cores, Running, cpu, cpu_of_family, give_away, on_core_humbly, quietly, said};
use crate::failure::{Failure, Result};

/// What it takes, as Debian names it.
const PACKAGES: [&str; 8] = [
    "wordpress",
    "wordpress-theme-twentytwentythree",
    "mariadb-server",
    "php-fpm",
    "php-mysql",
    "php-mbstring",
    "nginx",
    "wrk",
];

/// PHP for the command line, of the same version as the one that serves.
const PHP: &str = "/usr/bin/php";

/// As many requests as PHP answers at once (`php-fpm.conf`).
pub const PROCESSES: u32 = 4;

/// The configuration and the scripts, written anew at each start: they name the folder and the port.
const FILES: [(&str, &str); 6] = [
    ("mariadb.cnf", include_str!("../../wordpress/mariadb.cnf")),
    ("php-fpm.conf", include_str!("../../wordpress/php-fpm.conf")),
    ("nginx.conf", include_str!("../../wordpress/nginx.conf")),
    ("site/index.php", include_str!("../../wordpress/index.php")),
    ("site/config.php", include_str!("../../wordpress/config.php")),
    ("site/fill.php", include_str!("../../wordpress/fill.php")),
];

/// The packages with their versions, and PHP's own. Fails with the command that installs what is missing.
pub fn packages() -> Result<Vec<(String, String)>> {
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat", "${Package} ${Version} ${db:Status-Status}\n"]).args(PACKAGES);
    let output = query.stderr(Stdio::null()).output().map_err(|_| "WordPress is compared as Debian packages it")?;
    let text = String::from_utf8(output.stdout)?;
    let lines = text.lines().filter_map(|line| line.strip_suffix(" installed")?.split_once(' '));
    let mut installed: Vec<_> = lines.map(|(name, version)| (name.to_owned(), version.to_owned())).collect();
    let is_missing = |name: &&&str| !installed.iter().any(|(known, _)| known == *name);
    let missing: Vec<&str> = PACKAGES.iter().filter(is_missing).copied().collect();
    if !missing.is_empty() {
        let missing = missing.join(" ");
        return Err(Failure(format!("packages are missing; install them with: apt-get install {missing}")));
    }
    installed.push(("PHP".to_owned(), said(PHP.as_ref(), &["--version"])));
    Ok(installed)
}

/// A running WordPress. What asks ends before what answers.
pub struct WordPress {
    nginx: Running,
    php: Running,
    mariadb: Running,
    /// `http://ADDRESS:PORT`.
    pub origin: String,
}

impl WordPress {
    /// Starts one in a folder of its own. If that is empty, WordPress is installed, and filled by the calls of its
    /// functions that `calls` writes into a file.
    pub fn start(cores: Cores, folder: &Path, calls: impl FnOnce(&Path) -> Result<()>) -> Result<Self> {
        fs::create_dir_all(folder.join("site"))?;
        give_away(folder)?;
        // A free one, which somebody else could take in the moment between: then nginx says so.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        for (name, text) in FILES {
            let text = text.replace("@FOLDER@", &folder.display().to_string());
            fs::write(folder.join(name), text.replace("@PORT@", &port.to_string()))?;
        }
        let start = Start { cores, folder };
        let filled = folder.join("filled");
        if !filled.exists() {
            start.found()?;
        }
        let mut mariadbd = start.command("/usr/sbin/mariadbd")?;
        mariadbd.arg(format!("--defaults-file={}", folder.join("mariadb.cnf").display()));
        let mariadb =
            start.server(mariadbd, "mariadb.log", || UnixStream::connect(folder.join("mariadb.sock")).is_ok())?;
        if !filled.exists() {
            start.fill(calls)?;
            File::create(filled)?;
        }
        let mut php = start.command(newest("/usr/sbin", "php-fpm")?)?;
        php.arg("--prefix").arg(folder).arg("--fpm-config").arg(folder.join("php-fpm.conf"));
        // As a server has it whose code changes with its packages alone.
        php.args(["-d", "opcache.validate_timestamps=0", "-d", "opcache.interned_strings_buffer=16"]);
        let php = start.server(php, "php.log", || UnixStream::connect(folder.join("php.sock")).is_ok())?;
        let mut nginx = start.command("/usr/sbin/nginx")?;
        nginx.arg("-p").arg(folder).arg("-c").arg(folder.join("nginx.conf")).arg("-e").arg(folder.join("nginx.log"));
        let nginx = start.server(nginx, "nginx.log", || TcpStream::connect(("127.0.0.1", port)).is_ok())?;
        Ok(Self { nginx, php, mariadb, origin: format!("http://127.0.0.1:{port}") })
    }

    /// Microseconds on the processor so far, of everything that serves.
    pub fn cpu(&self) -> Result<f64> {
        Ok(cpu_of_family(self.nginx.pid())? + cpu_of_family(self.php.pid())? + cpu(self.mariadb.pid())?)
    }
}

/// The last in the alphabet of the programs in a folder that begin so.
fn newest(folder: &str, start: &str) -> Result<PathBuf> {
    let paths = fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    let found = paths.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(start)));
    found.max().ok_or_else(|| Failure(format!("{folder} has no {start}")))
}

/// A start that is under way.
struct Start<'a> {
    cores: Cores,
    folder: &'a Path,
}

impl Start<'_> {
    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Result<Command> {
        let mut command = on_core_humbly(self.cores.serving, program)?;
        command.current_dir(self.folder);
        Ok(command)
    }

    /// Makes the database's folder.
    fn found(&self) -> Result<()> {
        let data = self.folder.join("data");
        if data.exists() {
            fs::remove_dir_all(&data)?;
        }
        let mut install = self.command("/usr/bin/mariadb-install-db")?;
        install.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
        quietly(install.arg(format!("--datadir={}", data.display())))
    }

    fn fill(&self, calls: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        let mut create = self.command("/usr/bin/mariadb")?;
        create.args(["--no-defaults", "--user=root"]).arg("--socket").arg(self.folder.join("mariadb.sock"));
        quietly(create.args(["--execute", "CREATE DATABASE wordpress CHARACTER SET utf8mb4"]))?;
        let file = self.folder.join("calls");
        calls(&file)?;
        let mut php = self.command(PHP)?;
        php.args(["-d", "memory_limit=-1"]).arg(self.folder.join("site/fill.php"));
        if !php.stdin(File::open(&file)?).status()?.success() {
            return Err(Failure("WordPress could not be filled".into()));
        }
        Ok(fs::remove_file(file)?)
    }

    /// Starts a server that stays in the foreground, and waits until it takes connections.
    fn server(&self, mut command: Command, log: &str, takes: impl Fn() -> bool) -> Result<Running> {
        let output = File::create(self.folder.join("output"))?;
        let child = command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).spawn()?;
        let mut running = Running(child);
        for _ in 0..300 {
            if takes() {
                return Ok(running);
            }
            if running.0.try_wait()?.is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let said = ["output", log].map(|name| fs::read_to_string(self.folder.join(name)).unwrap_or_default());
        let said = said.iter().filter_map(|text| text.lines().last()).collect::<Vec<_>>().join("; ");
        Err(Failure(format!("{command:?} takes no connections: {said}")))
    }
}
