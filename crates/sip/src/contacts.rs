use crate::NameAddr;

/// The Contact headers of a message together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contacts {
    /// `Contact: *`, only in a REGISTER that removes every binding.
    Star,
    /// The addresses in order; empty when there is no Contact.
    List(Vec<NameAddr>),
}

impl Contacts {
    /// One contact.
    pub fn one(contact: NameAddr) -> Contacts {
        Contacts::List(vec![contact])
    }

    /// The first address.
    pub fn first(&self) -> Option<&NameAddr> {
        self.as_slice().first()
    }

    /// All addresses; none for `*`.
    pub fn as_slice(&self) -> &[NameAddr] {
        match self {
            Contacts::Star => &[],
            Contacts::List(list) => list,
        }
    }

    /// Whether no Contact was there at all.
    pub fn is_empty(&self) -> bool {
        match self {
            Contacts::Star => false,
            Contacts::List(list) => list.is_empty(),
        }
    }
}

impl Default for Contacts {
    fn default() -> Contacts {
        Contacts::List(Vec::new())
    }
}
