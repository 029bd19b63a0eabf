//! Rows CD-MEDIA: what is refused of media, in offers and answers.

use super::remedy::Remedy;
use super::row::{Answer, INCOMPATIBLE_MEDIA_FORMAT, INCOMPATIBLE_TRANSPORT, MEDIA_TYPE_NOT_AVAILABLE, Row};

pub(super) const PLAIN_MEDIA: Row = Row {
    code: "CD-MEDIA-01",
    answer: Answer::Sip(488),
    retry_after: None,
    standard: INCOMPATIBLE_TRANSPORT,
    text: "SRTP is required: RTP/SAVP with a=crypto",
    label: "plain_media",
    title: "Media without keys",
    rule: "Audio inside the site is SRTP with keys in the description, or there is no call.",
    controls: &["ZC-16", "ZC-44", "ZC-47", "CI-06", "HV-02"],
    remedy: Remedy::UseSrtp,
};

pub(super) const OPPORTUNISTIC_MEDIA: Row = Row {
    code: "CD-MEDIA-02",
    answer: Answer::Sip(488),
    retry_after: None,
    standard: INCOMPATIBLE_TRANSPORT,
    text: "SRTP must be required, not optional: RTP/SAVP",
    label: "opportunistic_media",
    title: "SRTP offered as an option",
    rule: "An offer of RTP/AVP with keys leaves it open whether the media is encrypted; the description has to say RTP/SAVP.",
    controls: &["ZC-16", "ZC-44", "ZC-47", "CI-06"],
    remedy: Remedy::UseSrtp,
};

pub(super) const KEYS_MISSING: Row = Row {
    code: "CD-MEDIA-03",
    answer: Answer::Sip(488),
    retry_after: None,
    standard: None,
    text: "SRTP keys are missing: a=crypto by SDES over TLS",
    label: "keys_missing",
    title: "RTP/SAVP without keys",
    rule: "A protected line carries its key in a=crypto (RFC 4568).",
    controls: &["ZC-16", "ZC-44", "ZC-47"],
    remedy: Remedy::UseSrtp,
};

pub(super) const SUITE_NOT_ACCEPTED: Row = Row {
    code: "CD-MEDIA-04",
    answer: Answer::Sip(488),
    retry_after: None,
    standard: None,
    text: "offer SRTP suite AES_CM_128_HMAC_SHA1_80",
    label: "suite_not_accepted",
    title: "No accepted SRTP suite",
    rule: "One of the suites of the location has to be offered; a short authentication tag is not among them by default.",
    controls: &["ZC-16", "ZC-47"],
    remedy: Remedy::OfferSuite,
};

pub(super) const PROTECTION_WEAKENED: Row = Row {
    code: "CD-MEDIA-05",
    answer: Answer::Sip(488),
    retry_after: None,
    standard: None,
    text: "SRTP must encrypt and authenticate RTP and RTCP",
    label: "protection_weakened",
    title: "SRTP with protection switched off",
    rule: "UNENCRYPTED_SRTP, UNENCRYPTED_SRTCP and UNAUTHENTICATED_SRTP are never accepted.",
    controls: &["ZC-16", "ZC-47", "CI-06", "HV-08"],
    remedy: Remedy::KeepProtection,
};

pub(super) const KEY_LIFETIME_TOO_LONG: Row = Row {
    code: "CD-MEDIA-06",
    answer: Answer::Sip(488),
    retry_after: None,
    standard: None,
    text: "lifetime of the SRTP key is over the limit of its suite",
    label: "key_lifetime_too_long",
    title: "Key lifetime over the limit",
    rule: "A key lives for as many packets as its suite allows: 2^48, and 2^31 for AES_256_CM (RFC 4568, RFC 6188).",
    controls: &["ZC-16"],
    remedy: Remedy::SimpleKeys,
};

pub(super) const KEY_MALFORMED: Row = Row {
    code: "CD-MEDIA-07",
    answer: Answer::Sip(488),
    retry_after: None,
    standard: None,
    text: "SRTP key has a wrong length or cannot be read",
    label: "key_malformed",
    title: "Unreadable key line",
    rule: "A key line is written as RFC 4568 says, with a key of exactly the length of its suite.",
    controls: &["ZC-16"],
    remedy: Remedy::SimpleKeys,
};

pub(super) const SEVERAL_KEYS: Row = Row {
    code: "CD-MEDIA-08",
    answer: Answer::Sip(488),
    retry_after: None,
    standard: None,
    text: "write one SRTP key per a=crypto line",
    label: "several_keys",
    title: "Several keys in one line",
    rule: "One key line carries one key.",
    controls: &["ZC-16"],
    remedy: Remedy::SimpleKeys,
};

pub(super) const KEY_PARAMETER_UNKNOWN: Row = Row {
    code: "CD-MEDIA-09",
    answer: Answer::Sip(488),
    retry_after: None,
    standard: None,
    text: "an SRTP session parameter is not supported",
    label: "key_parameter_unknown",
    title: "Unknown key parameter",
    rule: "A session parameter that is not understood makes its key line void (RFC 4568 section 6.3).",
    controls: &["ZC-16"],
    remedy: Remedy::SimpleKeys,
};

pub(super) const DTLS_MEDIA: Row = Row {
    code: "CD-MEDIA-10",
    answer: Answer::Sip(488),
    retry_after: None,
    standard: INCOMPATIBLE_TRANSPORT,
    text: "DTLS-SRTP is not supported: RTP/SAVP with a=crypto",
    label: "dtls_media",
    title: "Keys by DTLS",
    rule: "Keys travel in the description over TLS; agreeing them by DTLS is not built.",
    controls: &["ZC-16", "HV-01"],
    remedy: Remedy::UseSrtp,
};

pub(super) const NO_CODEC: Row = Row {
    code: "CD-MEDIA-11",
    answer: Answer::Sip(488),
    retry_after: None,
    standard: INCOMPATIBLE_MEDIA_FORMAT,
    text: "none of the codecs offered is allowed here",
    label: "no_codec",
    title: "No codec left",
    rule: "Codecs outside the list of the location are taken out of every offer and answer; tones and comfort noise alone are no call.",
    controls: &["ZC-47", "ZC-49"],
    remedy: Remedy::OfferCodec,
};

pub(super) const FAX_T38: Row = Row {
    code: "CD-MEDIA-12",
    answer: Answer::Sip(488),
    retry_after: None,
    standard: MEDIA_TYPE_NOT_AVAILABLE,
    text: "T.38 cannot be encrypted: fax as G.711 in SRTP",
    label: "fax_t38",
    title: "Fax by T.38",
    rule: "T.38 over UDPTL has no protected form; fax passes as audio inside SRTP.",
    controls: &["ZC-17", "HV-05"],
    remedy: Remedy::FaxAsAudio,
};

pub(super) const VIDEO_ONLY: Row = Row {
    code: "CD-MEDIA-13",
    answer: Answer::Sip(488),
    retry_after: None,
    standard: MEDIA_TYPE_NOT_AVAILABLE,
    text: "video is not allowed: call with audio",
    label: "video_only",
    title: "Video without audio",
    rule: "A call carries one audio stream; video lines are answered with port 0.",
    controls: &["CI-14", "ZC-47"],
    remedy: Remedy::NoVideo,
};

pub(super) const MEDIA_UNKNOWN: Row = Row {
    code: "CD-MEDIA-14",
    answer: Answer::Sip(488),
    retry_after: None,
    standard: MEDIA_TYPE_NOT_AVAILABLE,
    text: "only audio is allowed",
    label: "media_unknown",
    title: "Media of an unknown kind",
    rule: "A call carries one audio stream; every other kind of media is answered with port 0.",
    controls: &["ZC-47"],
    remedy: Remedy::Site("place the call with an audio line; data channels and text are not carried"),
};

pub(super) const AUDIO_MISSING: Row = Row {
    code: "CD-MEDIA-15",
    answer: Answer::Sip(488),
    retry_after: None,
    standard: MEDIA_TYPE_NOT_AVAILABLE,
    text: "no audio line in use",
    label: "audio_missing",
    title: "No audio line in use",
    rule: "A call needs one audio line whose port is not 0.",
    controls: &["ZC-47"],
    remedy: Remedy::Site("look at the offer of the sender: it disables its own audio"),
};

pub(super) const ANSWER_UNPROTECTED: Row = Row {
    code: "CD-MEDIA-16",
    answer: Answer::Sip(488),
    retry_after: None,
    standard: INCOMPATIBLE_TRANSPORT,
    text: "the far side answered without SRTP",
    label: "answer_unprotected",
    title: "The far side answered without keys",
    rule: "An answer without keys ends the call before a packet passes.",
    controls: &["ZC-16", "ZC-47", "CI-06"],
    remedy: Remedy::UseSrtp,
};

pub(super) const ANSWER_KEY_MISMATCH: Row = Row {
    code: "CD-MEDIA-17",
    answer: Answer::Sip(488),
    retry_after: None,
    standard: None,
    text: "the far side answered with another SRTP key line",
    label: "answer_key_mismatch",
    title: "Answer with another key line",
    rule: "An answer holds exactly one key line, with tag and suite of one that was offered (RFC 4568 section 5.1.3).",
    controls: &["ZC-16"],
    remedy: Remedy::Site("update the firmware of the side that answered"),
};

pub(super) const ANSWER_MIXES_PROFILES: Row = Row {
    code: "CD-MEDIA-18",
    answer: Answer::Sip(488),
    retry_after: None,
    standard: INCOMPATIBLE_TRANSPORT,
    text: "the far side mixed RTP/AVP and RTP/SAVP",
    label: "answer_mixes_profiles",
    title: "Answer in another profile",
    rule: "An answer stays in the profile of the offer: RTP/AVP and RTP/SAVP do not mix, RTP/SAVP and RTP/SAVPF may (RFC 5124 section 4).",
    controls: &["ZC-16", "ZC-47"],
    remedy: Remedy::Site("update the firmware of the side that answered, or set its SRTP to required"),
};

pub(super) const ANSWER_MISMATCH: Row = Row {
    code: "CD-MEDIA-19",
    answer: Answer::Sip(488),
    retry_after: None,
    standard: None,
    text: "the answer does not fit the offer",
    label: "answer_mismatch",
    title: "Answer that does not fit",
    rule: "An answer has one line for each line of the offer, in its order and of its kind (RFC 3264 section 6).",
    controls: &["ZC-16"],
    remedy: Remedy::Site("update the firmware of the side that answered"),
};

pub(super) const ANSWER_MISSING: Row = Row {
    code: "CD-MEDIA-20",
    answer: Answer::Sip(488),
    retry_after: None,
    standard: None,
    text: "the far side answered without a description",
    label: "answer_missing",
    title: "Answer without a description",
    rule: "A call that was offered a session description is answered with one.",
    controls: &["ZC-16"],
    remedy: Remedy::Site("update the firmware of the side that answered"),
};

pub(super) const KEY_ECHOED: Row = Row {
    code: "CD-MEDIA-21",
    answer: Answer::Sip(488),
    retry_after: None,
    standard: None,
    text: "the peer sent our own SRTP key back",
    label: "key_echoed",
    title: "Our own key came back",
    rule: "No key is used in two directions: the same key stream twice would open both.",
    controls: &["ZC-16", "HV-08"],
    remedy: Remedy::Site("replace or update the device that copies a=crypto from the offer into its answer"),
};

pub(super) const LATE_OFFER_UNPROTECTED: Row = Row {
    code: "CD-MEDIA-22",
    answer: Answer::Sip(488),
    retry_after: None,
    standard: INCOMPATIBLE_TRANSPORT,
    text: "the offer in the 200 has no SRTP",
    label: "late_offer_unprotected",
    title: "Late offer without keys",
    rule: "An offer that comes with the answer of a call is held to the same rule as one that comes first.",
    controls: &["ZC-16", "ZC-47", "CI-06"],
    remedy: Remedy::UseSrtp,
};

pub(super) const PROTECTION_DROPPED: Row = Row {
    code: "CD-MEDIA-23",
    answer: Answer::Sip(488),
    retry_after: None,
    standard: INCOMPATIBLE_TRANSPORT,
    text: "a call does not go back to plain RTP",
    label: "protection_dropped",
    title: "Change that would drop protection",
    rule: "A change of a call that would end its protection is refused, and the call goes on as it is.",
    controls: &["ZC-16", "ZC-47", "CI-06"],
    remedy: Remedy::UseSrtp,
};

pub(super) const MEDIA_ADDRESS_UNUSABLE: Row = Row {
    code: "CD-MEDIA-24",
    answer: Answer::Sip(488),
    retry_after: None,
    standard: None,
    text: "media address or port cannot be used",
    label: "media_address_unusable",
    title: "Unusable media address",
    rule: "Media goes to a unicast address and a port from 1024 up.",
    controls: &["ZC-77"],
    remedy: Remedy::Site(
        "look at c= and m= of the sender: multicast, broadcast, a name, no address at all or the port of a service stands there",
    ),
};

pub(super) const MEDIA_ADDRESS_FOREIGN: Row = Row {
    code: "CD-MEDIA-25",
    answer: Answer::Sip(488),
    retry_after: None,
    standard: None,
    text: "media address is outside the networks of this leg",
    label: "media_address_foreign",
    title: "Media address outside the networks",
    rule: "Media that no key protects goes only to addresses inside the networks of its leg.",
    controls: &["ZC-77", "ZC-80"],
    remedy: Remedy::Site(
        "add the network of the media server to `networks`, or let it send from the address it signals from",
    ),
};

pub(super) const MEDIA_LOOP: Row = Row {
    code: "CD-MEDIA-26",
    answer: Answer::Sip(482),
    retry_after: None,
    standard: None,
    text: "media would return to itself",
    label: "media_loop",
    title: "Media loop",
    rule: "A chain of media flows never comes back to its beginning: one packet would circle for ever.",
    controls: &["ZC-46"],
    remedy: Remedy::Site("look for a PBX route that connects a call to itself"),
};

pub(super) const DESCRIPTION_UNREADABLE: Row = Row {
    code: "CD-MEDIA-27",
    answer: Answer::Sip(400),
    retry_after: None,
    standard: None,
    text: "session description cannot be read",
    label: "description_unreadable",
    title: "Unreadable session description",
    rule: "A session description is read as RFC 8866 writes it.",
    controls: &["ZC-46"],
    remedy: Remedy::Site("update the firmware of the sender; the event names the line"),
};

pub(super) const TOO_MANY_MEDIA_LINES: Row = Row {
    code: "CD-MEDIA-28",
    answer: Answer::Sip(488),
    retry_after: None,
    standard: None,
    text: "too many media lines",
    label: "too_many_media_lines",
    title: "Too many media lines",
    rule: "A session description holds 8 media lines at most.",
    controls: &["ZC-46"],
    remedy: Remedy::Site("switch off video, application and data media on the sender"),
};

pub(super) const TOO_MANY_FORMATS: Row = Row {
    code: "CD-MEDIA-29",
    answer: Answer::Sip(488),
    retry_after: None,
    standard: None,
    text: "too many formats in one media line",
    label: "too_many_formats",
    title: "Media line with too many formats",
    rule: "A media line holds 128 formats at most, as many as RTP has payload types.",
    controls: &["ZC-46"],
    remedy: Remedy::Site("switch off codecs that are not used on the sender"),
};

pub(super) const TOO_MANY_ATTRIBUTES: Row = Row {
    code: "CD-MEDIA-30",
    answer: Answer::Sip(488),
    retry_after: None,
    standard: None,
    text: "too many attributes in the session description",
    label: "too_many_attributes",
    title: "Session description with too many attributes",
    rule: "The session and each media line hold 256 attributes at most.",
    controls: &["ZC-46"],
    remedy: Remedy::Site("switch off ICE, and codecs that are not used, on the sender"),
};
