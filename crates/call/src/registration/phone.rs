//! Who a phone is: the same across reconnects and restarts, and unguessable from outside.

use aws_lc_rs::{digest, hmac};
use cordon_phi::{Phi, Pseudonym};
use cordon_sip::{Host, InstanceId, NameAddr, Text, Uri};

use crate::rules::{Advertise, RegistrationRules};

/// An address of record: whose registration it is. Never printed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Aor(String);

impl Aor {
    /// The address of record of a To or From; `None` for a URI without user and domain. Escapes are undone and
    /// parameters left out, so that one account has one spelling.
    pub(crate) fn of(uri: &Uri) -> Option<Self> {
        let user = uri.dialled().filter(|_| uri.is_sip())?;
        let domain = match uri.host()? {
            Host::Name(name) => name.as_str().to_owned(),
            Host::V4(address) => address.to_string(),
            Host::V6(address) => address.to_string(),
        };
        Some(Self::in_domain(user.as_str(), &domain))
    }

    fn in_domain(user: &str, domain: &str) -> Self {
        Self(format!("{user}@{}", domain.trim_end_matches('.').to_ascii_lowercase()))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// An account by its hash: of one size, whatever a peer writes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Account([u8; 16]);

impl Account {
    /// The account of an address of record.
    pub(crate) fn of(aor: &Aor) -> Self {
        let hash = digest::digest(&digest::SHA256, aor.as_bytes());
        let mut account = Self([0; 16]);
        account.0.iter_mut().zip(hash.as_ref()).for_each(|(to, from)| *to = *from);
        account
    }

    /// The account the other side sees behind a From of this site: what counts is the user, since the host becomes the
    /// domain. `None` for what is no user of the domain (a `tel:` address, user parameters).
    pub(crate) fn of_user(uri: &Uri, domain: &Text) -> Option<Self> {
        let has_parameters = uri.user().is_some_and(|user| user.as_str().contains(';'));
        let name = uri.dialled().filter(|_| uri.is_sip() && !has_parameters)?;
        Some(Self::of(&Aor::in_domain(name.as_str(), domain.as_str())))
    }

    /// The account a digest username speaks of: in the site's domain unless it names one.
    pub(crate) fn of_username(username: &Text, domain: &Text) -> Self {
        let (user, domain) =
            username.as_str().split_once('@').unwrap_or((username.as_str(), domain.as_str()));
        Self::of(&Aor::in_domain(user, domain))
    }

    /// A phone that the PBX knows: its own tries are counted apart from those of everybody else who names its account.
    pub(crate) fn of_phone(id: BindingId) -> Self {
        Self(id.0.to_be_bytes())
    }

    /// The name this account goes by in events.
    pub(crate) fn pseudonym(self) -> Pseudonym {
        Phi::new(self).pseudonym()
    }
}

/// Names a phone: AOR + instance + reg-id, else AOR + Contact as written. Stays the same for as long as the site keeps
/// its secret. An instance or a reg-id that is malformed is none, and a reg-id without an instance says nothing (RFC 5626
/// section 6).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct BindingId(u128);

impl BindingId {
    /// Identifies the phone behind a Contact of a REGISTER.
    pub(crate) fn of(secret: &[u8; 32], aor: &Aor, contact: &NameAddr) -> Self {
        let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret));
        feed(&mut context, aor.as_bytes());
        match contact.instance() {
            Some(Ok(instance)) => {
                feed(&mut context, b"instance");
                feed_instance(&mut context, &instance);
                match contact.reg_id() {
                    Some(Ok(id)) => feed(&mut context, &id.get().to_be_bytes()),
                    Some(Err(_)) | None => feed(&mut context, b""),
                }
            }
            Some(Err(_)) | None => {
                feed(&mut context, b"contact");
                feed(&mut context, contact.uri.to_text().as_bytes());
            }
        }
        let tag = context.sign();
        Self(tag.as_ref().iter().take(ID_BYTES).fold(0, |id, byte| (id << 8) | u128::from(*byte)))
    }

    /// Reads a contact the PBX was given; `None` when it is none of ours.
    pub(crate) fn of_contact(uri: &Uri) -> Option<Self> {
        let user = uri.user()?.as_bytes();
        if user.len() != USER_LEN {
            return None;
        }
        let id = user.iter().try_fold(0u128, |id, letter| Some((id << 5) | u128::from(value(*letter)?)));
        id.map(Self).filter(|id| id.user().as_bytes() == user)
    }

    /// The contact the PBX gets for this phone.
    pub(crate) fn contact(self, rules: &RegistrationRules) -> Uri {
        let Advertise { host, port, transport } = &rules.advertise;
        Uri::sip(Some(self.user().as_str()), host.clone(), Some(*port))
            .with_param("transport", Some(transport.uri_parameter()))
    }

    /// The name this phone goes by in events.
    pub(crate) fn pseudonym(self) -> Pseudonym {
        Phi::new(self).pseudonym()
    }

    /// 26 letters of base 32. The first has only three bits, so that the same id is always written the same way.
    fn user(self) -> Text {
        let letters = (0..USER_LEN).rev().map(|at| letter((self.0 >> (5 * at)) & 31));
        Text::from(letters.collect::<String>())
    }
}

/// Length first: no two lists of parts are the same bytes.
fn feed(context: &mut hmac::Context, part: &[u8]) {
    context.update(&(part.len() as u64).to_be_bytes());
    context.update(part);
}

/// As [`feed`], with the name of a device in its one spelling.
fn feed_instance(context: &mut hmac::Context, instance: &InstanceId) {
    context.update(&(instance.urn().len() as u64).to_be_bytes());
    let mut spelling = instance.canonical();
    loop {
        let mut block = [0; 64];
        let filled = block.iter_mut().zip(&mut spelling).map(|(to, byte)| *to = byte).count();
        context.update(block.get(..filled).unwrap_or_default());
        if filled < block.len() {
            return;
        }
    }
}

fn letter(value: u128) -> char {
    let value = u8::try_from(value).unwrap_or(0);
    char::from(if value < 26 { b'a' + value } else { b'2' + (value - 26) })
}

fn value(letter: u8) -> Option<u8> {
    match letter {
        b'a'..=b'z' => Some(letter - b'a'),
        b'2'..=b'7' => Some(letter - b'2' + 26),
        _ => None,
    }
}

/// 128 bits: nobody guesses a contact, and two phones never share one.
const ID_BYTES: usize = 16;

/// 128 bits in letters of five.
const USER_LEN: usize = 26;

#[cfg(test)]
mod tests {
    use super::*;

    fn id(to: &str, contact: &str) -> BindingId {
        let aor = Aor::of(&NameAddr::parse(to).unwrap().uri).unwrap();
        BindingId::of(&[7; 32], &aor, &NameAddr::parse(contact).unwrap())
    }

    #[test]
    fn with_an_instance_the_contact_address_does_not_matter() {
        let first = id("<sip:100@x.org>", "<sip:100@10.0.0.1:5061>;+sip.instance=\"<urn:uuid:1>\";reg-id=1");
        let moved = id("<sip:100@X.ORG>", "<sip:100@10.0.0.9:9999>;+sip.instance=\"<urn:uuid:1>\";reg-id=1");
        assert!(first == moved);
        assert!(
            first != id("<sip:100@x.org>", "<sip:100@10.0.0.1:5061>;+sip.instance=\"<urn:uuid:1>\";reg-id=2")
        );
        assert!(
            first != id("<sip:101@x.org>", "<sip:100@10.0.0.1:5061>;+sip.instance=\"<urn:uuid:1>\";reg-id=1")
        );
    }

    #[test]
    fn one_device_has_one_name_however_it_is_spelled() {
        let id = |params: &str| id("<sip:100@x.org>", &format!("<sip:100@10.0.0.1>{params}"));
        let first = id(";+sip.instance=\"<urn:uuid:0a>\";reg-id=1");
        assert!(first == id(";+SIP.INSTANCE=\"<URN:UUID:0A>\";reg-id=01"));
        assert!(first != id(";+sip.instance=\"<urn:uuid:0b>\";reg-id=1"));
        let long = |last: char| id(&format!(";+sip.instance=\"<urn:x-long:{}{last}>\"", "a".repeat(200)));
        assert!(long('b') == long('b') && long('b') != long('c') && long('b') != long('B'));
        let exact = |length: usize| id(&format!(";+sip.instance=\"<urn:x:{}>\"", "a".repeat(length)));
        assert!(exact(58) == exact(58) && exact(58) != exact(57), "a whole block");
    }

    #[test]
    fn a_malformed_instance_is_none_and_neither_is_a_reg_id_beside_it() {
        let id = |params: &str| id("<sip:100@x.org>", &format!("<sip:100@10.0.0.1>{params}"));
        for params in [
            ";+sip.instance=\"urn:uuid:1\"",
            ";+sip.instance=\"<uuid:1>\";reg-id=1",
            ";+sip.instance;reg-id=2",
            ";reg-id=1",
        ] {
            assert!(id(params) == id(""), "{params}");
        }
        let device = ";+sip.instance=\"<urn:uuid:1>\"";
        for reg_id in ["0", "x", "2147483648"] {
            assert!(id(&format!("{device};reg-id={reg_id}")) == id(device), "{reg_id}");
        }
        assert!(id(&format!("{device};reg-id=1")) != id(device));
    }

    #[test]
    fn without_an_instance_the_contact_as_written_is_the_phone() {
        let first = id("<sip:100@x.org>", "<sip:100@10.0.0.1:5061>");
        assert!(first == id("<sip:%3100@x.org>", "<sip:100@10.0.0.1:5061>;expires=60"));
        assert!(first != id("<sip:100@x.org>", "<sip:100@10.0.0.1:5062>"));
    }

    #[test]
    fn the_opaque_user_reads_back_and_nothing_else_does() {
        let id = id("<sip:100@x.org>", "<sip:100@10.0.0.1>");
        let user = id.user();
        assert_eq!(user.len(), 26);
        let uri = |user: &str| Uri::parse(format!("sip:{user}@sbc.example.org:5071;transport=tls")).unwrap();
        assert!(BindingId::of_contact(&uri(user.as_str())) == Some(id));
        assert!(BindingId::of_contact(&uri(&user.as_str().to_uppercase())).is_none());
        assert!(BindingId::of_contact(&uri("100")).is_none());
        assert!(BindingId::of_contact(&uri(&"7".repeat(26))).is_none(), "more than 128 bits");
    }
}
