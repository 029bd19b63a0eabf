//! A message taken apart into lines, so that it can be put together wrongly.

use crate::random::Random;

/// Start line, headers and body, each line with the end it will be written with.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    before: Vec<u8>,
    lines: Vec<(Vec<u8>, Vec<u8>)>,
    body: Vec<u8>,
    behind: Vec<u8>,
    cut: usize,
    /// The header that [`Draft::header`] gave last.
    chosen: usize,
}

impl Draft {
    /// Takes a well-formed message apart; a folded header is one line.
    pub(crate) fn of(text: &str) -> Draft {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let mut lines: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        for line in head.split("\r\n") {
            match lines.last_mut() {
                Some((last, _)) if line.starts_with([' ', '\t']) => {
                    last.extend_from_slice(format!("\r\n{line}").as_bytes());
                }
                _ => lines.push((line.as_bytes().to_vec(), b"\r\n".to_vec())),
            }
        }
        let body = body.as_bytes().to_vec();
        Draft { before: Vec::new(), lines, body, behind: Vec::new(), cut: 0, chosen: 1 }
    }

    pub(crate) fn write(&self) -> Vec<u8> {
        let Draft { before, lines, body, behind, cut, chosen: _ } = self;
        let mut bytes = before.clone();
        for (line, end) in lines {
            bytes.extend_from_slice(line);
            bytes.extend_from_slice(end);
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(body);
        bytes.extend_from_slice(behind);
        bytes.truncate(bytes.len().saturating_sub(*cut));
        bytes
    }

    /// A header's name, and the rest of it with the colon.
    pub(crate) fn header(&mut self, random: &mut Random) -> (String, String) {
        self.chosen = 1 + random.below(self.lines.len().saturating_sub(1));
        let text = self.lines.get(self.chosen).map(|(line, _)| String::from_utf8_lossy(line).into_owned());
        let text = text.unwrap_or_default();
        let colon = text.find(':').unwrap_or(text.len());
        (text[..colon].to_owned(), text[colon..].to_owned())
    }

    /// Puts a line in place of the header given last.
    pub(crate) fn replace_header(&mut self, line: String) {
        if let Some((old, _)) = self.lines.get_mut(self.chosen) {
            *old = line.into_bytes();
        }
    }

    pub(crate) fn insert_header(&mut self, random: &mut Random, line: String) {
        let at = 1 + random.below(self.lines.len());
        self.lines.insert(at.min(self.lines.len()), (line.into_bytes(), b"\r\n".to_vec()));
    }

    pub(crate) fn remove_header(&mut self, random: &mut Random) {
        if self.lines.len() > 1 {
            self.lines.remove(1 + random.below(self.lines.len() - 1));
        }
    }

    /// Two neighbours change places, unless they are of one name.
    pub(crate) fn swap_headers(&mut self, random: &mut Random) {
        let at = 1 + random.below(self.lines.len().saturating_sub(2));
        let name = |line: &[u8]| line.split(|byte| *byte == b':').next().map(<[u8]>::to_ascii_lowercase);
        if let (Some((one, _)), Some((two, _))) = (self.lines.get(at), self.lines.get(at + 1))
            && name(one) != name(two)
        {
            self.lines.swap(at, at + 1);
        }
    }

    pub(crate) fn put_before(&mut self, bytes: &str) {
        self.before.extend_from_slice(bytes.as_bytes());
    }

    pub(crate) fn put_behind(&mut self, bytes: &str) {
        self.behind.extend_from_slice(bytes.as_bytes());
    }

    pub(crate) fn cut_end(&mut self, random: &mut Random) {
        self.cut = 1 + random.below(40);
    }

    /// Changes the value of the first header that has one of these names, given in small letters.
    pub(crate) fn change_value(&mut self, names: &[&str], change: impl Fn(&str) -> String) {
        for (line, _) in self.lines.iter_mut().skip(1) {
            let text = String::from_utf8_lossy(line).into_owned();
            if let Some((name, value)) = text.split_once(':')
                && names.contains(&name.trim().to_ascii_lowercase().as_str())
            {
                *line = format!("{name}: {}", change(value.trim())).into_bytes();
                return;
            }
        }
    }

    /// Puts another number where a header has its first one.
    pub(crate) fn change_number(&mut self, random: &mut Random, number: &str) {
        let (name, rest) = self.header(random);
        let Some(start) = rest.find(|c: char| c.is_ascii_digit()) else { return };
        let end =
            rest[start..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |length| start + length);
        self.replace_header(format!("{name}{}{number}{}", &rest[..start], &rest[end..]));
    }

    /// Puts something in place of one byte, of the start line or of a header.
    pub(crate) fn splice_byte(&mut self, random: &mut Random, by: impl Fn(u8) -> Vec<u8>) {
        let line = random.below(self.lines.len());
        if let Some((line, _)) = self.lines.get_mut(line)
            && !line.is_empty()
        {
            let at = random.below(line.len());
            let bytes = by(line[at]);
            line.splice(at..=at, bytes);
        }
    }

    pub(crate) fn change_line_end(&mut self, random: &mut Random, end: &[u8]) {
        let line = random.below(self.lines.len());
        if let Some((_, old)) = self.lines.get_mut(line) {
            *old = end.to_vec();
        }
    }

    /// Puts text somewhere behind the colon of a header.
    pub(crate) fn insert_into_value(&mut self, random: &mut Random, text: &str) {
        self.header(random);
        if let Some((line, _)) = self.lines.get_mut(self.chosen) {
            let colon = line.iter().position(|byte| *byte == b':').unwrap_or(0);
            let at = colon + 1 + random.below(line.len().saturating_sub(colon));
            line.splice(at.min(line.len())..at.min(line.len()), text.bytes());
        }
    }

    pub(crate) fn append_to_header(&mut self, random: &mut Random, text: &str) {
        self.header(random);
        if let Some((line, _)) = self.lines.get_mut(self.chosen) {
            line.extend_from_slice(text.as_bytes());
        }
    }

    pub(crate) fn change_start_line(&mut self, from: &str, to: &str) {
        if let Some((line, _)) = self.lines.first_mut() {
            *line = String::from_utf8_lossy(line).replacen(from, to, 1).into_bytes();
        }
    }

    pub(crate) fn double_a_piece(&mut self, random: &mut Random) {
        let line = random.below(self.lines.len());
        if let Some((line, _)) = self.lines.get_mut(line)
            && !line.is_empty()
        {
            let start = random.below(line.len());
            let end = start + random.below(line.len() - start);
            let piece = line[start..end].to_vec();
            line.splice(end..end, piece);
        }
    }
}
