//! The lines of a message head as texts, for the error reply, which reads what broke the grammar.

use crate::grammar::trim;
use crate::rule::Fault;

/// `Name : value` of a header line; white space before the colon is legal (RFC 3261 §25.1, HCOLON).
pub(crate) fn name_and_value(line: &str) -> Result<(&str, &str), Fault> {
    let (name, value) = line.split_once(':').ok_or(Fault::bad("a header line has no colon"))?;
    if name.starts_with([' ', '\t']) {
        return Err(Fault::bad("a header line begins with white space"));
    }
    Ok((name.trim_end_matches([' ', '\t']), trim(value)))
}

/// Folds become one space each (RFC 3261 §7.3.1).
pub(crate) fn unfold(value: &str) -> String {
    let mut lines = value.split("\r\n");
    let mut plain = lines.next().unwrap_or_default().trim_end_matches([' ', '\t']).to_owned();
    for line in lines {
        plain.push(' ');
        plain.push_str(line.trim_matches([' ', '\t']));
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_become_one_space() {
        assert_eq!(unfold(" 1 \r\n  2\r\n\t3").trim(), "1 2 3");
    }

    #[test]
    fn the_colon_may_have_space_before_it() {
        assert_eq!(name_and_value("Content-Length \t:  5 "), Ok(("Content-Length", "5")));
        assert!(name_and_value("no colon").is_err());
    }
}
