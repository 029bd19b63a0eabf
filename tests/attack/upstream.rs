//! The way to the PBX: whoever cannot prove its name hears no byte of SIP.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use cordon_lab::LabError;
use cordon_lab::LabPhone;
use cordon_tests::cordon::Configuration;
use cordon_tests::handset;
use cordon_tests::kamailio::DOMAIN;
use cordon_tests::machine::PBX;
use cordon_tests::pki::{Authority, Leaf};
use rcgen::{DnType, ExtendedKeyUsagePurpose, SanType, date_time_ymd};

use crate::attack::Attack;
use crate::impostor::Impostor;
use crate::site::Site;

#[test]
fn b07_a_pbx_with_a_certificate_that_proves_nothing_hears_no_sip() {
    Attack::new("B07", "12 certificates at the PBX's address, each wrong in one way")
        .logs(&["CD-PBX-02", "CD-PBX-03", "CD-PBX-04", "CD-PBX-05", "CD-PBX-09"])
        .without_registrations()
        .run(|site| {
            let mut seen = Vec::new();
            let lists = site.authority.revoke("lists", &[REVOKED])?;
            for (index, (what, code, leaf)) in wrong_certificates(site)?.into_iter().enumerate() {
                let port = 6001 + u16::try_from(index)?;
                let impostor = Impostor::listen(port, &leaf)?;
                let before = site.cordon.program.lines_so_far();
                let uri = format!("sip:{PBX}:{port};transport=tls");
                let mut configuration = led_to(site, &uri, Some(DOMAIN));
                configuration.site.push_str(&format!("revocation_lists = \"{}\"\n", lists.display()));
                site.reload(&configuration)?;
                // The one before may be tried once more until the reload is through.
                let line = site
                    .cordon
                    .program
                    .await_line_after(before, &format!("{PBX}:{port}: "), LIMIT)
                    .with_context(|| format!("{what} must not connect"))?;
                ensure!(line.contains(code), "{what} has its code {code}: {line}");
                handset::block_on(refused_503(site)).context(what)?;
                ensure!(impostor.met() > 0 && impostor.told() == 0, "{what}: {} bytes", impostor.told());
                seen.push(format!("{what} {code}"));
            }
            lead_home(site)?;
            Ok(format!("no byte of SIP, phones get 503: {}", seen.join(", ")))
        });
}

#[test]
fn b09_a_second_name_at_the_same_address_never_reuses_the_connection_of_the_first() {
    Attack::new("B09", "two PBX names at one address and port, the second not in the certificate")
        .configured(|configuration| {
            // The first is in Kamailio's certificate and the second is not.
            let uris = [SECOND, FIRST].map(|host| format!("\"sip:{host}:5061;transport=tls\""));
            configuration.pbx = pbx(configuration, &format!("[{}]", uris.join(", ")), None);
        })
        .logs(&["CD-PBX-04"])
        .without_registrations()
        .run(|site| {
            let up = site.cordon.program.text().matches("connection to the PBX is up").count();
            ensure!(up == 1, "the name in the certificate is used: {up}");
            let met = site.pbx_met("2065550191");
            let before = site.cordon.program.lines_so_far();
            lead_to(site, &format!("sip:{SECOND}:5061;transport=tls"), None)?;
            let line = site.cordon.program.await_line_after(before, "the PBX is unreachable", LIMIT)?;
            ensure!(line.contains("CD-PBX-04"), "{line}");
            handset::block_on(refused_503(site))?;
            ensure!(site.pbx_met("2065550191") == met, "nothing crossed the old connection");
            lead_home(site)?;
            Ok("the connection of the first name is closed, the second hears no SIP (CD-PBX-04), phones get 503".to_owned())
        });
}

/// Each with the code that says why it is refused.
fn wrong_certificates(site: &Site) -> Result<Vec<(&'static str, &'static str, Leaf)>> {
    let other = Authority::new(&site.folder, "other-ca")?;
    let ours = &site.authority;
    let names = &[DOMAIN, PBX];
    let with_uri = |file, uri: &str| {
        let uri = uri.try_into();
        ours.leaf_with(file, &[], |params| {
            if let Ok(uri) = uri {
                params.subject_alt_names = vec![SanType::URI(uri)];
            }
        })
    };
    Ok(vec![
        (
            "expired",
            "CD-PBX-05",
            ours.leaf_with("expired", names, |params| {
                (params.not_before, params.not_after) =
                    (date_time_ymd(2019, 1, 1), date_time_ymd(2020, 1, 1));
            })?,
        ),
        (
            "not yet valid",
            "CD-PBX-05",
            ours.leaf_with("early", names, |params| {
                (params.not_before, params.not_after) =
                    (date_time_ymd(2090, 1, 1), date_time_ymd(2095, 1, 1));
            })?,
        ),
        ("self-signed", "CD-PBX-03", ours.flawed_leaf("alone", names, cordon_tests::pki::Flaw::SelfSigned)?),
        ("unknown CA", "CD-PBX-03", other.leaf("stranger", names)?),
        ("wrong name", "CD-PBX-04", ours.leaf("elsewhere", &["elsewhere.clinic.test"])?),
        (
            "common name only",
            "CD-PBX-04",
            ours.leaf_with("common", &[], |params| {
                params.distinguished_name.push(DnType::CommonName, DOMAIN);
            })?,
        ),
        ("wildcard", "CD-PBX-04", ours.leaf("any", &["*.clinic.test"])?),
        ("sip: URI of another domain", "CD-PBX-04", with_uri("other-uri", "sip:elsewhere.clinic.test")?),
        ("sip: URI with a user", "CD-PBX-04", with_uri("user-uri", "sip:pbx@mx.clinic.test")?),
        (
            "clientAuth only",
            "CD-PBX-03",
            ours.leaf_with("client", names, |params| {
                params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
            })?,
        ),
        ("another address", "CD-PBX-04", ours.leaf("address", &["10.0.0.3"])?),
        (
            "revoked",
            "CD-PBX-09",
            ours.leaf_with("revoked", names, |params| params.serial_number = Some(REVOKED.into()))?,
        ),
    ])
}

/// Reloads Cordon with another way to the PBX; without a name the certificate must carry the host of the URI.
pub(crate) fn lead_to(site: &Site, uri: &str, name: Option<&str>) -> Result<()> {
    site.reload(&led_to(site, uri, name))
}

/// Reloads Cordon as it was started, and waits until it has its PBX.
pub(crate) fn lead_home(site: &Site) -> Result<()> {
    let before = site.cordon.program.lines_so_far();
    site.reload(&site.configuration)?;
    site.cordon.program.await_line_after(before, "connection to the PBX is up", LIMIT)?;
    Ok(())
}

/// The configuration of the site with another way to the PBX.
fn led_to(site: &Site, uri: &str, name: Option<&str>) -> Configuration {
    let mut configuration = site.configuration.clone();
    configuration.pbx = pbx(&configuration, uri, name);
    configuration
}

/// The `[pbx]` of a configuration with another way in it.
fn pbx(configuration: &Configuration, uri: &str, name: Option<&str>) -> String {
    let kept =
        configuration.pbx.lines().filter(|line| !line.starts_with("uri =") && !line.starts_with("name ="));
    let name = name.map(|name| format!("name = \"{name}\"\n")).unwrap_or_default();
    let rest: String = kept.skip(1).map(|line| format!("{line}\n")).collect();
    format!("[pbx]\nuri = {}\n{name}{rest}", quoted(uri))
}

/// One URI, or a list of them in brackets as it is.
fn quoted(uri: &str) -> String {
    if uri.starts_with('[') { uri.to_owned() } else { format!("\"{uri}\"") }
}

/// A phone that comes now is told to come back.
async fn refused_503(site: &Site) -> Result<()> {
    let phone = LabPhone::connect(site.phone("2065550191", "10.1.131.9")?).await?;
    match phone.register(60).await {
        Err(LabError::Refused { status: 503, .. }) => Ok(()),
        Err(error) => Err(error.into()),
        Ok(_) => bail!("it registered"),
    }
}

const FIRST: &str = DOMAIN;
const SECOND: &str = "second.clinic.test";
/// The serial number that stands in the list.
const REVOKED: u64 = 4_711;
const LIMIT: Duration = Duration::from_secs(15);
