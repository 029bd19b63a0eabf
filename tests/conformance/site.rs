//! Cordon between a phone that says anything and a PBX that tells how it reads, in the domain of the RFCs' examples.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cordon_tests::cordon::{Configuration, Cordon, HOST};
use cordon_tests::kamailio::{DOMAIN, Transport};
use cordon_tests::machine::{CORDON_LOCATION, CORDON_LOCATION_V6, CORDON_PBX_SIDE, Machine};
use cordon_tests::pki::Authority;
use cordon_tests::raw_flow::RawFlow;
use cordon_tests::reading_pbx::{ReadingPbx, serial};
use rustls::ClientConfig;

use crate::case::Case;

/// The parties of a conformance test.
pub(crate) struct Site {
    tls: Arc<ClientConfig>,
    server: SocketAddr,
    phone: IpAddr,
    pbx: ReadingPbx,
    marker: RawFlow,
    marks: usize,
    _cordon: Cordon,
}

impl Site {
    /// Phones speak IPv4.
    pub(crate) fn open(machine: &Machine) -> Result<Site> {
        Site::open_at(machine, CORDON_LOCATION.parse()?, "10.1.0.11".parse()?, "10.1.0.0/16")
    }

    /// Phones speak IPv6.
    pub(crate) fn open_v6(machine: &Machine) -> Result<Site> {
        Site::open_at(machine, CORDON_LOCATION_V6.parse()?, "fd00:10:1::11".parse()?, "fd00:10:1::/64")
    }

    fn open_at(machine: &Machine, location: IpAddr, phone: IpAddr, network: &str) -> Result<Site> {
        let folder = machine.folder();
        let server = SocketAddr::new(location, 5061);
        let authority = Authority::new(folder, "lab-ca")?;
        let leaf = authority.leaf("cordon", &[HOST, CORDON_PBX_SIDE])?;
        let pbx = ReadingPbx::start(folder, &authority, Transport::Tls)?;
        let mut configuration = Configuration::lab(&authority, &leaf, Transport::Tls);
        configuration.site =
            configuration.site.replace(&format!("domain = \"{DOMAIN}\""), "domain = \"example.com\"");
        configuration.location = format!(
            "[[location]]\nname = \"north\"\nlisten = [\"{server}\"]\nnetworks = [\"{network}\"]\nmedia_address = \"{location}\"\n"
        );
        let cordon = Cordon::start(folder, &configuration)?;
        cordon.program.await_line("connection to the PBX is up", LIMIT)?;
        let tls = authority.client_config()?;
        let mut marker = RawFlow::connect(&tls, server, phone)?;
        marker.register("sip:mark@example.com", LIMIT)?;
        Ok(Site { tls, server, phone, pbx, marker, marks: 0, _cordon: cordon })
    }

    /// Sends each message on a flow of its own and tells of every one that fared otherwise than it says.
    pub(crate) fn judge(&mut self, cases: &[Case]) -> Result<()> {
        let mut faults = Vec::new();
        for case in cases {
            let mut judged = self.judge_one(case);
            for _ in 0..TURNED_AWAY {
                match judged {
                    // Cordon has to wait for a busy machine, and asks phones to come again.
                    Err(fault) if format!("{fault:#}").contains("CD-OVERLOAD") => {
                        judged = self.judge_one(case)
                    }
                    _ => break,
                }
            }
            if let Err(fault) = judged {
                faults.push(format!("{} ({}): {fault:#}", case.name, case.section));
            }
        }
        ensure!(faults.is_empty(), "{} of {}:\n{}", faults.len(), cases.len(), faults.join("\n"));
        Ok(())
    }

    fn judge_one(&mut self, case: &Case) -> Result<()> {
        let mut flow = RawFlow::connect(&self.tls, self.server, self.phone)?;
        let registered = flow.register(&format!("sip:{}@example.com", case.account), LIMIT)?;
        let before = serial(&registered).context("the PBX numbers its answers")?;
        flow.wire.send(&case.message)?;
        let mut answers = Vec::new();
        while answers.len() < case.answers.len() {
            let answer = flow.wire.answer(LIMIT)?.context("the connection is closed before the answer")?;
            ensure!(answer.status != 503, "{}", answer.text);
            answers.extend(Some(answer.status).filter(|status| *status >= 200));
        }
        // What is refused at the door overtakes what the PBX is asked about.
        answers.sort_unstable();
        ensure!(answers == case.sorted_answers(), "is answered {answers:?}, not {:?}", case.answers);
        if case.ends_flow {
            let answers = flow.wire.answers_until_closed(LIMIT)?;
            ensure!(case.answers_are_lost || answers.is_empty(), "is answered once more: {answers:?}");
        } else {
            // Nothing is lost behind it, and nothing more comes of it.
            let probe = flow.request("OPTIONS", &format!("sip:{HOST}"), "sip:probe@example.com", "probe", "");
            flow.wire.send(probe.as_bytes())?;
            let answer =
                flow.wire.answer(LIMIT)?.context("the connection is closed before the probe's answer")?;
            ensure!(answer.status == 200 && answer.header("Call-ID") == Some("probe"), "{}", answer.text);
        }
        let after = self.mark()?;
        let asked = self.pbx.readings_between(before, after, LIMIT)?;
        let asked: Vec<_> =
            asked.iter().map(|reading| (reading.value("method"), reading.value("uri"))).collect();
        ensure!(asked == case.asked, "the PBX is asked {asked:?}, not {:?}", case.asked);
        Ok(())
    }

    /// Asks the PBX something on a flow of its own, and returns the number that question has among all it was asked.
    fn mark(&mut self) -> Result<u64> {
        self.marks += 1;
        let (uri, call_id) = ("sip:mark@example.com", format!("mark{}", self.marks));
        let request = self.marker.request("OPTIONS", uri, uri, &call_id, "");
        let answer = self.marker.ask(&request, &call_id, LIMIT)?;
        serial(&answer).with_context(|| format!("the PBX numbers its answers: {}", answer.text))
    }
}

/// How often a message is said again.
const TURNED_AWAY: usize = 20;
const LIMIT: Duration = Duration::from_secs(10);
