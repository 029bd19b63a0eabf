//! The table in the end.

/// One line of it: a figure that is needed, Cordon's both ways, and the peer's.
pub(crate) struct Line {
    pub(crate) measure: String,
    pub(crate) needed: &'static str,
    pub(crate) per_port: Cell,
    pub(crate) steered: Cell,
    pub(crate) peer: String,
}

/// What one way of datagrams came to, and its ratio to what it is measured by.
#[derive(Default)]
pub(crate) struct Cell {
    pub(crate) figure: String,
    pub(crate) ratio: Option<f64>,
}

impl Cell {
    pub(crate) fn new(figure: String, ratio: f64) -> Self {
        Self { figure, ratio: Some(ratio) }
    }

    pub(crate) fn alone(figure: String) -> Self {
        Self { figure, ratio: None }
    }
}

/// The lines as Markdown.
pub(crate) fn table(lines: &[Line]) -> String {
    let mut text = HEAD.to_owned();
    for Line { measure, needed, per_port, steered, peer } in lines {
        let ratio = |cell: &Cell| cell.ratio.map_or(String::new(), |ratio| format!("{ratio:.2}"));
        let cells = [
            measure.as_str(),
            needed,
            &per_port.figure,
            &ratio(per_port),
            &steered.figure,
            &ratio(steered),
            peer,
        ];
        text.push_str(&format!("\n| {} |", cells.join(" | ")));
    }
    text
}

const HEAD: &str = "\
| measure | needed | per port | ratio | steered | ratio | rtpengine |
|---|---|---|---|---|---|---|";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_both_ways_with_their_ratios_and_the_peer() {
        let line = Line {
            measure: "CPU".to_owned(),
            needed: "0.5 x",
            per_port: Cell::new("31".to_owned(), 0.444),
            steered: Cell::alone("25".to_owned()),
            peer: "70".to_owned(),
        };
        let text = table(&[line]);
        assert_eq!(text.lines().last(), Some("| CPU | 0.5 x | 31 | 0.44 | 25 |  | 70 |"));
        let cells = |line: &str| line.matches('|').count();
        assert!(text.lines().all(|line| cells(line) == 8));
    }
}
