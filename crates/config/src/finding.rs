//! Findings: what is wrong with a configuration, or worth knowing.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use cordon_policy::{Family, Refusal};

use crate::source::{Place, Source};

/// One thing that is wrong with a configuration, or worth knowing. `Display` shows it with its line and a caret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    severity: Severity,
    file: PathBuf,
    place: Option<Place>,
    message: String,
    help: Option<String>,
    control: Option<&'static str>,
    refusal: Option<Refusal>,
}

/// What a finding means for the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Cordon does not take this configuration.
    Error,
    /// It does, and says so at every start.
    Warning,
}

impl Finding {
    /// A finding about a file as a whole.
    pub(crate) fn about(file: PathBuf, message: String) -> Finding {
        let severity = Severity::Error;
        Finding { severity, file, place: None, message, help: None, control: None, refusal: None }
    }

    /// Whether Cordon starts nevertheless.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// What was found, in one sentence.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// The control that the configuration would break.
    pub fn control(&self) -> Option<&'static str> {
        self.control
    }

    /// The rule, for `cordon explain`.
    pub fn refusal(&self) -> Option<Refusal> {
        self.refusal
    }

    /// Line and column, counted from 1; `None` for a finding about the whole file.
    pub fn position(&self) -> Option<(usize, usize)> {
        self.place.as_ref().map(|place| (place.line, place.column))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        })?;
        match (self.refusal, self.control) {
            (Some(refusal), Some(control)) => write!(f, "[{}, {control}]", refusal.code())?,
            (Some(refusal), None) => write!(f, "[{}]", refusal.code())?,
            (None, Some(control)) => write!(f, "[{control}]")?,
            (None, None) => {}
        }
        writeln!(f, ": {}", self.message)?;
        match &self.place {
            None => write!(f, "  --> {}", self.file.display())?,
            Some(Place { line, column, width, text }) => {
                let margin = line.to_string().len();
                writeln!(f, "{:margin$}--> {}:{line}:{column}", "", self.file.display())?;
                writeln!(f, "{:margin$} |", "")?;
                writeln!(f, "{line} | {text}")?;
                // A tab before the place stays a tab, so that the caret stands under it.
                let lead: String =
                    text.chars().take(column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
                write!(f, "{:margin$} | {lead}{}", "", "^".repeat(*width))?;
            }
        }
        match &self.help {
            Some(help) => write!(f, "\n  = help: {help}"),
            None => Ok(()),
        }
    }
}

/// Everything found so far in one file.
pub(crate) struct Findings<'a> {
    source: &'a Source,
    list: Vec<Finding>,
}

impl<'a> Findings<'a> {
    pub(crate) fn new(source: &'a Source) -> Self {
        Findings { source, list: Vec::new() }
    }

    /// Something that cannot be taken as it is written.
    pub(crate) fn error(&mut self, span: Range<usize>, message: impl Into<String>, help: Option<String>) {
        self.push(Severity::Error, Some(span), message.into(), help, None, None);
    }

    /// Something to know.
    pub(crate) fn warning(&mut self, span: Range<usize>, message: impl Into<String>, help: Option<String>) {
        self.push(Severity::Warning, Some(span), message.into(), help, None, None);
    }

    /// Something that no profile takes, and that has a code.
    pub(crate) fn refusal(&mut self, refusal: Refusal, span: Range<usize>, message: impl Into<String>) {
        let control = refusal.controls().first().copied();
        let help = Some(refusal.fix(Family::Generic).to_owned());
        self.push(Severity::Error, Some(span), message.into(), help, control, Some(refusal));
    }

    /// Something that breaks a rule of profile hipaa.
    pub(crate) fn rule(
        &mut self,
        severity: Severity,
        refusal: Refusal,
        control: &'static str,
        span: Range<usize>,
        message: &str,
    ) {
        let help = (severity == Severity::Error).then(|| refusal.fix(Family::Generic).to_owned());
        self.push(severity, Some(span), message.to_owned(), help, Some(control), Some(refusal));
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.list.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// Errors first, each kind in the order of the file.
    pub(crate) fn finish(mut self) -> Vec<Finding> {
        self.list.sort_by_key(|finding| (finding.severity, finding.position()));
        self.list
    }

    fn push(
        &mut self,
        severity: Severity,
        span: Option<Range<usize>>,
        message: String,
        help: Option<String>,
        control: Option<&'static str>,
        refusal: Option<Refusal>,
    ) {
        let place = span.map(|span| self.source.place(&span));
        let file = self.source.path().to_owned();
        let finding = Finding { severity, file, place, message, help, control, refusal };
        if !self.list.contains(&finding) {
            self.list.push(finding);
        }
    }
}
