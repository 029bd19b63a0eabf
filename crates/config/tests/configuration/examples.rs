//! Every configuration that is written down anywhere is one that Cordon takes.

use std::path::{Path, PathBuf};

use crate::support::{Folder, Leaf, file, root};
use cordon_config::{Loaded, PbxMedia, Profile, Transport};

#[test]
fn the_reference_is_taken_and_means_what_its_comments_say() {
    let Loaded { settings, warnings, .. } = taken("config/cordon.toml", &file("config/cordon.toml"));
    assert_eq!(warnings.len(), 1, "the test key is readable by all: {warnings:?}");
    assert_eq!(settings.site.profile, Profile::Hipaa);
    assert_eq!(settings.site.host.as_deref(), Some("sip.clinic.example.org"));
    assert_eq!(settings.registration.maximum.as_secs(), 600);
    assert_eq!(settings.media.ports, 20_000..=29_999);
    assert!(settings.media.nap && !settings.media.pinned && settings.media.threads >= 1);
    assert_eq!(settings.pbx.transport, Transport::Tls);
    assert_eq!(settings.pbx.advertise.to_string(), "sbc.example.org:5071");
    assert_eq!(settings.pbx.uris.first().unwrap().name.to_string(), "mx.example.org");
    let location = settings.locations.first().unwrap();
    assert_eq!(location.leg_rules().suites.len(), 4);
}

#[test]
fn what_the_reference_calls_a_default_is_one() {
    let text = file("config/cordon.toml");
    let written = taken("config/cordon.toml", &text).settings;
    let defaults = [
        "state",
        "trust_anchors",
        "maximum",
        "srtp_suites",
        "opportunistic_srtp",
        "media",
        "ports",
        "io",
        "pinned",
        "nap",
        "calls",
        "registrations",
        "connections",
        "connections_per_address",
    ];
    let is_default = |line: &&str| {
        let key = line.split(" =").next().unwrap_or_default();
        !defaults.contains(&key) && !line.starts_with("listen = \"127.0.0.1:9061\"")
    };
    let shorter: Vec<&str> = text.lines().filter(is_default).collect();
    let settings = taken("the reference without defaults", &shorter.join("\n")).settings;
    assert_eq!(settings.tls.trust_anchors, written.tls.trust_anchors);
    assert_eq!(settings.registration, written.registration);
    assert_eq!(settings.locations, written.locations);
    assert_eq!(settings.pbx, written.pbx);
    assert_eq!((settings.media, settings.metrics), (written.media, written.metrics));
    assert_eq!(settings.limits, written.limits);
}

#[test]
fn every_file_in_the_configuration_folder_is_taken() {
    let mut files = Vec::new();
    collect(&root().join("config"), "toml", &mut files);
    assert!(files.len() >= 3, "{files:?}");
    for path in files {
        taken(&path.display().to_string(), &std::fs::read_to_string(&path).unwrap());
    }
}

#[test]
fn the_lab_example_is_loud_about_each_of_its_weaknesses() {
    let Loaded { settings, warnings, .. } = taken("lab", &file("config/examples/lab.toml"));
    assert_eq!((settings.site.profile, settings.pbx.media), (Profile::Lab, PbxMedia::Rtp));
    for control in ["ZC-34", "ZC-45", "ZC-16"] {
        assert!(warnings.iter().any(|finding| finding.control() == Some(control)), "{control}: {warnings:?}");
    }
    assert!(warnings.iter().any(|finding| finding.message().starts_with("profile lab")));
}

#[test]
fn media_in_clear_may_come_back_to_our_own_address_and_protected_media_needs_no_such_rule() {
    let text = file("config/cordon.toml");
    let protected = taken("the reference", &text).settings.pbx.leg_rules();
    assert_eq!(protected.networks, ["10.0.0.2/32".parse().unwrap()]);
    let text = text
        .replace("profile = \"hipaa\"", "profile = \"lab\"")
        .replace("media = \"srtp\"", "media = \"rtp\"");
    let plain = taken("the reference in clear", &text).settings.pbx.leg_rules();
    assert_eq!(plain.networks, ["10.0.0.2/32".parse().unwrap(), "10.0.0.5/32".parse().unwrap()]);
}

#[test]
fn every_block_in_the_documents_is_taken() {
    let mut files = Vec::new();
    collect(&root().join("docs"), "md", &mut files);
    files.extend(["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(|name| root().join(name)));
    for path in files.iter().filter(|path| path.is_file()) {
        let text = std::fs::read_to_string(path).unwrap();
        for block in blocks(&text) {
            taken(&path.display().to_string(), &completed(&block));
        }
    }
}

#[test]
fn a_block_that_is_only_a_part_is_read_in_place_of_that_part() {
    let text = completed("[registration]\nmaximum = \"10m\"\n");
    assert_eq!(taken("a part", &text).settings.registration.maximum.as_secs(), 600);
}

/// Loads `text` beside a good certificate.
fn taken(name: &str, text: &str) -> Loaded {
    Folder::new(Leaf::Good).load(text).unwrap_or_else(|findings| {
        let shown: Vec<String> = findings.iter().map(ToString::to_string).collect();
        panic!("{name} is not taken:\n{}", shown.join("\n"))
    })
}

/// The blocks of a document that are TOML of ours.
fn blocks(text: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut block: Option<String> = None;
    for line in text.lines() {
        match (&mut block, line.trim()) {
            (None, "```toml") => block = Some(String::new()),
            (Some(text), "```") => {
                blocks.push(std::mem::take(text));
                block = None;
            }
            (Some(text), _) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, _) => {}
        }
    }
    blocks
}

/// A part of a configuration, with the rest of the reference around it.
fn completed(part: &str) -> String {
    let part: toml::Table = part.parse().unwrap();
    let mut whole: toml::Table = file("config/cordon.toml").parse().unwrap();
    whole.extend(part);
    whole.to_string()
}

fn collect(folder: &Path, ending: &str, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, ending, files);
        } else if path.extension().is_some_and(|found| found == ending) {
            files.push(path);
        }
    }
}
