//! Bounds: what is too much is refused, and what was there before goes on.

use std::io::Write;
use std::time::Duration;

use anyhow::{Result, ensure};
use cordon_tests::caller::{connect, connect_tls, hear, hear_out, is_closed_upon};
use cordon_tests::cordon::Configuration;
use cordon_tests::machine::{Machine, on_a_machine};
use cordon_tests::metrics::Metrics;
use cordon_tests::sipp::{Sipp, scenario};
use cordon_tests::standstill::Standstill;

use super::answers::offer;
use super::connections::{LIMIT, OPTIONS, door};
use super::{HANG_UP, PROVISIONAL, Refused, Site, TARGET, answer, refused_invite, request, requests};

#[test]
fn one_call_more_than_the_site_allows_is_answered_503_and_those_that_stand_go_on() {
    on_a_machine(|machine| {
        let mut site = bounded(machine, "calls = 1")?;
        let refused =
            Refused { status: 503, code: "CD-OVERLOAD-02", standard: None, text: "too many calls at once" };
        let stands = [
            &request("INVITE", TARGET, "", &offer()),
            PROVISIONAL,
            "<recv response=\"200\" rrs=\"true\"/>\n",
            &HANG_UP.replacen("</send>\n", "</send>\n<pause milliseconds=\"4000\"/>\n", 1),
        ]
        .concat();
        let mut first = site.phone("first", &stands)?.start()?;
        site.cordon.program.await_line("call answered", LIMIT)?;

        site.refuses("second", &refused_invite("", &offer(), &refused), &refused)?;

        let code = first.program.await_exit(LIMIT)?;
        ensure!(code == 0, "SIPp ended with {code}:\n{}", first.errors());
        site.pbx_is_content()
    });
}

#[test]
fn one_registration_more_than_the_site_allows_is_answered_503() {
    on_a_machine(|machine| {
        let mut site = bounded(machine, "registrations = 1")?;
        site.plays("first", "")?;
        let refused =
            Refused { status: 503, code: "CD-OVERLOAD-04", standard: None, text: "too many registrations" };
        let call = [
            request("REGISTER", "sip:mx.clinic.test", "Expires: 300\n", "")
                .replace("2000@mx.clinic.test", "[field0]@mx.clinic.test"),
            answer(&refused, "Retry-After: [1-9]"),
        ]
        .concat();
        requests::unregistered(&mut site, "second", &call, &refused)
    });
}

#[test]
fn a_connection_with_256_requests_in_progress_is_answered_503() {
    on_a_machine(|machine| {
        let site = Site::with(machine, |_| {}, None)?;
        let refused = Refused {
            status: 503,
            code: "CD-OVERLOAD-05",
            standard: None,
            text: "too many requests at once",
        };
        // No INVITE is over before its ACK: those that are refused wait for it.
        let call = [
            &request("INVITE", TARGET, "", &offer()),
            "<recv response=\"100\" optional=\"true\"/>\n<recv response=\"403\" optional=\"true\" next=\"end\"/>\n",
            &answer(&refused, "Retry-After: [1-9]"),
            "<label id=\"end\"/>\n",
        ]
        .concat();
        let text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<scenario name=\"hoards\">\n{call}</scenario>\n"
        );
        let path = site.folder.join("hoards.xml");
        std::fs::write(&path, text)?;
        let numbers: Vec<u32> = (4000..4257).collect();
        let phones = Sipp::phones(&site.folder, &site.authority, &path, "10.1.0.11", &numbers)?;
        let phones = phones.with(["-t", "l1", "-r", "200", "-l", "300"]);

        site.cordon.refuses(refused.code, || phones.play(LIMIT))?;

        ensure!(Metrics::read()?.sum("cordon_refusals_total", &["code=\"CD-REG-01\""]) == 256.0);
        Ok(())
    });
}

#[test]
fn one_connection_more_than_the_site_allows_is_closed_while_phones_hold_all_places() {
    on_a_machine(|machine| {
        let mut site = bounded(machine, "connections = 1")?;
        let mut phone = site.phone("first", STAYS)?.start()?;
        site.cordon.program.await_line("phone registered", LIMIT)?;
        let knocks = || {
            let mut next = connect_tls(&site.authority, "10.1.0.12", door()?, LIMIT)?;
            is_closed_upon(&mut next, OPTIONS.as_bytes())
        };

        let ((), line) = site.cordon.refuses("CD-OVERLOAD-06", knocks)?;

        ensure!(line.contains("10.1.0.12"), "{line}");
        ensure!(phone.program.is_running() && phone.errors().is_empty(), "{}", phone.errors());
        Ok(())
    });
}

#[test]
fn one_connection_more_than_an_address_may_hold_is_closed_and_other_addresses_are_served() {
    on_a_machine(|machine| {
        let mut site = bounded(machine, "connections_per_address = 1")?;
        let mut phone = site.phone("first", STAYS)?.start()?;
        site.cordon.program.await_line("phone registered", LIMIT)?;
        let knocks = || {
            let mut next = connect_tls(&site.authority, "10.1.0.11", door()?, LIMIT)?;
            is_closed_upon(&mut next, OPTIONS.as_bytes())
        };

        site.cordon.refuses("CD-OVERLOAD-07", knocks)?;

        is_served(&site, "10.1.0.12")?;
        ensure!(phone.program.is_running() && phone.errors().is_empty(), "{}", phone.errors());
        Ok(())
    });
}

#[test]
fn a_connection_on_which_no_phone_registers_makes_room_for_the_next() {
    on_a_machine(|machine| {
        let site = bounded(machine, "connections = 1")?;
        let mut idle = connect_tls(&site.authority, "10.1.0.11", door()?, LIMIT)?;
        idle.write_all(OPTIONS.as_bytes())?;
        ensure!(hear(&mut idle)?.starts_with("SIP/2.0 200 "), "it was served while there was room");

        let (heard, line) = site.cordon.refuses("CD-TRANSPORT-20", || {
            is_served(&site, "10.1.0.12")?;
            hear_out(&mut idle)
        })?;

        ensure!(heard.is_empty() && line.contains("10.1.0.11"), "{heard}{line}");
        Ok(())
    });
}

#[test]
fn an_address_that_leaves_64_handshakes_open_loses_the_first_to_the_65th() {
    on_a_machine(|machine| {
        let site = Site::with(machine, |_| {}, None)?;
        let mut held = (0..64).map(|_| connect("10.1.0.11", door()?, LIMIT)).collect::<Result<Vec<_>>>()?;

        let (heard, _) = site.cordon.refuses("CD-TRANSPORT-20", || {
            let next = connect("10.1.0.11", door()?, LIMIT)?;
            let heard = held.first_mut().map_or(Ok(String::new()), hear_out)?;
            // It holds its place until the first has lost its own.
            drop(next);
            Ok(heard)
        })?;

        ensure!(heard.is_empty(), "{heard}");
        is_served(&site, "10.1.0.12")
    });
}

#[test]
fn while_signalling_stands_still_for_more_than_a_second_further_requests_are_answered_503() {
    on_a_machine(|machine| {
        let site = Site::with(machine, |_| {}, None)?;
        let refused = Refused {
            status: 503,
            code: "CD-OVERLOAD-09",
            standard: None,
            text: "too busy at the moment, try again",
        };
        // Each asks on a connection of its own. Those that were taken before wait longer than they want to.
        let call = [
            &request("OPTIONS", "sip:sip.clinic.test", "", ""),
            // The first may still find signalling awake.
            "<recv response=\"200\" optional=\"true\" next=\"end\" timeout=\"2000\" ontimeout=\"end\"/>\n",
            &answer(&refused, "Retry-After: ([5-9]|[12][0-9]|30).")
                .replace("<recv ", "<recv counter=\"1\" timeout=\"2000\" ontimeout=\"end\" "),
            // SIPp takes a call that times out into the end of its scenario for a failed one.
            "<label id=\"end\"/>\n<nop/>\n",
        ]
        .concat();
        let text = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<scenario name=\"asks\">\n{call}</scenario>\n"
        );
        let path = site.folder.join("asks.xml");
        std::fs::write(&path, text)?;
        let numbers: Vec<u32> = (4000..4050).collect();
        let phones = Sipp::phones(&site.folder, &site.authority, &path, "10.1.0.11", &numbers)?;
        let phones = phones.with(["-r", "25", "-l", "50"]);
        let (lines, before) = (site.cordon.program.lines_so_far(), Metrics::read()?);

        let standstill = Standstill::of(&site.cordon.program, "signalling")?;
        let played = phones.play(BESIDE_A_HOG)?;
        standstill.end()?;

        let heard = played.statistic("GenericCounter1(C)")?;
        ensure!((1.0..=40.0).contains(&heard), "{heard} of 50 were turned away, none in the first second");
        site.cordon.program.await_line_after(lines, &format!("refusal=\"{}\"", refused.code), LIMIT)?;
        let count = |metrics: &Metrics| metrics.sum("cordon_refusals_total", &["code=\"CD-OVERLOAD-09\""]);
        ensure!(count(&Metrics::read()?) == count(&before) + heard, "each is counted");
        ensure!(Metrics::read()?.sum("cordon_shed_total", &["priority=\"stranger\""]) == heard);
        Ok(())
    });
}

/// A phone at this address is answered.
fn is_served(site: &Site, address: &str) -> Result<()> {
    let mut phone = connect_tls(&site.authority, address, door()?, LIMIT)?;
    phone.write_all(OPTIONS.as_bytes())?;
    let heard = hear(&mut phone)?;
    ensure!(heard.starts_with("SIP/2.0 200 "), "{heard}");
    Ok(())
}

/// What SIPp may take for some seconds of work while a processor is hogged and the others are busy.
const BESIDE_A_HOG: Duration = Duration::from_secs(45);

/// A call of a phone that registers and stays for longer than any of these tests.
const STAYS: &str = "<pause milliseconds=\"60000\"/>\n";

/// A site with a bound of its own.
fn bounded(machine: &Machine, bound: &str) -> Result<Site> {
    let lower = |configuration: &mut Configuration| {
        configuration.rules.push_str(&format!("[limits]\n{bound}\n"));
    };
    Site::with(machine, lower, Some(scenario("pbx_answers")))
}
