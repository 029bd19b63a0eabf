//! What a phone is refused once it speaks SIP over TLS: real SIPp phones run into every rule, and the same code stands
//! in the answer, in Cordon's log and in its metrics.

mod answers;
mod bounds;
mod completeness;
mod configuration;
mod connections;
mod dialogs;
mod grammar;
mod identity;
mod offers;
mod pbx;
mod requests;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cordon_tests::cordon::{Configuration, Cordon, HOST};
use cordon_tests::kamailio::Transport;
use cordon_tests::machine::{CORDON_LOCATION, CORDON_PBX_SIDE, Machine};
use cordon_tests::metrics::Metrics;
use cordon_tests::pki::Authority;
use cordon_tests::sipp::{Running, Sipp, scenario, variant};

/// What a phone gets to know, and everybody else with it.
struct Refused {
    status: u16,
    /// The stable code.
    code: &'static str,
    /// The warning of the RFC beside the explaining one, where there is one.
    standard: Option<u16>,
    /// What the Warning says is to be changed.
    text: &'static str,
}

/// Cordon between SIPp phones and a SIPp PBX.
struct Site {
    folder: PathBuf,
    authority: Authority,
    cordon: Cordon,
    pbx: Option<Running>,
    phones: u32,
}

impl Site {
    /// The PBX answers calls as `tests/scenarios/pbx_answers.xml` does.
    fn open(machine: &Machine) -> Result<Self> {
        Self::with(machine, |_| {}, Some(scenario("pbx_answers")))
    }

    /// The PBX answers calls in a way of its own.
    fn with_pbx(machine: &Machine, name: &str, call: &str) -> Result<Self> {
        let pbx = variant(machine.folder(), "pbx_answers", name, call)?;
        Self::with(machine, |_| {}, Some(pbx))
    }

    /// With another configuration, and a PBX that plays a scenario or is not there.
    fn with(
        machine: &Machine,
        change: impl FnOnce(&mut Configuration),
        pbx: Option<PathBuf>,
    ) -> Result<Self> {
        let folder = machine.folder().to_owned();
        let authority = Authority::new(&folder, "lab-ca")?;
        let leaf = authority.leaf("cordon", &[HOST, CORDON_LOCATION, CORDON_PBX_SIDE])?;
        let pbx = pbx.map(|scenario| Sipp::pbx(&folder, &authority, &scenario)).transpose()?;
        let mut configuration = Configuration::lab(&authority, &leaf, Transport::Tls);
        change(&mut configuration);
        let cordon = Cordon::start(&folder, &configuration)?;
        if pbx.is_some() {
            cordon.program.await_line("connection to the PBX is up", LIMIT)?;
        }
        Ok(Self { folder, authority, cordon, pbx, phones: 0 })
    }

    /// A phone registers and then plays `call`.
    fn phone(&mut self, name: &str, call: &str) -> Result<Sipp> {
        let scenario = variant(&self.folder, "phone_calls", name, call)?;
        self.phones += 1;
        let phone =
            Sipp::phones(&self.folder, &self.authority, &scenario, "10.1.0.11", &[4000 + self.phones])?;
        Ok(phone.comparing_voice())
    }

    /// Plays a call that ends as its scenario has it.
    fn plays(&mut self, name: &str, call: &str) -> Result<Running> {
        self.phone(name, call)?.play(LIMIT).with_context(|| name.to_owned())
    }

    /// Plays a call that is refused: the answer is in the scenario, the log and the metrics are looked at here.
    fn refuses(&mut self, name: &str, call: &str, refused: &Refused) -> Result<Running> {
        let (lines, before) = (self.cordon.program.lines_so_far(), Metrics::read()?);
        let phone = self.plays(name, call)?;
        self.has_told(lines, &before, refused).with_context(|| name.to_owned())?;
        Ok(phone)
    }

    /// Log and metrics carry the same code as the answer, once.
    fn has_told(&self, lines: usize, before: &Metrics, refused: &Refused) -> Result<()> {
        let code = format!("refusal=\"{}\"", refused.code);
        self.cordon.program.await_line_after(lines, &code, LIMIT)?;
        let label = format!("code=\"{}\"", refused.code);
        let count = |metrics: &Metrics| metrics.sum("cordon_refusals_total", &[&label]);
        let after = Metrics::read()?;
        ensure!(count(&after) == count(before) + 1.0, "{label} is counted once:\n{}", after.text());
        Ok(())
    }

    /// The PBX saw nothing but what its scenario expects.
    fn pbx_is_content(&self) -> Result<()> {
        let errors = self.pbx.as_ref().map(Running::errors).unwrap_or_default();
        ensure!(errors.is_empty(), "the PBX saw what it does not expect: {errors}");
        Ok(())
    }
}

/// A refused call is over within a second; a call that is answered within six.
const LIMIT: Duration = Duration::from_secs(15);

/// A request of a phone. `more` are additional headers, each with its line end; `body` is a session description.
fn request(method: &str, uri: &str, more: &str, body: &str) -> String {
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\n" };
    let hops = if more.contains("Max-Forwards") { "" } else { "Max-Forwards: 70\n" };
    format!(
        "<send>\n<![CDATA[\n\n{method} {uri} SIP/2.0\n\
         Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-[call_number]-{method}\n{hops}\
         From: <sip:[field0]@mx.clinic.test>;tag=[pid]I[call_number]\nTo: <sip:2000@mx.clinic.test>\n\
         Call-ID: [call_id]\nCSeq: 1 {method}\nContact: <sip:[field0]@[local_ip]:[local_port];transport=[transport]>\n\
         {more}{kind}Content-Length: [len]\n\n{body}\n]]>\n</send>\n"
    )
}

/// An INVITE of a phone and the refusal it expects.
fn refused_invite(more: &str, body: &str, refused: &Refused) -> String {
    [
        &request("INVITE", TARGET, more, body),
        "<recv response=\"100\" optional=\"true\"/>\n",
        &answer(refused, ""),
        ACK,
    ]
    .concat()
}

/// The answer a refused phone expects. `header` is a further header it must carry, as a regular expression.
fn answer(refused: &Refused, header: &str) -> String {
    let Refused { status, code, standard, text } = refused;
    let mut expected = vec![format!("Warning: 399 [^ ]+ .{code} {text}")];
    expected.extend(standard.map(|standard| format!("Warning: {standard} [^ ]+ .")));
    expected.extend((!header.is_empty()).then(|| header.to_owned()));
    let checks: String = expected
        .iter()
        .enumerate()
        .map(|(index, expected)| {
            let variable = index + 1;
            format!(
                "<ereg regexp=\"{expected}\" search_in=\"msg\" check_it=\"true\" assign_to=\"{variable}\"/>\n"
            )
        })
        .collect();
    let variables = (1..=expected.len()).map(|index| index.to_string()).collect::<Vec<_>>().join(",");
    format!(
        "<recv response=\"{status}\">\n<action>\n{checks}</action>\n</recv>\n<Reference variables=\"{variables}\"/>\n"
    )
}

/// A description with one media line and what stands below it.
fn description(media: &str) -> String {
    format!(
        "v=0\no=phone 1 1 IN IP[local_ip_type] [local_ip]\ns=-\nc=IN IP[media_ip_type] [media_ip]\nt=0 0\n{media}"
    )
}

const TARGET: &str = "sip:2000@mx.clinic.test";

/// The ACK of a refused INVITE belongs to its transaction (RFC 3261 §17.1.1.3).
const ACK: &str = "<send>\n<![CDATA[\n\nACK sip:2000@mx.clinic.test SIP/2.0\n\
    Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-[call_number]-INVITE\nMax-Forwards: 70\n\
    From: <sip:[field0]@mx.clinic.test>;tag=[pid]I[call_number]\nTo: <sip:2000@mx.clinic.test>[peer_tag_param]\n\
    Call-ID: [call_id]\nCSeq: 1 ACK\nContent-Length: 0\n\n]]>\n</send>\n";

/// Thirty bytes, the length of a key and salt of AES_CM_128.
const KEY: &str = "d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj";

/// What may come before a 200.
const PROVISIONAL: &str = "<recv response=\"100\" optional=\"true\"/>\n<recv response=\"180\" optional=\"true\"/>\n<recv response=\"183\" optional=\"true\"/>\n";

/// The phone takes the call and ends it.
const HANG_UP: &str = "<send>\n<![CDATA[\n\nACK [next_url] SIP/2.0\n\
    Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\nMax-Forwards: 70\n\
    From: <sip:[field0]@mx.clinic.test>;tag=[pid]I[call_number]\nTo: <sip:2000@mx.clinic.test>[peer_tag_param]\n\
    Call-ID: [call_id]\nCSeq: 1 ACK\nContent-Length: 0\n\n]]>\n</send>\n\
    <send>\n<![CDATA[\n\nBYE [next_url] SIP/2.0\n\
    Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\nMax-Forwards: 70\n\
    From: <sip:[field0]@mx.clinic.test>;tag=[pid]I[call_number]\nTo: <sip:2000@mx.clinic.test>[peer_tag_param]\n\
    Call-ID: [call_id]\nCSeq: 2 BYE\nContent-Length: 0\n\n]]>\n</send>\n<recv response=\"200\"/>\n";
