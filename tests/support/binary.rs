//! The real binary: its commands, and a server that runs.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::Client;

/// The binary, in a folder of its own, with nothing of our environment but the path.
pub fn byline(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_byline"));
    command.args(words).current_dir(folder).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    command.stdin(Stdio::null());
    command
}

/// What a finished command said.
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

pub fn said(output: Output) -> Said {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
}

pub fn run(folder: &Path, words: &[&str]) -> Said {
    said(byline(folder, words).output().unwrap())
}

/// Runs a command that reads a line from standard input.
pub fn run_with_input(command: &mut Command, line: &str) -> Said {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{line}").unwrap();
    said(child.wait_with_output().unwrap())
}

/// What it says when it refuses; fails if it does not.
#[track_caller]
pub fn refused(command: &mut Command) -> String {
    let said = said(command.output().unwrap());
    assert!(said.code == 1 || said.code == 2, "it ended with {}: {}", said.code, said.err);
    assert!(!said.err.contains("panicked"), "{}", said.err);
    said.err
}

/// A server that runs; it ends with the test.
pub struct Server {
    pub child: Child,
    pub address: SocketAddr,
    pub greeting: String,
}

impl Server {
    pub fn start(folder: &Path, words: &[&str]) -> Self {
        let mut command = byline(folder, words);
        command.stderr(Stdio::null());
        Self::start_as(command)
    }

    /// Starts one from a command that lacks nothing but `serve`; answers once it is ready.
    pub fn start_as(mut command: Command) -> Self {
        let mut child = command.args(["serve", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut greeting = String::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            greeting.push_str(&(line.unwrap() + "\n"));
            if greeting.contains("Mail") {
                break;
            }
        }
        let address = greeting.split("Listening on ").nth(1).expect("an address").lines().next().unwrap();
        Self { child, address: address.parse().unwrap(), greeting }
    }

    /// Someone who talks to it, without a credential.
    pub fn anyone(&self) -> Client {
        Client::of(self.address)
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Ends it as a power cut would.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// How it ended, if it does within this time.
    pub fn ended(&mut self, within: Duration) -> Option<i32> {
        let deadline = Instant::now() + within;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        None
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
