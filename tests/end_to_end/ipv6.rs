//! IPv6 on one side and IPv4 on the other: registrations, calls and voice cross both ways.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::{Result, ensure};
use cordon_tests::cordon::{Configuration, Cordon, HOST};
use cordon_tests::handset;
use cordon_tests::kamailio::{DOMAIN, Kamailio, Transport};
use cordon_tests::machine::{CORDON_LOCATION, CORDON_LOCATION_V6, CORDON_PBX_SIDE_V6, PBX_V6, on_a_machine};
use cordon_tests::metrics::Metrics;
use cordon_tests::pki::Authority;

#[test]
fn phones_on_ipv6_talk_through_a_pbx_on_ipv4() {
    on_a_machine(|machine| {
        let folder = machine.folder();
        let authority = Authority::new(folder, "lab-ca")?;
        let leaf = authority.leaf("cordon", &[HOST, CORDON_LOCATION_V6])?;
        let _pbx = Kamailio::start(folder, &authority, Transport::Tls)?;
        let mut configuration = Configuration::lab(&authority, &leaf, Transport::Tls);
        configuration.location = location_v6();
        let _cordon = Cordon::start(folder, &configuration)?;
        talk(&authority, format!("[{CORDON_LOCATION_V6}]:5061").parse()?, ["fd00:10:1::11", "fd00:10:1::12"])
    });
}

#[test]
fn phones_on_ipv4_talk_through_a_pbx_on_ipv6() {
    on_a_machine(|machine| {
        let folder = machine.folder();
        let authority = Authority::new(folder, "lab-ca")?;
        let leaf = authority.leaf("cordon", &[HOST, CORDON_LOCATION])?;
        let _pbx = Kamailio::start_v6(folder, &authority, Transport::Tls)?;
        let mut configuration = Configuration::lab(&authority, &leaf, Transport::Tls);
        configuration.pbx = pbx_v6();
        let _cordon = Cordon::start(folder, &configuration)?;
        talk(&authority, format!("{CORDON_LOCATION}:5061").parse()?, ["10.1.0.11", "10.1.0.12"])
    });
}

#[test]
fn a_site_without_any_ipv4_talks() {
    on_a_machine(|machine| {
        let folder = machine.folder();
        let authority = Authority::new(folder, "lab-ca")?;
        let leaf = authority.leaf("cordon", &[HOST, CORDON_LOCATION_V6])?;
        let _pbx = Kamailio::start_v6(folder, &authority, Transport::Tls)?;
        let mut configuration = Configuration::lab(&authority, &leaf, Transport::Tls);
        configuration.location = location_v6();
        configuration.pbx = pbx_v6();
        let _cordon = Cordon::start(folder, &configuration)?;
        talk(&authority, format!("[{CORDON_LOCATION_V6}]:5061").parse()?, ["fd00:10:1::11", "fd00:10:1::12"])
    });
}

#[test]
fn plain_sip_over_ipv6_is_shown_the_way_out() {
    on_a_machine(|machine| {
        let folder = machine.folder();
        let authority = Authority::new(folder, "lab-ca")?;
        let leaf = authority.leaf("cordon", &[HOST, CORDON_LOCATION_V6])?;
        let mut configuration = Configuration::lab(&authority, &leaf, Transport::Tls);
        configuration.location = location_v6();
        // A lab without a name: phones are sent to the address.
        configuration.site = configuration.site.replace(&format!("host = \"{HOST}\"\n"), "");
        let _cordon = Cordon::start(folder, &configuration)?;
        let request = format!(
            "OPTIONS sip:{DOMAIN} SIP/2.0\r\nVia: SIP/2.0/UDP [fd00:10:1::11]:5060;branch=z9hG4bK6;rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:1001@{DOMAIN}>;tag=a\r\nTo: <sip:{DOMAIN}>\r\nCall-ID: six\r\n\
             CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        );
        let phone = UdpSocket::bind("[fd00:10:1::11]:0")?;
        phone.set_read_timeout(Some(LIMIT))?;
        phone.send_to(request.as_bytes(), (CORDON_LOCATION_V6, 5060))?;
        let mut answer = [0; 4096];
        let count = phone.recv(&mut answer)?;
        let answer = String::from_utf8_lossy(&answer[..count]);
        ensure!(answer.starts_with("SIP/2.0 480 "), "{answer}");
        ensure!(answer.contains(&format!("Warning: 399 [{CORDON_LOCATION_V6}] ")), "{answer}");
        ensure!(answer.contains(&format!("[{CORDON_LOCATION_V6}]:5061")), "{answer}");
        Ok(())
    });
}

fn location_v6() -> String {
    format!(
        "[[location]]\nname = \"north\"\nlisten = [\"[{CORDON_LOCATION_V6}]:5061\"]\nrefuse = [\"[{CORDON_LOCATION_V6}]:5060\"]\n\
         networks = [\"fd00:10:1::/64\"]\nmedia_address = \"{CORDON_LOCATION_V6}\"\n"
    )
}

fn pbx_v6() -> String {
    format!(
        "[pbx]\nuri = \"sip:[{PBX_V6}]:5061;transport=tls\"\nname = \"{DOMAIN}\"\nlisten = \"[{CORDON_PBX_SIDE_V6}]:5071\"\n\
         networks = [\"{PBX_V6}/128\"]\nmedia_address = \"{CORDON_PBX_SIDE_V6}\"\nmedia = \"srtp\"\n"
    )
}

/// Two phones register, hear each other, hold and resume, and hang up; nothing was refused on the way.
fn talk(authority: &Authority, server: SocketAddr, ips: [&str; 2]) -> Result<()> {
    handset::block_on(async {
        let mut bob = handset::config(authority, "1002", server, ips[1])?;
        bob.tone = BOB_TONE;
        let alice = handset::register(handset::config(authority, "1001", server, ips[0])?).await?;
        let bob = handset::register(bob).await?;
        let (at_alice, at_bob) =
            tokio::try_join!(alice.call("1002"), async { bob.incoming(LIMIT).await?.answer().await })?;
        at_bob.hear(ALICE_TONE, LIMIT).await?;
        at_alice.hear(BOB_TONE, LIMIT).await?;
        at_alice.change(cordon_lab::SessionChange::hold()).await?;
        at_alice.change(cordon_lab::SessionChange::resume()).await?;
        at_bob.forget_tone();
        at_bob.hear(ALICE_TONE, LIMIT).await?;
        at_bob.hang_up().await?;
        at_alice.ended(LIMIT).await?;
        ensure!(at_alice.media().refused == 0, "{:?}", at_alice.media());
        let metrics = Metrics::read()?;
        ensure!(metrics.refused().is_empty(), "nothing is refused: {:?}", metrics.refused());
        Ok(())
    })
}

const ALICE_TONE: f64 = 440.0;
const BOB_TONE: f64 = 660.0;
const LIMIT: Duration = Duration::from_secs(10);
