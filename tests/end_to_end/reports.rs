//! RTCP of a real phone through Cordon: its reports name what the other side hears and knows.

use std::time::Duration;

use anyhow::ensure;
use cordon_tests::baresip::{Baresip, Setup};
use cordon_tests::cordon::{Configuration, Cordon, HOST};
use cordon_tests::handset;
use cordon_tests::kamailio::{Kamailio, Transport};
use cordon_tests::machine::{CORDON_LOCATION, CORDON_PBX_SIDE, on_a_machine};
use cordon_tests::pki::Authority;

#[test]
fn reports_of_baresip_come_from_the_source_heard_and_are_about_the_source_sent() {
    on_a_machine(|machine| {
        let folder = machine.folder();
        let authority = Authority::new(folder, "lab-ca")?;
        let leaf = authority.leaf("cordon", &[HOST, CORDON_LOCATION, CORDON_PBX_SIDE])?;
        let _pbx = Kamailio::start(folder, &authority, Transport::Tls)?;
        let _cordon = Cordon::start(folder, &Configuration::lab(&authority, &leaf, Transport::Tls))?;
        let proxy = format!("{CORDON_LOCATION}:5061");
        let _baresip = Baresip::register(
            folder,
            &Setup {
                number: "1001",
                interface: "phone1",
                address: "10.1.0.11",
                tone: 660.0,
                encryption: "srtp-mand",
                proxy: &proxy,
                anchor: &authority.anchor,
            },
        )?;
        let config = handset::config(&authority, "1002", proxy.parse()?, "10.1.0.12")?;
        handset::block_on(async {
            let phone = handset::register(config).await?;
            let call = phone.call("1001").await?;
            call.hear(660.0, LIMIT).await?;
            while call.media().reported.is_none() {
                call.receive(call.media().received + 5, LIMIT).await?;
                ensure!(call.media().received < REPORT_DUE, "no report about us: {:?}", call.media());
            }

            let media = call.media();
            let (ssrc, next) = media.sending;
            ensure!(media.reporter == media.heard && media.sources == 1, "one source speaks: {media:?}");
            let highest = media.reported.filter(|reported| reported.ssrc == ssrc);
            let behind = highest.map(|reported| (next as u32).wrapping_sub(reported.highest));
            ensure!(behind.is_some_and(|behind| behind < 100), "the report knows our numbers: {media:?}");
            call.hang_up().await?;
            Ok(())
        })
    });
}

const LIMIT: Duration = Duration::from_secs(10);
/// Packets in which baresip reports, which it does each five seconds: 15 s.
const REPORT_DUE: u64 = 750;
