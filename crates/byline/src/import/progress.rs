//! How far it is: a bar on a terminal, a line now and then elsewhere.

use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a line is written where there is no terminal.
const SAY: Duration = Duration::from_secs(10);

/// One stretch of the work.
pub struct Progress {
    bar: Option<ProgressBar>,
    what: &'static str,
    all: u64,
    said: Instant,
}

impl Progress {
    /// Begins a stretch of `all` steps.
    pub fn new(what: &'static str, all: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(all), ProgressDrawTarget::stderr_with_hz(5));
            if let Ok(style) = ProgressStyle::with_template("{msg} [{bar:40}] {percent}% {eta}") {
                bar.set_style(style);
            }
            bar.set_message(what);
            bar
        });
        if bar.is_none() {
            eprintln!("{what}");
        }
        Self { bar, what, all, said: Instant::now() }
    }

    /// It is this far.
    pub fn at(&mut self, done: u64) {
        match &self.bar {
            Some(bar) => bar.set_position(done),
            None if self.said.elapsed() >= SAY => {
                self.said = Instant::now();
                eprintln!("{}: {} %", self.what, done.saturating_mul(100) / self.all.max(1));
            }
            None => {}
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
