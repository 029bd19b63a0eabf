//! `cordon run`: serve.

use std::path::Path;
use std::process::ExitCode;

use cordon_gateway::RunError;

use crate::logging;

/// Serves until told to end.
pub(crate) fn run(path: &Path, json: bool) -> ExitCode {
    logging::start(json);
    match cordon_gateway::run(path) {
        Ok(()) => ExitCode::SUCCESS,
        Err(RunError::Configuration(findings)) => {
            for finding in findings {
                anstream::eprintln!("{finding}\n");
            }
            anstream::eprintln!("{} is refused; nothing was started", path.display());
            ExitCode::from(EX_CONFIG)
        }
        Err(RunError::Start(error)) => {
            anstream::eprintln!("cordon did not start: {error}");
            if let Some(remedy) = error.remedy() {
                anstream::eprintln!("  = help: {remedy}");
            }
            ExitCode::FAILURE
        }
        Err(error @ RunError::System(_)) => {
            anstream::eprintln!("cordon did not start: {error}");
            ExitCode::FAILURE
        }
        Err(error @ RunError::Lost) => {
            anstream::eprintln!("cordon has ended by a defect of its own: {error}");
            ExitCode::from(EX_SOFTWARE)
        }
    }
}

/// sysexits.h: a supervisor should restart it.
const EX_SOFTWARE: u8 = 70;
/// sysexits.h: a supervisor must not restart what its configuration stops.
const EX_CONFIG: u8 = 78;
