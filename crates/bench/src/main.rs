//! Measures Byline beside what could not be faster: `make bench`.

mod bare;
mod client;
mod data;
mod failure;
mod figures;
mod lab;
mod machine;
mod report;
mod run;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use persistence::DatabaseUrl;

// What is compared with Byline has the same memory allocator.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Measures Byline beside what could not be faster.
#[derive(Parser)]
#[command(name = "byline-bench")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure everything, print the table and write docs/BENCHMARKS.md
    Run(run::Options),
    /// Measure lists of WordPress's API beside WordPress itself, and write that part of docs/BENCHMARKS.md
    #[command(name = "wordpress")]
    WordPress(run::WordPressOptions),
    /// Make a publication in an empty database
    Generate {
        /// An empty database: `sqlite://PATH` or `postgres://USER@HOST/NAME`
        #[arg(long, value_name = "URL")]
        database_url: DatabaseUrl,
        /// Where to write the publication's keys
        #[arg(long, value_name = "FILE")]
        secrets_file: PathBuf,
        /// How many articles
        #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
        articles: u64,
        /// Another number, another publication
        #[arg(long, default_value_t = data::SEED)]
        seed: u64,
    },
    /// Serve the answers of a running Byline from memory, on one thread and a free port
    Bare {
        /// The Byline to ask: http://ADDRESS:PORT
        #[arg(long, value_name = "URL")]
        from: String,
        /// What to ask for: a path a line
        #[arg(long, value_name = "FILE")]
        requests: PathBuf,
    },
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Run(options) => run::run(&options),
        Command::WordPress(options) => run::wordpress(&options),
        Command::Generate { database_url, secrets_file, articles, seed } => {
            data::generate(&database_url, &secrets_file, data::Size { articles, seed })
        }
        Command::Bare { from, requests } => bare::serve(&from, &requests),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("byline-bench: {}", failure.0);
            ExitCode::FAILURE
        }
    }
}
