//! Requests: from a registered phone, in this domain, with nothing that is not built.

use anyhow::{Context, Result, ensure};
use cordon_tests::machine::{Machine, on_a_machine};
use cordon_tests::metrics::Metrics;
use cordon_tests::sipp::{Sipp, scenario};

use super::{ACK, KEY, LIMIT, Refused, Site, TARGET, answer, description, refused_invite, request};

#[test]
fn a_required_extension_that_is_not_built_is_named_in_a_420() {
    on_a_machine(|machine| {
        let mut site = Site::open(machine)?;
        let refused = Refused {
            status: 420,
            code: "CD-CALL-02",
            standard: None,
            text: "a required extension is not supported",
        };
        for extension in ["timer", "100rel", "replaces"] {
            let call = [
                &request("INVITE", TARGET, &format!("Require: {extension}\n"), &secure()),
                "<recv response=\"100\" optional=\"true\"/>\n",
                &answer(&refused, &format!("Unsupported: {extension}")),
                ACK,
            ]
            .concat();
            site.refuses(extension, &call, &refused)?;
        }
        site.pbx_is_content()
    });
}

#[test]
fn a_required_extension_that_cannot_be_read_is_400() {
    on_a_machine(|machine| {
        let mut site = Site::open(machine)?;
        let refused = Refused {
            status: 400,
            code: "CD-CALL-32",
            standard: None,
            text: "Require is not a list of option tags",
        };
        let requires = request("INVITE", TARGET, "Require: timer;x\n", &secure());
        let call =
            [&requires, "<recv response=\"100\" optional=\"true\"/>\n", &answer(&refused, ""), ACK].concat();
        site.refuses("unreadable", &call, &refused)?;
        site.pbx_is_content()
    });
}

#[test]
fn a_method_that_is_not_built_is_answered_405_with_those_that_are() {
    on_a_machine(|machine| {
        let mut site = Site::open(machine)?;
        let refused = Refused {
            status: 405,
            code: "CD-CALL-01",
            standard: None,
            text: "this method is not supported here",
        };
        for method in ["MESSAGE", "SUBSCRIBE", "REFER", "PUBLISH", "NOTIFY", "INFO", "UPDATE"] {
            let call = [
                request(method, TARGET, "", ""),
                answer(&refused, "Allow: INVITE, ACK, BYE, CANCEL, OPTIONS, REGISTER"),
            ]
            .concat();
            site.refuses(&method.to_lowercase(), &call, &refused)?;
        }
        site.pbx_is_content()
    });
}

#[test]
fn a_request_that_cannot_be_taken_is_refused_by_what_is_wrong_with_it() {
    on_a_machine(|machine| {
        let mut site = Site::open(machine)?;
        let hops = Refused { status: 483, code: "CD-CALL-03", standard: None, text: "too many hops" };
        site.refuses("hops", &refused_invite("Max-Forwards: 0\n", &secure(), &hops), &hops)?;

        let body = Refused { status: 415, code: "CD-CALL-12", standard: None, text: "only application/sdp" };
        let call = refused_invite("", &secure(), &body)
            .replace("application/sdp\nContent-Length", "text/html\nContent-Length");
        site.refuses("body", &call, &body)?;

        let unwanted = Refused {
            status: 406,
            code: "CD-CALL-30",
            standard: None,
            text: "the answer is application/sdp, Accept leaves it out",
        };
        site.refuses("accept", &refused_invite("Accept: text/plain\n", &secure(), &unwanted), &unwanted)?;

        let scheme =
            Refused { status: 416, code: "CD-CALL-11", standard: None, text: "only sip, sips and tel" };
        let call = refused_invite("", &secure(), &scheme)
            .replace(" sip:2000@mx.clinic.test SIP/2.0", " mailto:2000@mx.clinic.test SIP/2.0");
        site.refuses("scheme", &call, &scheme)?;

        let dialog = Refused { status: 481, code: "CD-CALL-05", standard: None, text: "no such call" };
        let call = [request("BYE", TARGET, "", ""), answer(&dialog, "")].concat();
        let call =
            call.replace("To: <sip:2000@mx.clinic.test>", "To: <sip:2000@mx.clinic.test>;tag=unheard-of");
        site.refuses("dialog", &call, &dialog)?;
        site.pbx_is_content()
    });
}

#[test]
fn an_invite_on_a_connection_without_a_registration_is_refused_with_403() {
    on_a_machine(|machine| {
        let mut site = Site::open(machine)?;
        let refused =
            Refused { status: 403, code: "CD-REG-01", standard: None, text: "register on this connection" };
        unregistered(&mut site, "stranger", &refused_invite("", &secure(), &refused), &refused)
    });
}

#[test]
fn a_registration_in_another_domain_is_refused_with_403() {
    on_a_machine(|machine| {
        let mut site = Site::open(machine)?;
        let refused = Refused {
            status: 403,
            code: "CD-REG-02",
            standard: None,
            text: "this site does not serve that domain",
        };
        let call = [
            request("REGISTER", "sip:elsewhere.test", "", "")
                .replace("2000@mx.clinic.test", "[field0]@elsewhere.test"),
            answer(&refused, ""),
        ]
        .concat();
        unregistered(&mut site, "elsewhere", &call, &refused)
    });
}

#[test]
fn a_pbx_that_asks_for_auth_int_alone_is_named_in_a_502() {
    // The body crosses changed, so that its integrity cannot be proven: the PBX must offer `auth` too.
    let refused =
        Refused { status: 502, code: "CD-REG-03", standard: None, text: "PBX asks for auth-int only" };
    on_a_machine(|machine| challenges_unusably(machine, ("qop=\"auth\"", "qop=\"auth-int\""), &refused));
}

#[test]
fn a_pbx_that_asks_for_no_digest_is_named_in_a_502() {
    let text = "PBX asks for no digest that can be read";
    let refused = Refused { status: 502, code: "CD-REG-09", standard: None, text };
    on_a_machine(|machine| {
        challenges_unusably(machine, ("Authenticate: Digest", "Authenticate: Basic"), &refused)
    });
}

/// The PBX challenges as it always does, but for one word.
fn challenges_unusably(machine: &Machine, (word, instead): (&str, &str), refused: &Refused) -> Result<()> {
    let challenges = machine.folder().join("pbx_challenges.xml");
    let ordinary = std::fs::read_to_string(scenario("pbx_answers"))?;
    let (once, rest) =
        ordinary.split_once("<recv request=\"REGISTER\" crlf=\"true\"/>").context("it asks again")?;
    let rest = rest.split_once("<label id=\"options\"/>").context("OPTIONS follow")?.1;
    let text = format!("{once}<nop next=\"end\"/>\n<label id=\"options\"/>{rest}");
    ensure!(text.contains(word), "the PBX says {word}");
    std::fs::write(&challenges, text.replace(word, instead))?;
    let mut site = Site::with(machine, |_| (), Some(challenges))?;
    let call = [
        request("REGISTER", "sip:mx.clinic.test", "Expires: 300\n", "")
            .replace("2000@mx.clinic.test", "[field0]@mx.clinic.test"),
        answer(refused, ""),
    ]
    .concat();
    unregistered(&mut site, "challenged", &call, refused)
}

#[test]
fn a_registration_of_every_contact_without_expires_zero_is_refused_with_400() {
    on_a_machine(|machine| {
        let mut site = Site::open(machine)?;
        let refused = Refused {
            status: 400,
            code: "CD-REG-04",
            standard: None,
            text: "Contact of the REGISTER cannot be used",
        };
        let register = request("REGISTER", "sip:mx.clinic.test", "Expires: 300\n", "");
        let contact = register.lines().find(|line| line.starts_with("Contact:")).unwrap_or_default();
        let call = [
            register.replace(contact, "Contact: *").replace("2000@mx.clinic.test", "[field0]@mx.clinic.test"),
            answer(&refused, ""),
        ]
        .concat();
        unregistered(&mut site, "star", &call, &refused)
    });
}

/// Plays a call on a connection on which nobody registers.
pub(super) fn unregistered(site: &mut Site, name: &str, call: &str, refused: &Refused) -> Result<()> {
    let (lines, before) = (site.cordon.program.lines_so_far(), Metrics::read()?);
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<scenario name=\"{name}\">\n{call}</scenario>\n"
    );
    let path = site.folder.join(format!("{name}.xml"));
    std::fs::write(&path, text)?;
    Sipp::phones(&site.folder, &site.authority, &path, "10.1.0.11", &[4000])?.play(LIMIT)?;
    site.has_told(lines, &before, refused)?;
    site.pbx_is_content()
}

fn secure() -> String {
    description(&format!("m=audio 30000 RTP/SAVP 0\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\n"))
}
