//! `cordon check FILE`: is this configuration one that would be served?

use std::path::Path;
use std::process::ExitCode;

use cordon_config::{Finding, Loaded, MediaIo, Profile, Settings, Severity};
use cordon_gateway::{ChosenIo, foreseen_io};
use cordon_srtp::Provider;

/// Prints every finding and a verdict; success where Cordon would start.
pub(crate) fn check(file: &Path) -> ExitCode {
    let ciphers = match Provider::in_force() {
        Ok(ciphers) => ciphers,
        Err(error) => {
            anstream::println!("{}: {RED}refused{RESET}, {error}", file.display());
            return ExitCode::FAILURE;
        }
    };
    match cordon_config::load(file) {
        Ok(loaded) => {
            print(&loaded.warnings);
            tell_media_io(&loaded.settings);
            anstream::println!("{}: {}", file.display(), verdict(&loaded, ciphers));
            ExitCode::SUCCESS
        }
        Err(findings) => {
            print(&findings);
            anstream::println!("{}: {RED}refused{RESET}, {}", file.display(), count(&findings));
            ExitCode::FAILURE
        }
    }
}

/// Prints findings with a blank line after each; colours only on a terminal.
pub(crate) fn print(findings: &[Finding]) {
    for finding in findings {
        let (word, colour) = match finding.severity() {
            Severity::Error => ("error", RED),
            Severity::Warning => ("warning", YELLOW),
        };
        let text = finding.to_string();
        let rest = text.strip_prefix(word).unwrap_or(&text);
        anstream::eprintln!("{colour}{word}{RESET}{rest}\n");
    }
}

/// Where the file asks for more than a socket per port: what would come of it. The rights are those of whoever checks,
/// which need not be those of the service.
fn tell_media_io(settings: &Settings) {
    if settings.media.io == MediaIo::PerPort {
        return;
    }
    match foreseen_io(settings) {
        ChosenIo::Instead(obstacle) => {
            anstream::eprintln!("{YELLOW}note{RESET}: run by you, media would be per-port: {obstacle}\n");
        }
        chosen @ (ChosenIo::PerPort | ChosenIo::Steered) => {
            anstream::eprintln!("note: run by you, media would be {}: {chosen}\n", chosen.name());
        }
    }
}

fn verdict(loaded: &Loaded, ciphers: Provider) -> String {
    let settings = &loaded.settings;
    let profile = match settings.site.profile {
        Profile::Hipaa => "profile hipaa".to_owned(),
        Profile::Lab => format!("{RED}profile lab{RESET}"),
    };
    let locations = plural(settings.locations.len(), "location");
    let mut text = format!("valid, {profile}, {locations}, media ciphers by {ciphers}");
    if !settings.waivers.is_empty() {
        text = format!("{text}, {RED}{}{RESET}", plural(settings.waivers.len(), "waiver"));
    }
    if !loaded.warnings.is_empty() {
        text = format!("{text}, {}", count(&loaded.warnings));
    }
    text
}

/// `2 errors, 1 warning`.
fn count(findings: &[Finding]) -> String {
    let of = |severity| findings.iter().filter(|finding| finding.severity() == severity).count();
    let (errors, warnings) = (of(Severity::Error), of(Severity::Warning));
    match (errors, warnings) {
        (0, warnings) => plural(warnings, "warning"),
        (errors, 0) => plural(errors, "error"),
        (errors, warnings) => format!("{}, {}", plural(errors, "error"), plural(warnings, "warning")),
    }
}

fn plural(count: usize, word: &str) -> String {
    match count {
        1 => format!("1 {word}"),
        count => format!("{count} {word}s"),
    }
}

const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[1;33m";
const RESET: &str = "\x1b[0m";
