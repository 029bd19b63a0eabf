//! Proves the arrows of the house from `cargo metadata`, and that no core has hands.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::root;

/// Fails with every broken arrow at once.
pub(crate) fn run() -> Result<()> {
    let metadata = metadata()?;
    let mut faults = broken_arrows(&metadata)?;
    faults.extend(hands_by_dependency()?);
    faults.extend(hands_in_source()?);
    ensure!(faults.is_empty(), "the layers are broken:\n  {}", faults.join("\n  "));
    eprintln!("layers: {} crates, every arrow points down, no core has hands", LAYERS.len());
    Ok(())
}

fn metadata() -> Result<Value> {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--locked"])
        .current_dir(root())
        .output()
        .context("cargo metadata")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// A crate may lean on lower layers, on words of its own layer, and on the cores named for it.
fn broken_arrows(metadata: &Value) -> Result<Vec<String>> {
    let layers: BTreeMap<&str, Layer> = LAYERS.iter().copied().collect();
    let mut faults = Vec::new();
    for package in metadata["packages"].as_array().context("packages")? {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(&layer) = layers.get(name) else {
            if name.starts_with("cordon-") {
                faults.push(format!("{name} has no layer: add it to xtask/src/layers.rs"));
            }
            continue;
        };
        for dependency in package["dependencies"].as_array().context("dependencies")? {
            let on = dependency["name"].as_str().unwrap_or_default();
            let Some(&below) = layers.get(on) else { continue };
            let is_dev = dependency["kind"].as_str() == Some("dev");
            let allowed = match layer {
                _ if is_dev => below <= layer || below == Layer::Aid,
                Layer::Words => below == Layer::Words,
                Layer::Core => below <= Layer::Core,
                Layer::Hand => below == Layer::Words,
                // Edges do not know each other; only the gateway joins them.
                Layer::Edge => below < Layer::Edge,
                Layer::Top => below <= Layer::Top,
                // What tests and measures may share: nobody above leans on it.
                Layer::Aid => true,
            };
            if !allowed {
                faults.push(format!("{name} ({layer:?}) leans on {on} ({below:?})"));
            }
        }
    }
    Ok(faults)
}

/// No core reaches a runtime or a socket library through any chain of dependencies. Asked crate by crate, since a
/// workspace-wide resolution mixes in the features that other crates' tests switch on.
fn hands_by_dependency() -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for (name, layer) in LAYERS.iter().filter(|(_, layer)| *layer <= Layer::Core) {
        let output = Command::new("cargo")
            .args([
                "tree",
                "--package",
                name,
                "--edges",
                "normal",
                "--prefix",
                "none",
                "--format",
                "{p}",
                "--locked",
            ])
            .current_dir(root())
            .output()
            .context("cargo tree")?;
        ensure!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
        let reached: BTreeSet<String> = String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| line.split(' ').next().map(str::to_owned))
            .collect();
        faults.extend(
            HANDS
                .iter()
                .filter(|hand| reached.contains(**hand))
                .map(|hand| format!("{name} ({layer:?}) reaches {hand}")),
        );
    }
    Ok(faults)
}

/// No core's source names a clock, a socket, a task, a lock or a source of randomness.
fn hands_in_source() -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for (name, _) in LAYERS.iter().filter(|(_, layer)| *layer <= Layer::Core) {
        let folder = root().join("crates").join(name.trim_start_matches("cordon-")).join("src");
        let mut open = vec![folder];
        while let Some(path) = open.pop() {
            if path.is_dir() {
                open.extend(std::fs::read_dir(&path)?.filter_map(|entry| Some(entry.ok()?.path())));
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path)?;
                // Tests are drivers: they own a clock.
                let code = if is_test_module(&path)? {
                    ""
                } else {
                    text.split("\n#[cfg(test)]\nmod tests {").next().unwrap_or_default()
                };
                for word in WORDS_OF_HANDS.iter().filter(|word| code.contains(**word)) {
                    faults.push(format!(
                        "{} names {word}",
                        path.strip_prefix(root()).unwrap_or(&path).display()
                    ));
                }
            }
        }
    }
    Ok(faults)
}

/// Whether the module above declares this file for tests only.
fn is_test_module(path: &Path) -> Result<bool> {
    let Some((folder, name)) = path.parent().zip(path.file_stem().and_then(|name| name.to_str())) else {
        return Ok(false);
    };
    let above =
        ["mod.rs", "lib.rs"].map(|file| folder.join(file)).into_iter().chain([folder.with_extension("rs")]);
    for file in above.filter(|file| file.exists()) {
        if std::fs::read_to_string(&file)?.contains(&format!("#[cfg(test)]\nmod {name};")) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Layer {
    Words,
    Core,
    /// The system calls that need unsafe code, behind functions that do not: an edge's lower half.
    Hand,
    Edge,
    Top,
    Aid,
}

const LAYERS: &[(&str, Layer)] = &[
    ("cordon-phi", Layer::Words),
    ("cordon-rtp", Layer::Words),
    ("cordon-sip", Layer::Words),
    ("cordon-sdp", Layer::Words),
    ("cordon-srtp", Layer::Core),
    ("cordon-transaction", Layer::Core),
    ("cordon-policy", Layer::Core),
    ("cordon-call", Layer::Core),
    ("cordon-relay", Layer::Core),
    ("cordon-heap", Layer::Hand),
    ("cordon-steer", Layer::Hand),
    ("cordon-transport", Layer::Edge),
    ("cordon-media", Layer::Edge),
    ("cordon-certs", Layer::Edge),
    ("cordon-config", Layer::Top),
    ("cordon-gateway", Layer::Top),
    ("cordon-lab", Layer::Top),
    ("cordon-load", Layer::Top),
    ("cordon", Layer::Top),
    ("cordon-tests", Layer::Aid),
    ("cordon-instructions", Layer::Aid),
    ("cordon-testkit", Layer::Aid),
    ("cordon-benches", Layer::Aid),
];

const HANDS: &[&str] =
    &["tokio", "mio", "socket2", "rand", "getrandom", "async-io", "smol", "parking_lot", "rustix", "nix"];

const WORDS_OF_HANDS: &[&str] = &[
    "Instant::now",
    "SystemTime",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "std::thread",
    "Mutex",
    "RwLock",
    "tokio",
    "rand::",
    "SystemRandom",
];
