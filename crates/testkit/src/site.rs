//! The site of these tests: one location and a PBX, SRTP on both sides.

use std::net::IpAddr;
use std::time::Duration;

use cordon_call::{
    Advertise, LocationRules, MediaInterface, PbxRules, PbxTransport, RegistrationRules, SiteLimits,
    SiteRules,
};
use cordon_policy::media::{CodecRule, LegRules, MediaRule, Opportunistic};
use cordon_policy::request::EmergencyNumbers;
use cordon_rtp::Suite;
use cordon_sip::{Host, Text};

use crate::watch::{PBX_SIDE, PHONE_SIDE};

/// The site of these tests.
pub fn rules() -> SiteRules {
    let leg = |network: &str, suites: &[Suite]| LegRules {
        suites: suites.to_vec(),
        codecs: CodecRule::Any,
        opportunistic: Opportunistic::Refuse,
        media: MediaRule::Srtp,
        networks: vec![network.parse().unwrap()],
    };
    let interface = |interface| MediaInterface { interface, address: IpAddr::from([10, 9, 0, 5]) };
    SiteRules {
        host: Some(Host::Name("sip.clinic.example.org".into())),
        emergency: EmergencyNumbers::new(["911".to_owned(), "933".to_owned()]).unwrap(),
        registration: RegistrationRules {
            domain: Text::from_static("mx.example.org"),
            advertise: Advertise {
                host: Host::Name("sbc.example.org".into()),
                port: 5071,
                transport: PbxTransport::Tls,
            },
            maximum: Duration::from_secs(600),
            contact_secret: [9; 32],
        },
        locations: vec![LocationRules {
            name: "north".to_owned(),
            media: leg("10.1.0.0/16", &[Suite::AesCm128HmacSha1_80, Suite::AeadAes256Gcm]),
            interfaces: vec![interface(PHONE_SIDE)],
        }],
        pbx: PbxRules {
            hosts: vec![Host::V4([10, 0, 0, 2].into())],
            media: leg("10.0.0.0/24", &[Suite::AesCm128HmacSha1_80]),
            interfaces: vec![interface(PBX_SIDE)],
        },
        limits: SiteLimits::default(),
    }
}
