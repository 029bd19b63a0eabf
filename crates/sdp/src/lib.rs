//! Session descriptions (RFC 4566/8866) as far as a B2BUA for voice needs them, and the crypto attribute of
//! RFC 4568.
//!
//! * [`Session::parse`] reads what a peer sent; keys go from the bytes into `KeyMaterial` and nowhere else.
//! * [`Media`] answers what policy asks of a media line: protocol, address, direction, codecs, crypto lines.
//! * [`CryptoLine`] is a crypto attribute we can use, or the reason why it was skipped.
//! * [`Description`] writes our own offers and answers; nothing of the peer's text is in them by accident.
//!
//! Debug output of everything here is a shape (kinds, counts, lengths), never an address, a name or a key.
#![forbid(unsafe_code)]

mod attribute;
mod base64;
mod build;
mod codec;
mod connection;
mod crypto;
mod crypto_problem;
mod error;
mod key_parameters;
mod media;
mod session;
mod text;

pub use attribute::Attribute;
pub use build::{AudioLine, Description, LineOut, LocalCrypto, RejectedLine};
pub use codec::Codec;
pub use connection::{Address, Connection};
pub use crypto::{CryptoAttribute, CryptoLine};
pub use crypto_problem::{CryptoProblem, Weakening};
pub use error::SdpError;
pub use key_parameters::Mki;
pub use media::{Direction, Media, MediaKind, Protocol};
pub use session::{Origin, Session};
pub use text::Text;
