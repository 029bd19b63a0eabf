//! A refusal told to a person: what `cordon explain CODE` prints.

use std::fmt::Write;
use std::ops::RangeInclusive;

use crate::controls;
use crate::refusal::{Answer, Door, Family, Refusal};

/// The whole explanation as plain text of at most [`WIDTH`] columns: what the peer was told, which rule
/// and which controls stand behind it, and what to change by phone family.
pub fn explain(refusal: Refusal, door: &Door<'_>) -> String {
    let mut text = String::new();
    // Writing to a String has no error to report.
    let _ = writeln!(text, "{}  {}", refusal.code(), refusal.title());
    paragraph(&mut text, "What was sent", &sent(refusal, door));
    paragraph(&mut text, "The rule", refusal.rule());
    let _ = writeln!(text, "\nControls");
    for id in refusal.controls() {
        let title = controls::find(id).map_or("", |control| control.title);
        let _ = writeln!(text, "  {id}  {title}");
    }
    let _ = writeln!(text, "\nThe fix");
    if refusal.has_one_fix() {
        wrap(&mut text, refusal.fix(Family::Generic), 2);
    } else {
        for family in Family::ALL {
            let _ = writeln!(text, "  {}:", family.name());
            wrap(&mut text, refusal.fix(family), 4);
        }
    }
    let (code, rule) = (refusal.code(), refusal.label());
    let _ = writeln!(text, "\nIn events    refusal=\"{code}\" rule=\"{rule}\"");
    let _ = writeln!(text, "In metrics   cordon_refusals_total{{code=\"{code}\",rule=\"{rule}\"}}");
    text
}

/// One line per refusal: code and title, for a reader who has no code yet.
pub fn overview() -> String {
    let mut text = String::new();
    for refusal in Refusal::ALL {
        let _ = writeln!(text, "{:<16} {}", refusal.code(), refusal.title());
    }
    text
}

fn sent(refusal: Refusal, door: &Door<'_>) -> String {
    match refusal.answer() {
        Answer::Sip(status) => {
            let mut sent = format!("SIP status {status}");
            for warning in refusal.warnings(door) {
                let _ = write!(sent, ", Warning: {warning}");
            }
            match refusal.retry_after_range().map(RangeInclusive::into_inner) {
                Some((least, most)) if least < most => {
                    let _ = write!(sent, ", Retry-After: {least} to {most}");
                }
                Some((seconds, _)) => _ = write!(sent, ", Retry-After: {seconds}"),
                None => {}
            }
            sent
        }
        Answer::TlsAlert(alert) => format!("TLS alert {alert}, then the connection was closed"),
        Answer::Close => "nothing: the connection was closed".to_owned(),
        Answer::Silence => "nothing at all: a stranger learns nothing from silence".to_owned(),
        Answer::NotStarted => "to the operator: Cordon does not take this configuration".to_owned(),
    }
}

fn paragraph(text: &mut String, head: &str, body: &str) {
    let _ = writeln!(text, "\n{head}");
    wrap(text, body, 2);
}

/// Breaks at spaces only: parameters and addresses stay whole, to be copied.
fn wrap(text: &mut String, body: &str, indent: usize) {
    let mut column = 0;
    for word in body.split_whitespace() {
        if column > indent && column + 1 + word.len() > WIDTH {
            text.push('\n');
            column = 0;
        }
        if column == 0 {
            text.extend(std::iter::repeat_n(' ', indent));
            column = indent;
        } else {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += word.len();
    }
    text.push('\n');
}

/// Columns of the explanation: fits a terminal that nobody has widened, and a printed page.
pub const WIDTH: usize = 96;

#[cfg(test)]
mod tests {
    use super::*;

    const DOOR: Door<'static> = Door { host: "sip.clinic.example.org", port: 5061 };

    #[test]
    fn an_explanation_names_code_rule_controls_and_the_fix_of_every_family() {
        let text = explain(Refusal::PlainMedia, &DOOR);
        assert!(text.starts_with("CD-MEDIA-01  Media without keys\n"));
        assert!(text.contains("Warning: 302 sip.clinic.example.org"));
        assert!(text.contains("ZC-47  Only secured codecs"));
        assert!(text.contains("sec.srtp.require=\"1\""));
        assert!(text.contains("mediaenc=srtp-mand"));
    }

    #[test]
    fn the_time_to_come_back_is_told_as_the_range_it_is_chosen_from() {
        let said = |refusal| explain(refusal, &DOOR).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said(Refusal::TooManyCalls).contains("Retry-After: 10 to 30"));
        assert!(said(Refusal::Overloaded).contains("Retry-After: 5 to 30"));
        assert!(said(Refusal::InviteOverlaps).contains("Retry-After: 1 to 10"));
        assert!(said(Refusal::AccountLocked).contains("Retry-After: 1 to 900"));
        assert!(said(Refusal::PlainUdp).contains("Retry-After: 3"));
    }

    #[test]
    fn advice_that_is_the_same_for_all_is_printed_once() {
        let text = explain(Refusal::NoPorts, &DOOR);
        assert_eq!(text.matches("widen `media.ports`").count(), 1);
    }

    #[test]
    fn no_line_of_an_explanation_is_wider_than_the_page_unless_it_is_one_word() {
        for refusal in Refusal::ALL {
            for line in explain(refusal, &DOOR).lines() {
                assert!(line.len() <= WIDTH || line.split_whitespace().count() == 1, "{line}");
            }
        }
    }

    #[test]
    fn the_overview_has_one_line_for_each_refusal() {
        assert_eq!(overview().lines().count(), Refusal::ALL.len());
    }
}
