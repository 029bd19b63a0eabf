//! The controls that rules, findings and reports cite: what the HIPAA guides for Zultys MX (`ZC`),
//! Cisco (`CI`), PureCloud (`PC`) and for VoIP in healthcare in general (`HV`) ask for.

/// One control of the embedded list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Control {
    /// Such as `ZC-34`. Stable: waivers and reports name it.
    pub id: &'static str,
    /// What Cordon does about it.
    pub class: Class,
    /// The control in one line.
    pub title: &'static str,
}

/// How far a control is in our hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// What breaks it is refused.
    Enforced,
    /// A setting decides it, and the setting is checked.
    Configured,
    /// It is looked at from outside.
    Verified,
    /// A person has to state it.
    Attested,
}

/// The control with this id; letters of either case.
pub fn find(id: &str) -> Option<Control> {
    all().find(|control| control.id.eq_ignore_ascii_case(id))
}

/// Every control, in the order of the list.
pub fn all() -> impl Iterator<Item = Control> {
    LIST.lines().skip(1).filter_map(read_line)
}

fn read_line(line: &'static str) -> Option<Control> {
    let mut columns = line.split('\t');
    let (id, class, title) = (columns.next()?, columns.next()?, columns.next()?);
    let class = match class {
        "enforced" => Class::Enforced,
        "configured" => Class::Configured,
        "verified" => Class::Verified,
        "attested" => Class::Attested,
        _ => return None,
    };
    Some(Control { id, class, title })
}

const LIST: &str = include_str!("controls.tsv");

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_line_of_the_list_is_a_control_with_an_id_of_its_own() {
        let ids: BTreeSet<&str> = all().map(|control| control.id).collect();
        assert_eq!(ids.len(), 144);
        assert_eq!(LIST.lines().skip(1).count(), 144);
        assert!(all().all(|control| !control.title.is_empty()));
    }

    #[test]
    fn a_control_is_found_by_its_id_in_either_case() {
        assert_eq!(find("zc-34").unwrap().class, Class::Enforced);
        assert_eq!(find("ZC-999"), None);
    }
}
