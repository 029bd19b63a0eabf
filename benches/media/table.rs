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
    pub(crate) ratio: Option<Ratio>,
}

/// One figure divided by another, where each may be more than was seen.
pub(crate) struct Ratio {
    ratio: f64,
    /// Whether the dividend, and the divisor, may be more.
    are_least: [bool; 2],
}

impl Ratio {
    pub(crate) fn of([one, other]: [f64; 2], are_least: [bool; 2]) -> Self {
        Self { ratio: one / other, are_least }
    }

    fn told(&self) -> String {
        let Self { ratio, are_least } = self;
        match are_least {
            [false, false] => format!("{ratio:.2}"),
            [true, false] => format!("at least {ratio:.2}"),
            [false, true] => format!("at most {ratio:.2}"),
            // Nothing is known of it.
            [true, true] => "-".to_owned(),
        }
    }
}

impl Cell {
    pub(crate) fn new(figure: String, ratio: Ratio) -> Self {
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
        let ratio = |cell: &Cell| cell.ratio.as_ref().map_or(String::new(), Ratio::told);
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
            per_port: Cell::new("31".to_owned(), Ratio::of([31.0, 70.0], [false; 2])),
            steered: Cell::alone("25".to_owned()),
            peer: "70".to_owned(),
        };
        let text = table(&[line]);
        assert_eq!(text.lines().last(), Some("| CPU | 0.5 x | 31 | 0.44 | 25 |  | 70 |"));
        let cells = |line: &str| line.matches('|').count();
        assert!(text.lines().all(|line| cells(line) == 8));
    }

    #[test]
    fn a_ratio_says_what_is_known_where_more_may_be_borne_than_was_seen() {
        let told = |are_least| Ratio::of([3.0, 2.0], are_least).told();
        assert_eq!(told([true, false]), "at least 1.50");
        assert_eq!(told([false, true]), "at most 1.50");
        assert_eq!(told([true, true]), "-");
    }
}
