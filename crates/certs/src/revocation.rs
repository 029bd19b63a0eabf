//! Certificates that their issuers took back.

use std::fmt;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use rustls_pki_types::CertificateRevocationListDer;
use rustls_pki_types::pem::PemObject;
use webpki::{CertRevocationList, OwnedCertRevocationList, RevocationOptions, RevocationOptionsBuilder};
use x509_parser::prelude::{CertificateRevocationList, FromDer};

use crate::error::CertError;

/// Certificate revocation lists (RFC 5280 §5) that were loaded. None at all, which is the default, revokes nothing.
///
/// A certificate that no list covers is believed, and so is one that an expired list does not name: lists are a second
/// proof beside the certificate's own dates, and a clinic whose list was not fetched in time must not lose its phones. What
/// a list names stays refused, however old the list is.
#[derive(Clone, Default)]
pub struct RevocationLists {
    lists: Arc<[CertRevocationList<'static>]>,
    /// When the first of them should have been replaced, in seconds since 1970.
    first_end: Option<i64>,
}

impl RevocationLists {
    /// Reads a file of PEM blocks, or of one list in DER: all of its lists or none.
    ///
    /// # Errors
    /// When the file is unreadable or too large, has no list, or one that is malformed or of a kind that is not read here.
    pub fn load(path: &Path) -> Result<Self, CertError> {
        let unreadable = |source| CertError::Unreadable { path: path.into(), source };
        let file = std::fs::File::open(path).map_err(unreadable)?;
        let mut bytes = Vec::new();
        let size = file.take(MAX_FILE.saturating_add(1)).read_to_end(&mut bytes).map_err(unreadable)?;
        match u64::try_from(size).is_ok_and(|size| size <= MAX_FILE) {
            true => Self::read(&bytes),
            false => Err(CertError::RevocationListsTooLarge),
        }
    }

    /// [`RevocationLists::load`] from the bytes of a file.
    ///
    /// # Errors
    /// As [`RevocationLists::load`].
    pub fn read(bytes: &[u8]) -> Result<Self, CertError> {
        let in_pem: Vec<_> = CertificateRevocationListDer::pem_slice_iter(bytes)
            .collect::<Result<_, _>>()
            .map_err(|_| CertError::NoRevocationList)?;
        let read: Vec<_> = match in_pem.is_empty() {
            true => vec![read_one(bytes).map_err(|_| CertError::NoRevocationList)?],
            false => in_pem.iter().map(|der| read_one(der)).collect::<Result<_, _>>()?,
        };
        let first_end = read.iter().map(|(_, end)| *end).min();
        Ok(Self { lists: read.into_iter().map(|(list, _)| list).collect(), first_end })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.lists.len()
    }

    /// When the first of them should have been replaced by a newer one (`nextUpdate`), in seconds since 1970; `None` where
    /// there is no list.
    pub fn first_end(&self) -> Option<i64> {
        self.first_end
    }

    /// Hands `check` what the chain is held against; nothing where there is no list.
    pub(crate) fn with_options<T>(&self, check: impl FnOnce(Option<RevocationOptions<'_>>) -> T) -> T {
        let lists: Vec<_> = self.lists.iter().collect();
        let options = RevocationOptionsBuilder::new(&lists).ok().map(|builder| {
            builder
                .with_depth(webpki::RevocationCheckDepth::Chain)
                .with_status_policy(webpki::UnknownStatusPolicy::Allow)
                .with_expiration_policy(webpki::ExpirationPolicy::Ignore)
                .build()
        });
        check(options)
    }
}

impl fmt::Debug for RevocationLists {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RevocationLists({})", self.lists.len())
    }
}

/// One list and its end. The verifier keeps the end to itself, so that another reader has to tell it.
fn read_one(der: &[u8]) -> Result<(CertRevocationList<'static>, i64), CertError> {
    let list = OwnedCertRevocationList::from_der(der).map_err(|_| CertError::UnusableRevocationList)?;
    let (_, facts) =
        CertificateRevocationList::from_der(der).map_err(|_| CertError::UnusableRevocationList)?;
    let end = facts.next_update().ok_or(CertError::UnusableRevocationList)?;
    Ok((list.into(), end.timestamp()))
}

/// The largest lists of public authorities have some ten megabytes.
const MAX_FILE: u64 = 32 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_list_are_told_apart_from_a_list_that_cannot_be_used() {
        let certificate = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for bytes in [&b""[..], b"hello", b"\x30\x03\x02\x01\x01", certificate] {
            assert!(matches!(RevocationLists::read(bytes), Err(CertError::NoRevocationList)));
        }
        let broken = b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n";
        assert!(matches!(RevocationLists::read(broken), Err(CertError::UnusableRevocationList)));
    }

    #[test]
    fn no_lists_revoke_nothing_and_have_no_end() {
        let none = RevocationLists::default();

        assert_eq!((none.count(), none.first_end()), (0, None));
        assert!(none.with_options(|options| options.is_none()));
    }
}
