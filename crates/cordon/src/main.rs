//! Cordon: an enforcing SIP/TLS and SRTP back-to-back user agent. One binary, five verbs.

#![forbid(unsafe_code)]

mod bench;
mod check;
mod demo;
mod explain;
mod logging;
mod run;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::bench::Bench;

/// SIP over TLS and SRTP, or nothing: stands between phones and their PBX.
#[derive(Parser)]
#[command(name = "cordon", version, max_term_width = 100, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Serve: phones on one side, the PBX on the other, until SIGTERM. SIGHUP reloads.
    #[command(after_help = "Example:\n  cordon run --config /etc/cordon/cordon.toml")]
    Run {
        /// The configuration file; config/cordon.toml is the annotated reference.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Write each event as one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Validate a configuration with everything it points at, without binding anything.
    #[command(after_help = "Example:\n  cordon check /etc/cordon/cordon.toml")]
    Check {
        /// The configuration file.
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// See it work: a lab PBX, two lab phones, a call between them, and what is refused. Then stays up for softphones.
    #[command(after_help = "Example:\n  cordon demo --once")]
    Demo {
        /// End after the story: 0 if every step held.
        #[arg(long)]
        once: bool,
    },
    /// Explain a refusal: what was sent, which rule and control stand behind it, and the fix by phone family.
    #[command(after_help = "Example:\n  cordon explain CD-MEDIA-01")]
    Explain {
        /// A code such as CD-MEDIA-01, or a control such as ZC-34; without one, all codes.
        #[arg(value_name = "CODE")]
        code: Option<String>,
    },
    /// Measure what this machine carries.
    #[command(after_help = "Example:\n  cordon bench media --calls 200")]
    Bench {
        #[command(subcommand)]
        what: Bench,
    },
}

const EXAMPLES: &str = "Examples:
  cordon demo --once                             see what it does, with nothing to set up
  cordon check /etc/cordon/cordon.toml           before a configuration is served
  cordon run --config /etc/cordon/cordon.toml    serve it
  cordon explain CD-MEDIA-01                     what a refusal in the log or in a Warning means";

fn main() -> ExitCode {
    match Arguments::parse().verb {
        Verb::Run { config, json } => run::run(&config, json),
        Verb::Check { file } => check::check(&file),
        Verb::Demo { once } => demo::demo(once),
        Verb::Explain { code } => explain::explain(code.as_deref()),
        Verb::Bench { what } => bench::bench(&what),
    }
}
