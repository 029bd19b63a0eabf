//! Advice by phone family: what to change so that a refusal does not come back.

use super::Family;

/// What has to change. Most refusals of one kind are cured by the same few settings of the phone.
#[derive(Clone, Copy)]
pub(super) enum Remedy {
    /// The phone must connect by SIP over TLS.
    UseTls,
    /// The phone needs a TLS stack with 1.2 and an ECDHE AES-GCM suite.
    UpdateTls,
    /// The phone must trust the certificate.
    TrustCertificate,
    /// The phone must demand SRTP with keys in the description.
    UseSrtp,
    /// The phone must offer an accepted SRTP suite.
    OfferSuite,
    /// The phone must not switch off any part of SRTP.
    KeepProtection,
    /// The phone writes key lines that cannot be taken.
    SimpleKeys,
    /// The phone must register on the connection it then calls on.
    RegisterOnFlow,
    /// The phone must offer an accepted codec.
    OfferCodec,
    /// Fax must go as audio.
    FaxAsAudio,
    /// Video must be off.
    NoVideo,
    /// The secret of the phone must be replaced, then TLS switched on.
    ReplaceSecret,
    /// Not the phone's matter; the same advice whatever phone it is.
    Site(&'static str),
}

impl Remedy {
    pub(super) fn is_for_the_site(self) -> bool {
        matches!(self, Remedy::Site(_))
    }

    pub(super) fn text(self, family: Family) -> &'static str {
        match self {
            Remedy::UseTls => use_tls(family),
            Remedy::UpdateTls => update_tls(family),
            Remedy::TrustCertificate => trust_certificate(family),
            Remedy::UseSrtp => use_srtp(family),
            Remedy::OfferSuite => offer_suite(family),
            Remedy::KeepProtection => keep_protection(family),
            Remedy::SimpleKeys => simple_keys(family),
            Remedy::RegisterOnFlow => register_on_flow(family),
            Remedy::OfferCodec => offer_codec(family),
            Remedy::FaxAsAudio => fax_as_audio(family),
            Remedy::NoVideo => no_video(family),
            Remedy::ReplaceSecret => replace_secret(family),
            Remedy::Site(text) => text,
        }
    }
}

fn use_tls(family: Family) -> &'static str {
    match family {
        Family::Zultys => {
            "MX device profile, SIP tab: transport TLS, server and port as in the warning; let the phone fetch its profile again"
        }
        Family::Polycom => {
            "reg.1.server.1.transport=\"TLS\", reg.1.server.1.address and .port as in the warning, voIpProt.server.1.transport=\"TLS\""
        }
        Family::Yealink => {
            "account.1.sip_server.1.transport_type = 2, account.1.sip_server.1.address and .port as in the warning"
        }
        Family::Softphone => {
            "baresip: outbound=\"sip:HOST:PORT;transport=tls\" in the account; Linphone: transport TLS in the account's settings"
        }
        Family::Generic => {
            "set the transport of the account to TLS and its server and port to those in the warning"
        }
    }
}

fn update_tls(family: Family) -> &'static str {
    match family {
        Family::Zultys => {
            "install the latest ZIP 4x or Z 2x firmware from the MX; older generations (ZIP 2, ZIP 3, ZIP4x4, ZIP4x5) have to be replaced"
        }
        Family::Polycom => {
            "sec.TLS.protocol.sip=\"TLSv1_2\" and a cipher list that holds ECDHE AES-GCM (sec.TLS.profileSelection.SIP, device.sec.TLS.profile.cipherSuiteDefault1); SoundPoint needs UCS 4.0.15.1047"
        }
        Family::Yealink => {
            "static.security.default_ssl_method to TLS 1.2 or automatic, latest firmware; models that stay at CBC suites have to be replaced"
        }
        Family::Softphone => {
            "baresip and Linphone: use a build against OpenSSL 1.1.1 or mbedTLS 2.16 or later, with no cipher list of your own"
        }
        Family::Generic => {
            "install firmware with TLS 1.2 or 1.3, an ECDHE AES-GCM suite and curve P-256, P-384 or X25519; a phone without them has to be replaced"
        }
    }
}

fn trust_certificate(family: Family) -> &'static str {
    match family {
        Family::Zultys => {
            "load the issuing CA in MX Security Certificate Management for phones, check the phone's clock, and use the name in the certificate as server, never its address"
        }
        Family::Polycom => {
            "push the issuing CA (device.sec.TLS.customCaCert1, device.sec.TLS.profile.caCertList1), set SNTP, use the certificate's name in reg.1.server.1.address"
        }
        Family::Yealink => {
            "static.trusted_certificates.url to the issuing CA, a working time server, the certificate's name in account.1.sip_server.1.address"
        }
        Family::Softphone => {
            "baresip: sip_cafile to the issuing CA; Linphone: root CA file; both: connect to the name in the certificate"
        }
        Family::Generic => {
            "install the issuing CA, set the clock by NTP, and let the phone connect to the name in the certificate"
        }
    }
}

fn use_srtp(family: Family) -> &'static str {
    match family {
        Family::Zultys => {
            "MX device profile, Audio and RTP tab: voice encryption (SRTP) checked; and a codec profile of secured codecs"
        }
        Family::Polycom => {
            "sec.srtp.enable=\"1\" sec.srtp.offer=\"1\" sec.srtp.require=\"1\" sec.srtp.offer.HMAC_SHA1_80=\"1\""
        }
        Family::Yealink => {
            "account.1.srtp_encryption = 1 (forced; 2, negotiated, writes RTP/AVP and is not enough)"
        }
        Family::Softphone => {
            "baresip: mediaenc=srtp-mand in the account, module srtp.so loaded; Linphone: media encryption SRTP, encryption is mandatory"
        }
        Family::Generic => {
            "set SRTP to required (forced, mandatory), keys by SDES: RTP/SAVP with a=crypto AES_CM_128_HMAC_SHA1_80"
        }
    }
}

fn offer_suite(family: Family) -> &'static str {
    match family {
        Family::Zultys => "install the latest firmware; the phone has to offer AES_CM_128_HMAC_SHA1_80",
        Family::Polycom => "sec.srtp.offer.HMAC_SHA1_80=\"1\" and sec.srtp.offer.HMAC_SHA1_32=\"0\"",
        Family::Yealink => "install the latest firmware; the phone has to offer AES_CM_128_HMAC_SHA1_80",
        Family::Softphone => {
            "Linphone: srtp_crypto_suites in linphonerc must hold AES_CM_128_HMAC_SHA1_80; baresip offers it by default"
        }
        Family::Generic => {
            "let the phone offer one of the suites in srtp_suites of its location, at least AES_CM_128_HMAC_SHA1_80"
        }
    }
}

fn keep_protection(family: Family) -> &'static str {
    match family {
        Family::Zultys => "MX device profile, Audio and RTP tab: voice encryption for RTP and RTCP alike",
        Family::Polycom => {
            "sec.srtp.sessionParams.noAuth.offer, .noEncrypRTP.offer, .noEncrypRTCP.offer and their .require all \"0\""
        }
        Family::Yealink => {
            "account.1.srtp.unencrypted_rtp.enable = 0 and account.1.srtp.unencrypted_rtcp.enable = 0"
        }
        Family::Softphone => {
            "Linphone: no UNENCRYPTED or UNAUTHENTICATED entry in srtp_crypto_suites; baresip never sends one"
        }
        Family::Generic => {
            "switch on encryption and authentication of RTP and of RTCP: no UNENCRYPTED_SRTP, UNENCRYPTED_SRTCP or UNAUTHENTICATED_SRTP"
        }
    }
}

fn simple_keys(family: Family) -> &'static str {
    match family {
        Family::Zultys => {
            "install the latest firmware; send the code and the phone's model to support if it stays"
        }
        Family::Polycom => "sec.srtp.key.lifetime=\"0\" (the suite's default) and sec.srtp.mki.enabled=\"0\"",
        Family::Yealink => "leave account.1.srtp_lifetime at its default and install the latest firmware",
        Family::Softphone => {
            "leave the SRTP settings of baresip and Linphone at their defaults, they write one key without lifetime"
        }
        Family::Generic => {
            "one key per a=crypto line, of the suite's length, lifetime none or within the suite's limit, no FEC_ORDER, KDR or own parameters"
        }
    }
}

fn register_on_flow(family: Family) -> &'static str {
    match family {
        Family::Zultys => {
            "restart the phone; registration has to succeed first, so check its user and password in the MX"
        }
        Family::Polycom => {
            "reg.1.server.1.register=\"1\", the same server for calls and registration, tcpIpApp.keepalive.tcp.sip.tls.enable=\"1\""
        }
        Family::Yealink => {
            "account.1.enable = 1 with registration on, and the same server for outbound proxy and registration"
        }
        Family::Softphone => {
            "baresip: regint above 0 and sip_verify off only in the lab; Linphone: registration enabled; both keep one TLS connection"
        }
        Family::Generic => {
            "register over the TLS connection that is then used to call, and keep that connection open"
        }
    }
}

fn offer_codec(family: Family) -> &'static str {
    match family {
        Family::Zultys => {
            "MX codec profile of the location: at least G.711 (PCMU, PCMA) among the selected codecs"
        }
        Family::Polycom => "voice.codecPref.G711_Mu and voice.codecPref.G711_A above 0",
        Family::Yealink => "enable PCMU and PCMA on the account's Codec page",
        Family::Softphone => {
            "baresip: audio_codecs=PCMU,PCMA in the account, module g711.so loaded; Linphone: enable PCMU and PCMA"
        }
        Family::Generic => "enable one of the codecs of the location, G.711 at least",
    }
}

fn fax_as_audio(family: Family) -> &'static str {
    match family {
        Family::Zultys | Family::Polycom | Family::Yealink | Family::Softphone => {
            "phones of this family do not fax: look for the adapter or the fax server behind the call and switch T.38 off there"
        }
        Family::Generic => {
            "switch T.38 off on the fax adapter and on the PBX's fax port: fax passes as G.711 inside SRTP"
        }
    }
}

fn no_video(family: Family) -> &'static str {
    match family {
        Family::Zultys => "take video codecs out of the MX codec profile and place the call as audio",
        Family::Polycom => "video.enable=\"0\", or place the call as audio",
        Family::Yealink => "account.1.video.enable = 0, or place the call as audio",
        Family::Softphone => "baresip: video_codecs= empty in the account; Linphone: video off",
        Family::Generic => "switch video off, or add an audio line to the call",
    }
}

fn replace_secret(family: Family) -> &'static str {
    match family {
        Family::Zultys => {
            "give the device a new auto-filled SIP password in the MX, then set its profile's transport to TLS"
        }
        Family::Polycom => {
            "new reg.1.auth.password here and in the PBX, then reg.1.server.1.transport=\"TLS\""
        }
        Family::Yealink => {
            "new account.1.password here and in the PBX, then account.1.sip_server.1.transport_type = 2"
        }
        Family::Softphone => {
            "new auth_pass (baresip) or password (Linphone) here and in the PBX, then transport TLS"
        }
        Family::Generic => {
            "change the account's secret on the phone and in the PBX, then set its transport to TLS"
        }
    }
}
