//! Our server and our client configuration against each other and against peers that break the rules, in memory.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on may panic")]

mod revocation;
mod support;

use std::sync::Arc;

use cordon_certs::{
    CertProblem, KeyKind, LeafFacts, PeerName, SharedIdentity, TrustAnchors, client_config, judge_peer,
    provider, server_config,
};
use rcgen::string::Ia5String;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, PKCS_RSA_SHA256, SanType, date_time_ymd};
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{
    CipherSuite, ClientConfig, ClientConnection, ProtocolVersion, RootCertStore, ServerConfig,
    ServerConnection,
};
use support::{Authority, leaf, self_signed};

#[test]
fn tls_1_3_is_preferred() {
    let authority = Authority::new("public");
    let server = server_for(&authority, &leaf(&["mx.example.org"]));

    let (version, suite) = verified(&server, &authority.anchors(), "mx.example.org").unwrap();

    assert_eq!(version, ProtocolVersion::TLSv1_3);
    assert_eq!(suite, CipherSuite::TLS13_AES_256_GCM_SHA384);
}

#[test]
fn tls_1_2_works_with_rsa_and_with_ecdsa_leaves() {
    let authority = Authority::new("public");
    let params = leaf(&["mx.example.org"]);
    let rsa = authority.issue_with(&params, &KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap());
    let cases = [
        (authority.issue(&params), CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384),
        (rsa, CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384),
    ];
    for (identity, expected) in cases {
        let server = server_config(SharedIdentity::new(identity)).unwrap();
        let client = stranger(provider(), &authority, &[&rustls::version::TLS12]);

        assert_eq!(handshake(&server, &client, "mx.example.org"), Ok((ProtocolVersion::TLSv1_2, expected)));
    }
}

#[test]
fn a_client_without_sni_gets_the_default_certificate() {
    let authority = Authority::new("public");
    let server = server_for(&authority, &leaf(&["127.0.0.1"]));

    assert!(verified(&server, &authority.anchors(), "127.0.0.1").is_ok());
}

#[test]
fn a_suite_outside_the_six_is_refused() {
    let authority = Authority::new("public");
    let server = server_for(&authority, &leaf(&["mx.example.org"]));
    let chacha = CryptoProvider {
        cipher_suites: vec![
            aws_lc_rs::cipher_suite::TLS13_CHACHA20_POLY1305_SHA256,
            aws_lc_rs::cipher_suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        ],
        ..aws_lc_rs::default_provider()
    };

    let client = stranger(Arc::new(chacha), &authority, rustls::ALL_VERSIONS);

    assert!(handshake(&server, &client, "mx.example.org").is_err());
}

#[test]
fn a_swapped_identity_is_shown_to_the_next_handshake() {
    let (old, new) = (Authority::new("old"), Authority::new("new"));
    let shared = SharedIdentity::new(old.issue(&leaf(&["mx.example.org"])));
    let server = server_config(shared.clone()).unwrap();
    assert!(verified(&server, &old.anchors(), "mx.example.org").is_ok());

    shared.swap(new.issue(&leaf(&["mx.example.org"])));

    assert!(verified(&server, &new.anchors(), "mx.example.org").is_ok());
    assert!(verified(&server, &old.anchors(), "mx.example.org").is_err());
}

#[test]
fn a_sip_uri_in_the_alternative_names_proves_the_domain() {
    let authority = Authority::new("public");
    let server = server_for(&authority, &with_uri("sip:mx.example.org"));

    assert!(verified(&server, &authority.anchors(), "mx.example.org").is_ok());
}

#[test]
fn a_sip_uri_of_a_user_proves_no_domain() {
    let authority = Authority::new("public");
    let server = server_for(&authority, &with_uri("sip:alice@mx.example.org"));

    assert!(verified(&server, &authority.anchors(), "mx.example.org").is_err());
}

#[test]
fn a_pbx_is_refused_with_the_exact_reason() {
    let (authority, stranger) = (Authority::new("public"), Authority::new("private"));
    let mut expired = leaf(&["mx.example.org"]);
    expired.not_before = date_time_ymd(2020, 1, 1);
    expired.not_after = date_time_ymd(2021, 1, 1);
    let mut early = leaf(&["mx.example.org"]);
    early.not_before = date_time_ymd(4000, 1, 1);
    let mut for_clients = leaf(&["mx.example.org"]);
    for_clients.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let cases = [
        (authority.issue(&expired), "the certificate expired"),
        (authority.issue(&early), "not valid yet"),
        (authority.issue(&leaf(&["*.example.org"])), "wildcard"),
        (authority.issue(&leaf(&["www.example.org"])), "does not carry the name mx.example.org"),
        (authority.issue(&leaf(&[])), "no subjectAltName"),
        (authority.issue(&for_clients), "not issued for TLS servers"),
        (stranger.issue(&leaf(&["mx.example.org"])), "does not end in a trusted"),
        (self_signed(&["mx.example.org"]), "self-signed"),
    ];
    for (identity, reason) in cases {
        let server = server_config(SharedIdentity::new(identity)).unwrap();

        let error = verified(&server, &authority.anchors(), "mx.example.org").unwrap_err();

        assert!(error.contains(reason), "{reason}: {error}");
    }
}

#[test]
fn a_configuration_for_one_name_makes_no_connection_to_another() {
    let authority = Authority::new("public");
    let server = server_for(&authority, &leaf(&["mx.example.org", "other.example.org"]));
    let client = client_config(&authority.anchors(), &"mx.example.org".parse().unwrap()).unwrap();

    assert!(handshake(&server, &client, "other.example.org").is_err());
}

#[test]
fn an_rsa_key_of_1024_bits_is_refused() {
    let weak = include_bytes!("fixtures/rsa1024.pem");
    let chain: Vec<_> = rustls_pki_types::pem::PemObject::pem_slice_iter(weak).map(Result::unwrap).collect();
    let facts = LeafFacts::read(&chain[0]).unwrap();

    assert_eq!(facts.key, KeyKind::Rsa(1024));
    let trust = TrustAnchors::from_pem(weak).unwrap();
    let problem = judge_peer(&chain, &"sip.example.org".parse().unwrap(), &trust, support::now());
    assert_eq!(problem, Err(CertProblem::WeakKey { bits: 1024 }));
}

fn server_for(authority: &Authority, params: &CertificateParams) -> Arc<ServerConfig> {
    server_config(SharedIdentity::new(authority.issue(params))).unwrap()
}

fn with_uri(uri: &str) -> CertificateParams {
    let mut params = leaf(&[]);
    params.subject_alt_names = vec![SanType::URI(Ia5String::try_from(uri).unwrap())];
    params
}

/// Handshake with our own client configuration.
fn verified(
    server: &Arc<ServerConfig>,
    trust: &TrustAnchors,
    name: &str,
) -> Result<(ProtocolVersion, CipherSuite), String> {
    let name_to_prove: PeerName = name.parse().unwrap();
    handshake(server, &client_config(trust, &name_to_prove).unwrap(), name)
}

/// A phone: somebody else's TLS settings.
fn stranger(
    provider: Arc<CryptoProvider>,
    authority: &Authority,
    versions: &[&'static rustls::SupportedProtocolVersion],
) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(rustls_pki_types::pem::PemObject::from_pem_slice(authority.pem.as_bytes()).unwrap()).unwrap();
    let verifier: Arc<dyn ServerCertVerifier> =
        rustls::client::WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(&provider))
            .build()
            .unwrap();
    let config = ClientConfig::builder_with_provider(provider).with_protocol_versions(versions).unwrap();
    Arc::new(config.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

fn handshake(
    server: &Arc<ServerConfig>,
    client: &Arc<ClientConfig>,
    name: &str,
) -> Result<(ProtocolVersion, CipherSuite), String> {
    let name: PeerName = name.parse().unwrap();
    let mut client = ClientConnection::new(Arc::clone(client), name.to_server_name()).unwrap();
    let mut server = ServerConnection::new(Arc::clone(server)).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        let mut wire = Vec::new();
        client.write_tls(&mut wire).unwrap();
        server.read_tls(&mut wire.as_slice()).unwrap();
        server.process_new_packets().map_err(|error| reason(&error))?;
        let mut wire = Vec::new();
        server.write_tls(&mut wire).unwrap();
        client.read_tls(&mut wire.as_slice()).unwrap();
        client.process_new_packets().map_err(|error| reason(&error))?;
    }
    Ok((client.protocol_version().unwrap(), client.negotiated_cipher_suite().unwrap().suite()))
}

fn reason(error: &rustls::Error) -> String {
    CertProblem::of(error).map_or_else(|| error.to_string(), ToString::to_string)
}
