//! The secret behind the contacts that the PBX knows phones by: made once, kept in the state directory.

use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use cordon_call::Entropy;

use crate::entropy::SystemEntropy;

/// Reads the secret, or makes it when the site starts for the first time.
///
/// # Errors
/// When the directory cannot be made or written, or the file is not what was written there. The error names the file
/// and what to do.
pub(crate) fn load_or_make(state: &Path) -> io::Result<[u8; 32]> {
    let path = state.join(FILE);
    read_or_make(state, &path).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => error,
        kind => {
            let what = format!(
                "{} cannot be read or made ({error}): give the directory to the account that runs cordon, or name another",
                path.display()
            );
            io::Error::new(kind, what)
        }
    })
}

fn read_or_make(state: &Path, path: &Path) -> io::Result<[u8; 32]> {
    match std::fs::read(path) {
        Ok(bytes) => bytes.try_into().map_err(|_| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{} is damaged: remove it", path.display()))
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(state, path),
        Err(error) => Err(error),
    }
}

fn make(state: &Path, path: &Path) -> io::Result<[u8; 32]> {
    std::fs::create_dir_all(state)?;
    let mut secret = [0; 32];
    SystemEntropy::new().fill(&mut secret);
    // Written whole under another name first: a crash leaves no half secret.
    let unfinished = path.with_extension("new");
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(&secret)?;
    file.sync_all()?;
    std::fs::rename(&unfinished, path)?;
    Ok(secret)
}

const FILE: &str = "contact.secret";

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_secret_is_made_once_and_readable_by_its_owner_only() {
        let folder = std::env::temp_dir().join(format!("cordon-secret-{}", std::process::id()));
        let first = load_or_make(&folder).unwrap();
        let second = load_or_make(&folder).unwrap();
        let mode = std::fs::metadata(folder.join(FILE)).unwrap().permissions().mode();
        std::fs::remove_dir_all(&folder).unwrap();

        assert_eq!(first, second);
        assert_ne!(first, [0; 32]);
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_directory_that_cannot_be_made_is_an_error_that_says_what_to_do() {
        let error = load_or_make(Path::new("/dev/null/state")).unwrap_err().to_string();

        assert!(error.contains("/dev/null/state") && error.contains("give the directory"), "{error}");
    }

    #[test]
    fn a_damaged_secret_is_an_error_that_names_the_file() {
        let folder = std::env::temp_dir().join(format!("cordon-damaged-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(FILE), b"short").unwrap();
        let error = load_or_make(&folder).unwrap_err().to_string();
        std::fs::remove_dir_all(&folder).unwrap();

        assert!(error.contains(FILE), "{error}");
    }
}
