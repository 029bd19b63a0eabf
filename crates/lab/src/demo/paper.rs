use std::io::{self, Write};

/// What the story is written on. It keeps count of what held and what did not.
pub(crate) struct Paper<'a> {
    out: &'a mut dyn Write,
    held: u32,
    broken: u32,
}

impl<'a> Paper<'a> {
    pub(crate) fn new(out: &'a mut dyn Write) -> Self {
        Paper { out, held: 0, broken: 0 }
    }

    pub(crate) fn title(&mut self, text: &str) -> io::Result<()> {
        self.write(&format!("{BOLD}{text}{PLAIN}"))
    }

    pub(crate) fn heading(&mut self, text: &str) -> io::Result<()> {
        self.write(&format!("\n{BOLD}{text}{PLAIN}"))
    }

    pub(crate) fn danger(&mut self, text: &str) -> io::Result<()> {
        self.write(&format!("{RED}{text}{PLAIN}"))
    }

    pub(crate) fn line(&mut self, text: &str) -> io::Result<()> {
        self.write(text)
    }

    /// A step that was to hold: whether it did, and what was seen.
    pub(crate) fn step(&mut self, held: bool, text: &str) -> io::Result<()> {
        let mark = if held {
            self.held += 1;
            format!("{GREEN}[ok]{PLAIN}    ")
        } else {
            self.broken += 1;
            format!("{RED}[FAILED]{PLAIN}")
        };
        self.write(&format!("{mark} {text}"))
    }

    /// Text broken at spaces and indented, for rules and fixes.
    pub(crate) fn paragraph(&mut self, head: &str, text: &str) -> io::Result<()> {
        let mut line = format!("           {head:<7}");
        let indent = line.len();
        for word in text.split_whitespace() {
            if line.len() > indent && line.len() + 1 + word.len() > WIDTH {
                self.write(&line)?;
                line = " ".repeat(indent);
            }
            line.push(' ');
            line.push_str(word);
        }
        self.write(&line)
    }

    /// The last word; returns whether every step held.
    pub(crate) fn summary(&mut self) -> io::Result<bool> {
        let Paper { held, broken, .. } = *self;
        if broken == 0 {
            self.write(&format!("\n{GREEN}Every step held: {held} of {held}.{PLAIN}"))?;
        } else {
            self.write(&format!("\n{RED}{broken} of {} steps did not hold.{PLAIN}", held + broken))?;
        }
        Ok(broken == 0)
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{text}")?;
        self.out.flush()
    }
}

const BOLD: &str = "\x1b[1m";
const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[31m";
const PLAIN: &str = "\x1b[0m";
const WIDTH: usize = 110;
