//! The SRTP engine beside `webrtc-srtp` over as many packets as are asked for: `check` runs a short form of the same test.

use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::root;

/// Runs `[PACKETS]`, ten million unless it is said otherwise, in a release build.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let packets: u64 = match arguments {
        [] => PACKETS,
        [packets] => packets.parse().with_context(|| format!("{packets} is no number of packets"))?,
        _ => bail!("cargo xtask srtp-differential [PACKETS]"),
    };
    let test = ["test", "--release", "--locked", "--package", "cordon-srtp", "--test", "engine"];
    let status = Command::new("cargo")
        .args(test)
        .args(["--", "long_streams", "--nocapture"])
        .env("CORDON_SRTP_PACKETS", packets.to_string())
        .current_dir(root())
        .status()
        .context("cargo can be started")?;
    ensure!(status.success(), "the engines differ ({status})");
    Ok(())
}

/// Over all suites together.
const PACKETS: u64 = 10_000_000;
