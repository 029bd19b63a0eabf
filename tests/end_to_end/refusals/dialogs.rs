//! Requests out of their turn: sent twice, while another is under way, with a number that was used, to nobody.

use std::time::Duration;

use anyhow::{Context, Result};
use cordon_tests::machine::{CORDON_PBX_SIDE, Machine, on_a_machine};
use cordon_tests::metrics::Metrics;
use cordon_tests::sipp::scenario;

use super::answers::{answered, offer, response};
use super::{ACK, HANG_UP, LIMIT, PROVISIONAL, Refused, Site, TARGET, answer, description, request};

#[test]
fn an_invite_that_comes_twice_on_two_ways_is_answered_once_and_482_once() {
    on_a_machine(|machine| {
        let refused = Refused {
            status: 482,
            code: "CD-CALL-04",
            standard: None,
            text: "request came back or came twice",
        };
        let invite = request("INVITE", TARGET, "", &offer());
        let another_way = |text: &str| text.replace("[call_number]-INVITE", "[call_number]-another");
        let call = [
            &invite,
            // SIPp takes nothing between two messages of its own.
            "<recv response=\"100\" optional=\"true\"/>\n<recv response=\"180\"/>\n",
            &another_way(&invite),
            &answer(&refused, ""),
            &another_way(ACK),
            "<recv response=\"200\" rrs=\"true\"/>\n",
            HANG_UP,
        ]
        .concat();
        let thinks = [&response("180 Ringing", "", ""), THINKS].concat();
        let takes = answered(&offer(), TAKES_BYE).replacen(&response("180 Ringing", "", ""), &thinks, 1);
        within_a_call(machine, "pbx-slow", &takes, &call, &refused)
    });
}

#[test]
fn a_change_while_the_other_side_changes_the_call_is_answered_491() {
    on_a_machine(|machine| {
        let refused = Refused {
            status: 491,
            code: "CD-CALL-06",
            standard: None,
            text: "the other side is changing this call",
        };
        let change = change(2, "glare");
        let call = [
            &request("INVITE", TARGET, "", &offer()),
            PROVISIONAL,
            "<recv response=\"200\" rrs=\"true\"/>\n",
            acknowledge(),
            KEEPS_INVITE,
            &change,
            "<recv response=\"100\" optional=\"true\"/>\n",
            &answer(&refused, ""),
            &ack_of(&change),
            &ANSWERS_KEPT.replace("BODY", &offer()),
            "<recv request=\"ACK\"/>\n",
            &hang_up(3),
        ]
        .concat();
        let changes = [
            "<recv request=\"ACK\" crlf=\"true\"><action><ereg regexp=\"tag=[^;>]*\" search_in=\"hdr\" header=\"From:\" \
             check_it=\"true\" assign_to=\"1\"/></action></recv>\n",
            &of_the_pbx("INVITE", &description(OWN_KEYS)),
            "<recv response=\"100\" optional=\"true\"/>\n<recv response=\"200\"/>\n",
            &of_the_pbx("ACK", ""),
            TAKES_BYE_ALONE,
        ]
        .concat();
        within_a_call(machine, "pbx-changes", &answered(&offer(), &changes), &call, &refused)
    });
}

#[test]
fn a_change_of_the_pbx_that_the_phone_wants_a_password_for_is_answered_403_and_the_call_goes_on() {
    on_a_machine(|machine| {
        let refused = Refused {
            status: 403,
            code: "CD-CALL-31",
            standard: None,
            text: "the phone asks the PBX for a password",
        };
        let challenges = "SIP/2.0 401 Unauthorized\nWWW-Authenticate: Digest realm=\"phone\", nonce=\"n\"\n";
        let call = [
            &request("INVITE", TARGET, "", &offer()),
            PROVISIONAL,
            "<recv response=\"200\" rrs=\"true\"/>\n",
            acknowledge(),
            KEEPS_INVITE,
            &ANSWERS_KEPT.replace("SIP/2.0 200 OK\n", challenges).replace(KIND, "").replace("BODY", ""),
            "<recv request=\"ACK\"/>\n",
            THINKS,
            &hang_up(2),
        ]
        .concat();
        let changes = [
            "<recv request=\"ACK\" crlf=\"true\"><action><ereg regexp=\"tag=[^;>]*\" search_in=\"hdr\" header=\"From:\" \
             check_it=\"true\" assign_to=\"1\"/></action></recv>\n",
            &of_the_pbx("INVITE", &description(OWN_KEYS)),
            "<recv response=\"100\" optional=\"true\"/>\n",
            &answer(&refused, ""),
            &of_the_pbx("ACK", "").replace(";[$1]", "[peer_tag_param]"),
            TAKES_BYE_ALONE,
        ]
        .concat();
        within_a_call(machine, "pbx-challenged", &answered(&offer(), &changes), &call, &refused)
    });
}

#[test]
fn a_change_before_the_last_one_has_ended_is_answered_500_with_retry_after() {
    on_a_machine(|machine| {
        let refused = Refused {
            status: 500,
            code: "CD-CALL-07",
            standard: None,
            text: "the change before this one is not finished",
        };
        let overlap = change(3, "overlap");
        let call = [
            &request("INVITE", TARGET, "", &offer()),
            PROVISIONAL,
            "<recv response=\"200\" rrs=\"true\"/>\n",
            acknowledge(),
            &change(2, "first"),
            "<recv response=\"100\"/>\n",
            &overlap,
            "<recv response=\"100\" optional=\"true\"/>\n",
            &answer(&refused, "Retry-After: [1-9]"),
            &ack_of(&overlap),
            "<recv response=\"100\" optional=\"true\"/>\n<recv response=\"200\"/>\n",
            &acknowledge().replace("CSeq: 1 ACK", "CSeq: 2 ACK"),
            &hang_up(4),
        ]
        .concat();
        let thinks = [
            "<recv request=\"ACK\" crlf=\"true\"/>\n<recv request=\"INVITE\" rrs=\"true\" crlf=\"true\"/>\n",
            THINKS,
            &answered(&offer(), TAKES_BYE).replacen(&response("180 Ringing", "", ""), "", 1),
        ]
        .concat()
        .replace(
            "[last_To:];tag=[pid]Answer[call_number]\n[last_Call-ID:]\n[last_CSeq:]\nContact",
            IN_DIALOG,
        );
        // Only the answer to the change has its tag already.
        let takes = answered(&offer(), &thinks);
        within_a_call(machine, "pbx-thinks", &takes, &call, &refused)
    });
}

#[test]
fn a_request_whose_number_was_used_is_answered_500() {
    on_a_machine(|machine| {
        let refused = Refused {
            status: 500,
            code: "CD-CALL-08",
            standard: None,
            text: "CSeq is not above the last one",
        };
        let call = [
            &request("INVITE", TARGET, "", &offer()),
            PROVISIONAL,
            "<recv response=\"200\" rrs=\"true\"/>\n",
            acknowledge(),
            &in_dialog(&request("OPTIONS", TARGET, "", "")),
            &answer(&refused, ""),
            &hang_up(2),
        ]
        .concat();
        within_a_call(machine, "pbx", &answered(&offer(), TAKES_BYE), &call, &refused)
    });
}

#[test]
fn a_call_to_a_phone_whose_connection_is_gone_is_answered_480_at_once() {
    on_a_machine(|machine| {
        let refused = Refused {
            status: 480,
            code: "CD-REG-05",
            standard: None,
            text: "the connection of this phone is gone",
        };
        calls_after_registration(machine, "[next_url]", &refused)
    });
}

#[test]
fn a_call_to_a_contact_that_no_phone_holds_is_answered_404() {
    on_a_machine(|machine| {
        let refused =
            Refused { status: 404, code: "CD-REG-06", standard: None, text: "no phone holds this contact" };
        calls_after_registration(machine, &format!("sip:nobody@{CORDON_PBX_SIDE}:5071"), &refused)
    });
}

/// A call that stands runs into the rule and ends as if nothing had been.
fn within_a_call(machine: &Machine, name: &str, pbx: &str, call: &str, refused: &Refused) -> Result<()> {
    let mut site = Site::with_pbx(machine, name, pbx)?;
    site.refuses("phone", call, refused)?;
    Metrics::await_until("the call is over", Duration::from_secs(5), |metrics| {
        metrics.sum("cordon_calls_active", &[]) == 0.0
    })?;
    site.pbx_is_content()
}

/// A phone registers and goes; then the PBX calls `uri`, where `[next_url]` is the contact it has for the phone.
fn calls_after_registration(machine: &Machine, uri: &str, refused: &Refused) -> Result<()> {
    let ordinary = std::fs::read_to_string(scenario("pbx_answers"))?;
    let (calls, registers) = ordinary.split_once("<label id=\"register\"/>").context("it registers")?;
    let (granted, options) =
        registers.split_once("<label id=\"options\"/>").context("OPTIONS come after it")?;
    let granted = granted
        .replace("<recv request=\"REGISTER\" crlf", "<recv request=\"REGISTER\" rrs=\"true\" crlf")
        .replace("<send next=\"end\">", "<send>");
    let invite = of_the_pbx("INVITE", &offer()).replace("INVITE [next_url]", &format!("INVITE {uri}"));
    let invite = invite.replace(";[$1]", "");
    let ack = of_the_pbx("ACK", "").replace("ACK [next_url]", &format!("ACK {uri}"));
    let text = [
        calls,
        "<label id=\"register\"/>",
        &granted,
        // By then the phone has heard that it is registered, and gone.
        "<pause milliseconds=\"1500\"/>\n",
        &invite,
        "<recv response=\"100\" optional=\"true\"/>\n",
        &answer(refused, ""),
        &ack.replace(";[$1]", "[peer_tag_param]").replacen("<send>", "<send next=\"end\">", 1),
        "<label id=\"options\"/>",
        options,
    ]
    .concat();
    let path = machine.folder().join("pbx-calls.xml");
    std::fs::write(&path, text)?;
    let mut site = Site::with(machine, |_| {}, Some(path))?;
    let (lines, before) = (site.cordon.program.lines_so_far(), Metrics::read()?);
    site.plays("phone", "")?;
    let pbx = site.pbx.as_ref().context("the site has a PBX")?;
    pbx.await_statistic("SuccessfulCall(C)", 1.0, LIMIT)?;
    site.has_told(lines, &before, refused)?;
    site.pbx_is_content()
}

/// The same request within the call.
fn in_dialog(request: &str) -> String {
    request
        .replace("To: <sip:2000@mx.clinic.test>\n", "To: <sip:2000@mx.clinic.test>[peer_tag_param]\n")
        .replace(&format!(" {TARGET} SIP/2.0"), " [next_url] SIP/2.0")
}

/// An INVITE of the phone within its call.
fn change(cseq: u32, branch: &str) -> String {
    in_dialog(&request("INVITE", TARGET, "", &offer()))
        .replace("[call_number]-INVITE", &format!("[call_number]-{branch}"))
        .replace("CSeq: 1 INVITE", &format!("CSeq: {cseq} INVITE"))
}

/// The ACK of a change that was refused: in its transaction.
fn ack_of(change: &str) -> String {
    let line = |text: &str, start: &str| {
        text.lines().find(|line| line.starts_with(start)).unwrap_or_default().to_owned()
    };
    let ack = ACK.replace(&format!("ACK {TARGET}"), "ACK [next_url]");
    ack.replace(&line(&ack, "Via: "), &line(change, "Via: "))
        .replace(&line(&ack, "CSeq: "), &line(change, "CSeq: ").replace("INVITE", "ACK"))
}

/// The ACK of the call.
fn acknowledge() -> &'static str {
    HANG_UP.split_once("<send>\n<![CDATA[\n\nBYE").map_or(HANG_UP, |(ack, _)| ack)
}

fn hang_up(cseq: u32) -> String {
    let bye = HANG_UP.strip_prefix(acknowledge()).unwrap_or_default();
    bye.replace("CSeq: 2 BYE", &format!("CSeq: {cseq} BYE"))
}

/// A request of the PBX; its peer's tag is in the first variable.
fn of_the_pbx(method: &str, body: &str) -> String {
    let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\n" };
    format!(
        "<send>\n<![CDATA[\n\n{method} [next_url] SIP/2.0\n\
         Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=z9hG4bK-[pid]-[call_number]-pbx\nMax-Forwards: 70\n\
         From: <sip:2000@mx.clinic.test>;tag=[pid]Answer[call_number]\nTo: <sip:4001@mx.clinic.test>;[$1]\n\
         Call-ID: [call_id]\nCSeq: 1 {method}\nContact: <sip:[local_ip]:[local_port];transport=[transport]>\n\
         {kind}Content-Length: [len]\n\n{body}\n]]>\n</send>\n"
    )
}

/// Long enough for a second request to come while the first is under way.
const THINKS: &str = "<pause milliseconds=\"700\"/>\n";

/// An offer whose answer SIPp understands.
const OWN_KEYS: &str = "m=audio [rtpstream_audio_port] RTP/SAVP 0\n\
    a=crypto:[cryptotag1audio] [cryptosuiteaescm128sha1801audio] inline:[cryptokeyparams1audio]\n";

const TAKES_BYE_ALONE: &str = "<recv request=\"BYE\"/>\n\
    <send next=\"end\">\n<![CDATA[\n\nSIP/2.0 200 OK\n[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\n\
    Content-Length: 0\n\n]]>\n</send>\n";

const TAKES_BYE: &str = "<recv request=\"ACK\" crlf=\"true\"/>\n<recv request=\"BYE\"/>\n\
    <send next=\"end\">\n<![CDATA[\n\nSIP/2.0 200 OK\n[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\n\
    Content-Length: 0\n\n]]>\n</send>\n";

const IN_DIALOG: &str = "[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\nContact";

/// The phone is asked for a change and does not answer yet.
const KEEPS_INVITE: &str = "<recv request=\"INVITE\" crlf=\"true\"><action>\n\
    <ereg regexp=\".*\" search_in=\"hdr\" header=\"Via:\" check_it=\"true\" assign_to=\"5\"/>\n\
    <ereg regexp=\".*\" search_in=\"hdr\" header=\"From:\" check_it=\"true\" assign_to=\"6\"/>\n\
    <ereg regexp=\".*\" search_in=\"hdr\" header=\"To:\" check_it=\"true\" assign_to=\"7\"/>\n\
    <ereg regexp=\".*\" search_in=\"hdr\" header=\"CSeq:\" check_it=\"true\" assign_to=\"8\"/>\n\
    </action></recv>\n";

const KIND: &str = "Content-Type: application/sdp\n";

const ANSWERS_KEPT: &str = "<send>\n<![CDATA[\n\nSIP/2.0 200 OK\nVia: [$5]\nFrom: [$6]\nTo: [$7]\nCall-ID: [call_id]\n\
    CSeq: [$8]\nContact: <sip:[field0]@[local_ip]:[local_port];transport=[transport]>\n\
    Content-Type: application/sdp\nContent-Length: [len]\n\nBODY\n]]>\n</send>\n";
