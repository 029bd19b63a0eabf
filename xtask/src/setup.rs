//! Installs the real programs that the end-to-end tests talk to: Debian's packages, and SIPp with TLS beside them.

use std::process::Command;

use anyhow::{Result, bail};

use crate::root;

/// Installs what is missing; does nothing on a machine that has it all.
pub(crate) fn run() -> Result<()> {
    let missing: Vec<&str> = PACKAGES.iter().copied().filter(|package| !is_installed(package)).collect();
    if !missing.is_empty() {
        if !Command::new("apt-get").arg("--version").output().is_ok_and(|output| output.status.success()) {
            bail!("the tests talk to real peers and need these Debian packages: {}", missing.join(" "));
        }
        crate::run("apt-get", &["update", "-qq"])?;
        let mut arguments = vec!["install", "-y", "-qq", "--no-install-recommends"];
        arguments.extend(&missing);
        // Preset the one question that tshark asks.
        crate::run("env", &[&["DEBIAN_FRONTEND=noninteractive", "apt-get"], arguments.as_slice()].concat())?;
    }
    if !root().join(".tools/sipp/sipp").exists() {
        crate::run("sh", &["tests/tools/install-sipp", ".tools/sipp"])?;
    }
    Ok(())
}

fn is_installed(package: &str) -> bool {
    Command::new("dpkg-query")
        .args(["-W", "-f", "${Status}", package])
        .output()
        .is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("install ok installed"))
}

const PACKAGES: &[&str] = &[
    "baresip-core",
    "ca-certificates",
    "curl",
    "g++",
    "iproute2",
    "kamailio",
    "kamailio-tls-modules",
    "openssl",
    "procps",
    "rtpengine-daemon",
    "sipsak",
    "sipvicious",
    "sslscan",
    "testssl.sh",
    "tshark",
    "valgrind",
];
