//! Everything Cordon refuses, one variant each, with one table of what is said about it.
//!
//! The code travels unchanged through the SIP answer, the log, the metric label, the call record and
//! `cordon explain`, so that an installer who reads it on a phone's display finds the rule behind it.

mod call;
mod config;
mod family;
mod media;
mod overload;
mod pbx;
mod registration;
mod remedy;
mod row;
mod table;
mod tls;
mod transport;

use std::ops::RangeInclusive;

use crate::request::LOCK_SECONDS;

pub use family::Family;
pub use row::{Answer, Door};

/// What was refused. Names no number, name, key or address: it may be printed anywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Refusal {
    /// A SIP request arrived over UDP.
    PlainUdp,
    /// A SIP request arrived over TCP on a listener that only refuses.
    PlainTcp,
    /// Plain SIP arrived where TLS is spoken.
    PlainOnTlsPort,
    /// The sender's address is in no network of this location.
    ForeignNetwork,
    /// The first bytes on the TLS port are neither TLS nor SIP.
    NotSip,
    /// A plain request carried digest credentials: they must count as known to others.
    CredentialsExposed,
    /// A message broke the grammar so badly that it could not be taken.
    MessageUnreadable,
    /// A body was longer than what is kept for one.
    BodyTooLarge,
    /// A connection opened and then said nothing, or began a message and never ended it.
    FlowTooSlow,
    /// The peer does not read what is sent to it.
    FlowNotRead,
    /// Content-Length is missing, stands twice, is no number, or is not what came.
    ContentLengthUnclear,
    /// A line ended with CR or LF alone.
    LineEndUnclear,
    /// The head of a message was longer than what is kept for one.
    HeadTooLarge,
    /// One header was longer than any header is.
    LineTooLong,
    /// A message had more headers than are read.
    TooManyHeaders,
    /// A message had come further than any path is long.
    TooManyVias,
    /// A message had more Contacts than are kept.
    TooManyContacts,
    /// A message was to take more hops than are read.
    TooManyRoutes,
    /// A message of another version than SIP/2.0.
    VersionUnsupported,
    /// A connection without a registration made room for another.
    MadeRoom,
    /// No file descriptor is free for another connection.
    NoDescriptors,
    /// An address, a URI, a Via or a proof of a password had more parameters than are read.
    TooManyParameters,
    /// TLS was begun where plain SIP is heard in order to refuse it.
    TlsOnPlainPort,

    /// The highest TLS version offered is below 1.2.
    TlsTooOld,
    /// None of the cipher suites offered is one of the six that are accepted.
    TlsNoCommonSuite,
    /// None of the key exchange groups offered is accepted.
    TlsNoCommonGroup,
    /// The peer cannot verify the kind of signature our certificate makes.
    TlsNoCommonSignature,
    /// The handshake began and did not end in time.
    TlsTooSlow,
    /// The peer ended the handshake because it does not trust our certificate.
    TlsCertificateNotTrusted,
    /// The handshake broke for a reason the bytes do not tell.
    TlsBroken,

    /// A request came on a connection on which nobody has registered.
    RegisterFirst,
    /// A registration for a domain that is not this site's.
    ForeignDomain,
    /// The PBX challenges with `auth-int` only, which cannot pass a B2BUA.
    AuthIntAlone,
    /// A REGISTER whose Contact cannot be taken.
    ContactUnusable,
    /// The PBX calls a phone whose connection is gone.
    PhoneUnreachable,
    /// The PBX calls a contact that no phone holds.
    PhoneUnknown,
    /// A REGISTER by one account for another.
    ThirdPartyRegistration,
    /// Too many wrong answers to challenges for one account.
    AccountLocked,
    /// The PBX challenges with nothing that a phone may answer through Cordon.
    ChallengeUnusable,

    /// A method that is not built.
    MethodNotAllowed,
    /// An extension is required that is not supported.
    ExtensionRequired,
    /// Max-Forwards has reached zero.
    HopsExhausted,
    /// The same request came back, or came twice on two ways.
    RequestLoop,
    /// A request in a dialog that does not exist, or not for its sender.
    DialogUnknown,
    /// Both sides changed the session at the same moment.
    ChangePending,
    /// A second INVITE came before the first was answered.
    InviteOverlaps,
    /// The CSeq of a request is not above the last one.
    SequenceOutOfOrder,
    /// The PBX redirects to a target outside its domain.
    ForeignRedirect,
    /// A chain of redirections within the domain did not end.
    RedirectLoop,
    /// A Request-URI of a scheme that is not handled.
    SchemeUnsupported,
    /// A body that is not a session description.
    BodyUnsupported,
    /// The From is of an account that is not registered on the connection.
    ForeignIdentity,
    /// A Route or a maddr would have the request sent elsewhere.
    ForeignRoute,
    /// An INVITE that accepts no session description in its answer.
    DescriptionUnwanted,
    /// A phone asks the PBX for a password.
    PhoneChallenges,
    /// What is required is not a list of extensions.
    ExtensionUnreadable,

    /// RTP/AVP(F) without keys.
    PlainMedia,
    /// RTP/AVP(F) with key lines, where only RTP/SAVP is accepted.
    OpportunisticMedia,
    /// RTP/SAVP(F) without a single key line.
    KeysMissing,
    /// Key lines are there, none names an accepted suite.
    SuiteNotAccepted,
    /// Key lines are there, what is left of them switches protection off.
    ProtectionWeakened,
    /// The lifetime of a key is longer than its suite allows.
    KeyLifetimeTooLong,
    /// A key is of the wrong length or cannot be read.
    KeyMalformed,
    /// A key line carries several keys.
    SeveralKeys,
    /// A key line demands a parameter that is not supported.
    KeyParameterUnknown,
    /// Keys are to be agreed by DTLS, which is not built.
    DtlsMedia,
    /// No codec is left.
    NoCodec,
    /// Fax by T.38, which cannot be encrypted.
    FaxT38,
    /// Video without audio.
    VideoOnly,
    /// Media that is neither audio, video nor fax.
    MediaUnknown,
    /// No audio line that is in use.
    AudioMissing,
    /// The far side answered without keys.
    AnswerUnprotected,
    /// The far side's answer carries another tag or suite than was offered, or several.
    AnswerKeyMismatch,
    /// The far side's answer changes between RTP/AVP and RTP/SAVP.
    AnswerMixesProfiles,
    /// The far side's answer does not fit the offer line by line.
    AnswerMismatch,
    /// The far side answered a call without a session description.
    AnswerMissing,
    /// A peer sent our own key back as its own.
    KeyEchoed,
    /// The offer that came in a 200 is not protected.
    LateOfferUnprotected,
    /// A change of a protected session asks for less protection.
    ProtectionDropped,
    /// A media address that no phone can have: multicast, broadcast, port zero beside RTP.
    MediaAddressUnusable,
    /// A media address outside the networks of its leg, where no key proves the sender.
    MediaAddressForeign,
    /// A chain of media flows that returns to itself.
    MediaLoop,
    /// A session description that cannot be read.
    DescriptionUnreadable,
    /// More media lines than are kept for one session.
    TooManyMediaLines,
    /// More formats in one media line than are kept.
    TooManyFormats,
    /// More attributes at the session or one media line than are kept.
    TooManyAttributes,

    /// The PBX took a request and said nothing.
    PbxSilent,
    /// No verified connection to the PBX is up.
    PbxUnreachable,
    /// The PBX's certificate does not end in a trusted root.
    PbxCertificateNotTrusted,
    /// The PBX's certificate does not carry the name that is expected.
    PbxCertificateName,
    /// The PBX's certificate is expired or not valid yet.
    PbxCertificateExpired,
    /// The PBX's key or signature is too weak.
    PbxCertificateWeak,
    /// The PBX speaks no TLS version and suite that is accepted.
    PbxTlsTooOld,
    /// Someone else than the PBX connects where only the PBX may.
    PbxForeignNetwork,
    /// The PBX's certificate stands in a revocation list of its issuer.
    PbxCertificateRevoked,

    /// Cordon is being shut down and takes nothing new.
    Draining,
    /// As many calls as are kept at once.
    TooManyCalls,
    /// No pair of media ports is free.
    NoPorts,
    /// As many registrations as are kept at once.
    TooManyBindings,
    /// As many transactions as are kept at once.
    TooManyTransactions,
    /// As many connections as are kept at once.
    TooManyFlows,
    /// As many connections as one address may hold.
    TooManyFlowsFromAddress,
    /// One address asks faster than it is answered.
    TooFast,
    /// Messages wait too long: less important requests are turned away.
    Overloaded,
    /// As many calls as one account may have begun.
    TooManyCallsOfAccount,
    /// As many emergency calls as one device may have begun without a registration.
    TooManyEmergencyCalls,

    /// Configuration: our own certificate does not end in the public store.
    OwnCertificateNotPublic,
    /// Configuration: our own certificate signs itself.
    OwnCertificateSelfSigned,
    /// Configuration: our own certificate is expired or not valid yet.
    OwnCertificateExpired,
    /// Configuration: our own certificate carries a wildcard.
    OwnCertificateWildcard,
    /// Configuration: our own certificate does not carry the name phones connect to.
    OwnCertificateName,
    /// Configuration: our own key or signature is too weak.
    OwnCertificateWeak,
    /// Configuration: private roots are trusted toward the PBX.
    PrivateTrustAnchors,
    /// Configuration: the leg to the PBX is not TLS.
    PbxLegNotTls,
    /// Configuration: media toward the PBX is not SRTP.
    PbxMediaNotSrtp,
    /// Configuration: an SRTP suite with a short authentication tag.
    WeakSuite,
    /// Configuration: RTP/AVP with key lines is to be upgraded.
    OpportunisticAllowed,
    /// Configuration: nobody is named who may connect.
    NetworksEmpty,
    /// Configuration: no emergency number.
    EmergencyMissing,
    /// Configuration: a waiver is past its date.
    WaiverExpired,
}

impl Refusal {
    /// The stable code, such as `CD-MEDIA-01`. A code is never given to another rule.
    pub fn code(self) -> &'static str {
        self.row().code
    }

    /// How the peer gets to know.
    pub fn answer(self) -> Answer {
        self.row().answer
    }

    /// The SIP status of the answer. Where nothing is said in SIP ([`Answer`] tells), the status such
    /// an answer would carry: 403.
    pub fn status(self) -> u16 {
        match self.answer() {
            Answer::Sip(status) => status,
            Answer::TlsAlert(_) | Answer::Close | Answer::Silence | Answer::NotStarted => 403,
        }
    }

    /// Seconds for `Retry-After` (RFC 3261 §20.33), where coming back later helps.
    pub fn retry_after(self) -> Option<u32> {
        self.row().retry_after
    }

    /// The seconds one of which a `Retry-After` says, chosen anew for each answer so that those who were refused together
    /// do not come back together (RFC 6357 section 5.2): from what the row says up to three times as much with a 503, exactly
    /// that with any other status, unless the refusal has a range of its own.
    pub fn retry_after_range(self) -> Option<RangeInclusive<u32>> {
        let least = self.retry_after()?;
        Some(match (self, self.status()) {
            // RFC 3261 §14.2: at random, up to ten seconds.
            (Refusal::InviteOverlaps, _) => 1..=10,
            (Refusal::Overloaded, _) => crate::overload::RETRY_AFTER,
            // What is left of the lock.
            (Refusal::AccountLocked, _) => 1..=*LOCK_SECONDS.end(),
            (_, 503) => least..=least.saturating_mul(3),
            _ => least..=least,
        })
    }

    /// The warning that explains the refusal: code 399 and a text of at most [`MAX_WARNING_TEXT`]
    /// characters without quotes that begins with [`Refusal::code`] and says what to change.
    pub fn warning(self, door: &Door<'_>) -> (u16, String) {
        (WARNING_MISCELLANEOUS, door.fill(self.code(), self.row().text))
    }

    /// The values of all `Warning` headers of the answer, ready to be written: the one with the RFC's
    /// own code first where it has one (RFC 3261 §20.43), then the explaining 399.
    pub fn warnings(self, door: &Door<'_>) -> Vec<String> {
        let (code, text) = self.warning(door);
        let explained = format!("{code} {} \"{text}\"", door.host);
        match self.row().standard {
            Some((code, text)) => vec![format!("{code} {} \"{text}\"", door.host), explained],
            None => vec![explained],
        }
    }

    /// The rule's name in words: `rule` in events and in the label of the metric, beside the code.
    pub fn label(self) -> &'static str {
        self.row().label
    }

    /// What happened, as a headline.
    pub fn title(self) -> &'static str {
        self.row().title
    }

    /// The rule that was met, as a sentence.
    pub fn rule(self) -> &'static str {
        self.row().rule
    }

    /// The controls this rule serves, by id (see [`crate::controls`]).
    pub fn controls(self) -> &'static [&'static str] {
        self.row().controls
    }

    /// What to change so that it is not refused again.
    pub fn fix(self, family: Family) -> &'static str {
        self.row().remedy.text(family)
    }

    /// True where every family gets the same advice, because the phone is not at fault.
    pub fn has_one_fix(self) -> bool {
        self.row().remedy.is_for_the_site()
    }

    /// The refusal with this code; letters of either case.
    pub fn from_code(code: &str) -> Option<Refusal> {
        Refusal::ALL.iter().copied().find(|refusal| refusal.code().eq_ignore_ascii_case(code))
    }
}

/// Longest text of a `Warning` header: what a phone with a small display can still scroll through, and
/// small enough that a refusal over UDP stays within the request's size plus 256 bytes.
pub const MAX_WARNING_TEXT: usize = 120;

// RFC 3261 §20.43: a miscellaneous warning, its text is for a person.
const WARNING_MISCELLANEOUS: u16 = 399;
