use thiserror::Error;

/// Why a body is no session description we can work with. None carries a byte of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SdpError {
    /// Larger than [`crate::Session::MAX_BODY`].
    #[error("the session description is longer than 64 kB")]
    TooLong,
    /// RFC 8866 §5 asks for UTF-8.
    #[error("the session description is not UTF-8")]
    NotUtf8,
    /// The first line must be `v=0`.
    #[error("the session description does not begin with v=0")]
    Version,
    /// A line that is not `x=value`.
    #[error("a line is not of the form x=value")]
    Line,
    /// `o=` is missing or does not have its six fields.
    #[error("the o= line is missing or malformed")]
    Origin,
    /// A `c=` line that is not `IN IP4|IP6 address`.
    #[error("a c= line is malformed")]
    Connection,
    /// An `m=` line that is not `kind port protocol format...`.
    #[error("an m= line is malformed")]
    Media,
    /// More than [`crate::Session::MAX_MEDIA`] media lines.
    #[error("more than 8 media lines are offered")]
    TooManyMedia,
    /// More than [`crate::Session::MAX_ATTRIBUTES`] attributes at the session or at one media line.
    #[error("more than 256 attributes stand at one media line")]
    TooManyAttributes,
    /// More than [`crate::Session::MAX_FORMATS`] formats in one media line.
    #[error("more than 128 formats stand in one media line")]
    TooManyFormats,
}

impl SdpError {
    /// The SIP status to answer: 488 for what is well formed and too much, 413 for a body too long, else 400.
    pub fn status(self) -> u16 {
        match self {
            SdpError::TooManyMedia | SdpError::TooManyAttributes | SdpError::TooManyFormats => 488,
            SdpError::TooLong => 413,
            SdpError::NotUtf8
            | SdpError::Version
            | SdpError::Line
            | SdpError::Origin
            | SdpError::Connection
            | SdpError::Media => 400,
        }
    }
}
