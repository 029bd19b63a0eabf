//! A PBX that lies: the phone gets an answer it can use, or a refusal, and never waits for ever.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use cordon_tests::kamailio::DOMAIN;
use cordon_tests::machine::PBX;
use cordon_tests::metrics::Metrics;

use crate::attack::Attack;
use crate::liar::Liar;
use crate::puppet::{Puppet, acknowledgement, in_dialog};
use crate::site::{ATTACKER, Site};
use crate::upstream::{lead_home, lead_to};

#[test]
fn d11_a_pbx_that_lies_leaves_no_phone_waiting() {
    Attack::new(
        "D11",
        "the PBX answers without To tag, with another branch or CSeq, 1 MB, 3xx to itself, 300 provisionals, 40 forks, no Contact, wrong SDP",
    )
    .logs(&[
        "CD-CALL-10",
        "CD-MEDIA-16",
        "CD-MEDIA-17",
        "CD-MEDIA-18",
        "CD-MEDIA-19",
        "CD-MEDIA-20",
        "CD-PBX-01",
        "CD-PBX-02",
        "CD-TRANSPORT-08",
    ])
    .without_registrations()
    .run(|site| {
        let leaf = site.authority.leaf("liar", &[DOMAIN, PBX])?;
        let liar = Liar::listen(PORT, &leaf)?;
        let before = site.cordon.program.lines_so_far();
        lead_to(site, &format!("sip:{PBX}:{PORT};transport=tls"), Some(DOMAIN))?;
        site.cordon.program.await_line_after(before, "connection to the PBX is up", LIMIT)?;
        let calls = active()?;
        let mut seen = BTreeMap::new();
        for (lie, expected) in LIES {
            let (status, taken) = told(site, lie).with_context(|| lie.to_owned())?;
            ensure!(expected.contains(&status), "{lie}: {status}, not one of {expected:?}");
            seen.insert(lie, format!("{status} after {:.1} s", taken.as_secs_f64()));
        }
        Metrics::await_until("no call is left", RELEASED, |metrics| {
            metrics.sum("cordon_calls_active", &[]) <= calls
        })?;
        let (acks, byes) = (liar.asked("ACK"), liar.asked("BYE"));
        lead_home(site)?;
        let seen: Vec<_> = seen.iter().map(|(lie, what)| format!("{lie} {what}")).collect();
        Ok(format!("{}; {acks} ACK and {byes} BYE to it, no call left", seen.join(", ")))
    });
}

/// Calls the user of this lie: what the phone is answered, and when.
fn told(site: &Site, lie: &str) -> Result<(u16, Duration)> {
    let mut phone = Puppet::connect(site, "2065550281", ATTACKER)?;
    let registration = phone.registration(lie);
    // After a lie that broke the connection it is made anew.
    let until = Instant::now() + LIMIT;
    loop {
        match phone.ask(&registration)?.status {
            200 => break,
            503 if Instant::now() < until => phone = Puppet::connect(site, "2065550281", ATTACKER)?,
            other => bail!("the phone's registration is answered {other}"),
        }
    }
    let invite = phone.invitation(lie, &format!("call-{lie}"), "");
    let begun = Instant::now();
    let answer = phone.ask(&invite)?;
    let taken = begun.elapsed();
    if answer.status == 200 {
        phone.wire.send(acknowledgement(&invite, &answer).as_bytes())?;
        let bye = phone.ask(&in_dialog("BYE", &invite, &answer))?;
        ensure!(matches!(bye.status, 200 | 481), "its BYE is answered {}", bye.status);
    }
    Ok((answer.status, taken))
}

fn active() -> Result<f64> {
    Ok(Metrics::read()?.sum("cordon_calls_active", &[]))
}

/// What it tells, and what a phone may be told of it.
const LIES: [(&str, &[u16]); 17] = [
    ("honest", &[200]),
    ("no-tag", &[200, 408, 480, 500, 502, 503, 504]),
    ("wrong-branch", &[408, 480, 503, 504]),
    ("wrong-cseq", &[408, 480, 503, 504]),
    ("megabyte", &[480, 488, 500, 502, 503, 504]),
    ("to-itself", &[480]),
    ("provisionals", &[200]),
    ("forks", &[200]),
    ("plain-answer", &[488, 502]),
    ("no-crypto", &[488, 502]),
    ("other-suite", &[488, 502]),
    ("other-tag", &[488, 502]),
    ("two-streams", &[200, 488, 502]),
    ("no-stream", &[488, 502]),
    ("no-body", &[488, 502]),
    // In the dialog it is then asked where the INVITE went.
    ("no-contact", &[200]),
    ("silence", &[408, 480, 503, 504]),
];
const PORT: u16 = 6101;
const LIMIT: Duration = Duration::from_secs(20);
const RELEASED: Duration = Duration::from_secs(64);
