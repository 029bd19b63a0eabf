use std::io;

use crate::Step;
use crate::demo::paper::Paper;

/// Draws both calls in one diagram: the caller's on the left of the PBX, the callee's on the right.
pub(crate) fn draw(steps: &[Step], paper: &mut Paper<'_>) -> io::Result<()> {
    for row in rows(steps) {
        paper.line(&row)?;
    }
    Ok(())
}

fn rows(steps: &[Step]) -> Vec<String> {
    let head = ACTORS.iter().map(|actor| format!("{actor:<width$}", width = LANE + 1)).collect::<String>();
    let mut rows = vec![format!("  {}", head.trim_end())];
    rows.extend(steps.iter().filter_map(row));
    rows
}

fn row(step: &Step) -> Option<String> {
    let (lane, is_rightward) = place(step)?;
    let mut line = String::from("  ");
    for column in 0..ACTORS.len() - 1 {
        line.push('|');
        line.push_str(&if column == lane { arrow(&step.what, is_rightward) } else { " ".repeat(LANE) });
    }
    line.push('|');
    if !step.media.is_empty() {
        line.push_str("  ");
        line.push_str(&step.media);
    }
    Some(line)
}

/// Between which two actors a message travels, and whether to the right.
fn place(step: &Step) -> Option<(usize, bool)> {
    match &*step.witness {
        "alice" => Some((0, step.sent)),
        "bob" => Some((3, !step.sent)),
        "PBX" if step.on_callers_side => Some((1, !step.sent)),
        "PBX" => Some((2, step.sent)),
        _ => None,
    }
}

/// `--INVITE---------->` or `<--200 (INVITE)----`
fn arrow(what: &str, is_rightward: bool) -> String {
    let what: String = what.chars().take(LANE - 4).collect();
    let dashes = "-".repeat(LANE - 3 - what.len());
    if is_rightward { format!("--{what}{dashes}>") } else { format!("<--{what}{dashes}") }
}

const ACTORS: [&str; 5] = ["alice", "Cordon", "PBX", "Cordon", "bob"];
const LANE: usize = 18;

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Instant;

    use super::*;

    #[test]
    fn messages_stand_between_who_sent_and_who_received_them() {
        let step = |witness: &str, sent, on_callers_side, what: &str, media: &str| Step {
            at: Instant::now(),
            witness: Arc::from(witness),
            sent,
            on_callers_side,
            what: what.to_owned(),
            media: media.to_owned(),
        };
        let steps = [
            step("alice", true, true, "INVITE", "audio RTP/SAVP"),
            step("PBX", false, true, "INVITE", ""),
            step("PBX", true, false, "INVITE", ""),
            step("bob", true, true, "200 (INVITE)", ""),
            step("carol", true, true, "INVITE", ""),
        ];
        let expected = [
            "  alice              Cordon             PBX                Cordon             bob",
            "  |--INVITE--------->|                  |                  |                  |  audio RTP/SAVP",
            "  |                  |--INVITE--------->|                  |                  |",
            "  |                  |                  |--INVITE--------->|                  |",
            "  |                  |                  |                  |<--200 (INVITE)---|",
        ];
        assert_eq!(rows(&steps), expected);
    }
}
