//! A table of the file, read key by key: what is asked for is known, what is left over is refused.

use std::ops::{Range, RangeInclusive};

use jiff::civil::Date;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::finding::Findings;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Located<T> {
    pub(crate) value: T,
    pub(crate) span: Range<usize>,
}

/// One table that is being read.
pub(crate) struct Section<'a> {
    /// As the reader of the file knows it: `[site]`, `[[location]]`, or nothing for the file itself.
    heading: &'static str,
    table: &'a DeTable<'a>,
    span: Range<usize>,
    known: Vec<&'static str>,
}

impl<'a> Section<'a> {
    pub(crate) fn root(table: &'a Spanned<DeTable<'a>>) -> Self {
        Section { heading: "", table: table.get_ref(), span: table.span(), known: Vec::new() }
    }

    /// The heading of the section in the file, for findings about what is not there.
    pub(crate) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// A table inside this one; missing is for the caller to judge.
    pub(crate) fn section(
        &mut self,
        findings: &mut Findings<'_>,
        key: &'static str,
        heading: &'static str,
    ) -> Option<Section<'a>> {
        let value = self.value(key)?;
        match value.get_ref() {
            DeValue::Table(table) => Some(Section { heading, table, span: value.span(), known: Vec::new() }),
            other => {
                wrong_type(findings, value.span(), key, "a table", other);
                None
            }
        }
    }

    /// The tables of an array of tables; none where the key is missing.
    pub(crate) fn sections(
        &mut self,
        findings: &mut Findings<'_>,
        key: &'static str,
        heading: &'static str,
    ) -> Vec<Section<'a>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            let help = Some(format!("write {heading} instead of [{key}]"));
            findings.error(
                value.span(),
                format!("{heading} can stand several times and has double brackets"),
                help,
            );
            return Vec::new();
        };
        let mut sections = Vec::new();
        for item in items.iter() {
            match item.get_ref() {
                DeValue::Table(table) => {
                    sections.push(Section { heading, table, span: item.span(), known: Vec::new() });
                }
                other => wrong_type(findings, item.span(), key, "a table", other),
            }
        }
        sections
    }

    /// A text that `read` makes something of.
    pub(crate) fn optional<T>(
        &mut self,
        findings: &mut Findings<'_>,
        key: &'static str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Located<T>> {
        let value = self.value(key)?;
        read_text(findings, key, value, &read)
    }

    /// A text that has to be there; `what` completes the help `key = what`.
    pub(crate) fn required<T>(
        &mut self,
        findings: &mut Findings<'_>,
        key: &'static str,
        what: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Located<T>> {
        if !self.has(key) {
            self.missing(findings, key, what);
        }
        self.optional(findings, key, read)
    }

    /// A whole number within `range`.
    pub(crate) fn optional_count(
        &mut self,
        findings: &mut Findings<'_>,
        key: &'static str,
        range: RangeInclusive<usize>,
    ) -> Option<Located<usize>> {
        let value = self.value(key)?;
        let DeValue::Integer(written) = value.get_ref() else {
            wrong_type(findings, value.span(), key, "a whole number", value.get_ref());
            return None;
        };
        let count = usize::from_str_radix(written.as_str(), written.radix()).ok();
        let count = count.filter(|count| range.contains(count));
        if count.is_none() {
            let (least, most) = (range.start(), range.end());
            findings.error(value.span(), format!("`{key}`: between {least} and {most}"), None);
        }
        count.map(|count| Located { value: count, span: value.span() })
    }

    /// `true` or `false`.
    pub(crate) fn optional_flag(&mut self, findings: &mut Findings<'_>, key: &'static str) -> Option<bool> {
        let value = self.value(key)?;
        let DeValue::Boolean(flag) = value.get_ref() else {
            wrong_type(findings, value.span(), key, "true or false", value.get_ref());
            return None;
        };
        Some(*flag)
    }

    /// A text or a list of texts.
    pub(crate) fn list<T>(
        &mut self,
        findings: &mut Findings<'_>,
        key: &'static str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Located<Vec<Located<T>>>> {
        let value = self.value(key)?;
        let items: Vec<&Spanned<DeValue<'a>>> = match value.get_ref() {
            DeValue::Array(items) => items.iter().collect(),
            _ => vec![value],
        };
        if items.len() > MAX_LIST {
            findings.error(value.span(), format!("`{key}` has more than {MAX_LIST} entries"), None);
            return None;
        }
        let count = items.len();
        let list: Vec<Located<T>> =
            items.into_iter().filter_map(|item| read_text(findings, key, item, &read)).collect();
        (list.len() == count).then(|| Located { value: list, span: value.span() })
    }

    /// A text or a list of texts with at least one entry.
    pub(crate) fn required_list<T>(
        &mut self,
        findings: &mut Findings<'_>,
        key: &'static str,
        what: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Located<Vec<Located<T>>>> {
        if !self.has(key) {
            self.missing(findings, key, what);
        }
        let list = self.list(findings, key, read)?;
        if list.value.is_empty() {
            findings.error(list.span, format!("`{key}` must not be empty"), Some(format!("{key} = {what}")));
            return None;
        }
        Some(list)
    }

    /// A date, with or without quotes.
    pub(crate) fn required_date(
        &mut self,
        findings: &mut Findings<'_>,
        key: &'static str,
    ) -> Option<Located<Date>> {
        let Some(value) = self.value(key) else {
            self.missing(findings, key, "2027-01-31");
            return None;
        };
        let date = match value.get_ref() {
            DeValue::Datetime(written) if written.time.is_none() => written.date.and_then(|date| {
                let (year, month, day) =
                    (i16::try_from(date.year), i8::try_from(date.month), i8::try_from(date.day));
                Date::new(year.ok()?, month.ok()?, day.ok()?).ok()
            }),
            DeValue::String(text) => text.parse().ok(),
            _ => None,
        };
        if date.is_none() {
            findings.error(value.span(), format!("`{key}` is a date"), Some(format!("{key} = 2027-01-31")));
        }
        date.map(|date| Located { value: date, span: value.span() })
    }

    /// Refuses every key that nobody asked for.
    pub(crate) fn finish(self, findings: &mut Findings<'_>) {
        for (key, _) in self.table.iter().filter(|(key, _)| !self.known.contains(&key.get_ref().as_ref())) {
            let name = key.get_ref();
            let message = match self.heading {
                "" => format!("`{name}` is not known"),
                heading => format!("`{name}` is not known in {heading}"),
            };
            let help = match nearest(name, &self.known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", self.known.join(", ")),
            };
            findings.error(key.span(), message, Some(help));
        }
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Notes that a key has to be there.
    pub(crate) fn missing(&mut self, findings: &mut Findings<'_>, key: &'static str, what: &str) {
        let message = format!("{} needs `{key}`", self.heading);
        findings.error(self.span(), message, Some(format!("{key} = {what}")));
    }

    /// Notes that a whole section has to be there, and with which keys.
    pub(crate) fn missing_section(&mut self, findings: &mut Findings<'_>, heading: &str, keys: &str) {
        let help = format!("add {heading} with {keys}; the annotated config/cordon.toml shows it");
        findings.error(self.span(), format!("`{heading}` is missing"), Some(help));
    }

    fn value(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'a>>> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.table.get(key)
    }
}

fn read_text<T>(
    findings: &mut Findings<'_>,
    key: &str,
    value: &Spanned<DeValue<'_>>,
    read: &impl Fn(&str) -> Result<T, String>,
) -> Option<Located<T>> {
    let DeValue::String(text) = value.get_ref() else {
        wrong_type(findings, value.span(), key, "text in quotes", value.get_ref());
        return None;
    };
    match read(text) {
        Ok(read) => Some(Located { value: read, span: value.span() }),
        Err(problem) => {
            findings.error(value.span(), format!("`{key}`: {problem}"), None);
            None
        }
    }
}

fn wrong_type(findings: &mut Findings<'_>, span: Range<usize>, key: &str, wanted: &str, found: &DeValue<'_>) {
    findings.error(span, format!("`{key}` is {wanted}, not {} {}", article(found), found.type_str()), None);
}

fn article(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::Integer(_) | DeValue::Array(_) => "an",
        DeValue::String(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Table(_) => "a",
    }
}

/// The word of `known` that `word` was probably meant to be.
pub(crate) fn nearest<'w>(word: &str, known: &[&'w str]) -> Option<&'w str> {
    let lower = word.to_ascii_lowercase().replace('-', "_");
    let likeness = |other: &str| strsim::jaro_winkler(&lower, &other.to_ascii_lowercase());
    let best = known.iter().copied().max_by(|one, two| likeness(one).total_cmp(&likeness(two)))?;
    (likeness(best) >= LIKE).then_some(best)
}

/// Below this two words have only letters in common.
const LIKE: f64 = 0.82;

/// More entries than any list of a site has; a generated file that holds more is a mistake.
const MAX_LIST: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_word_finds_its_neighbour_and_a_strange_one_does_not() {
        let known = ["certificate", "private_key", "trust_anchors"];
        assert_eq!(nearest("certifcate", &known), Some("certificate"));
        assert_eq!(nearest("private-key", &known), Some("private_key"));
        assert_eq!(nearest("verbosity", &known), None);
    }
}
