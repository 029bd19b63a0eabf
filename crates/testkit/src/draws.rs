//! Choices read from bytes: what a fuzzer mutates and what a test keeps of a run that went wrong.

/// Bytes as a source of choices. Past their end every choice is the first.
pub struct Draws<'a> {
    left: &'a [u8],
}

impl<'a> Draws<'a> {
    /// Reads choices from these bytes.
    pub fn new(bytes: &'a [u8]) -> Draws<'a> {
        Draws { left: bytes }
    }

    /// Whether nothing is left to choose by.
    pub fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        match self.left {
            [first, rest @ ..] => {
                self.left = rest;
                *first
            }
            [] => 0,
        }
    }

    /// A number below `end`, which is 1 to 256.
    pub fn below(&mut self, end: usize) -> usize {
        usize::from(self.byte()) % end
    }

    /// A number of two bytes.
    pub fn wide(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// One of these.
    pub fn one_of<T: Clone>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())].clone()
    }

    /// Yes or no.
    pub fn flag(&mut self) -> bool {
        self.byte() & 1 == 1
    }
}
