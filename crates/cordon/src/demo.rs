//! `cordon demo`: Cordon with a PBX and two phones of its own, on loopback.

use std::process::ExitCode;

use crate::logging;

/// Tells the story; with `once` it ends after it, 0 if every step held.
pub(crate) fn demo(once: bool) -> ExitCode {
    // The story is the output; events are for who asks for them.
    if std::env::var_os("CORDON_LOG").is_some() {
        logging::start(false);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            anstream::eprintln!("the system refuses: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(cordon_lab::demo::run(once, &mut anstream::stdout())) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            anstream::eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
