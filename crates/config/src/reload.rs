//! What a running Cordon cannot change: addresses and ports are bound once.

use crate::settings::{Location, Settings};

impl Settings {
    /// The keys by name that differ from `next` and cannot change without a restart. A reload with any of them is refused
    /// as a whole. Empty where the reload can be taken.
    pub fn bound_keys_changed(&self, next: &Settings) -> Vec<String> {
        let mut changed = Vec::new();
        let mut note = |is_same: bool, key: String| {
            if !is_same {
                changed.push(key);
            }
        };
        note(self.site.profile == next.site.profile, "site.profile".to_owned());
        note(self.site.state == next.site.state, "site.state".to_owned());
        note(self.media == next.media, "media.ports".to_owned());
        note(self.metrics == next.metrics, "metrics.listen".to_owned());
        note(self.pbx.listen == next.pbx.listen, "pbx.listen".to_owned());
        note(self.pbx.transport == next.pbx.transport, "pbx.uri (its transport)".to_owned());
        note(self.pbx.media_addresses == next.pbx.media_addresses, "pbx.media_address".to_owned());
        note(names(&self.locations) == names(&next.locations), "location (their names and order)".to_owned());
        for (one, two) in self.locations.iter().zip(&next.locations) {
            let name = &one.name;
            note(one.listen == two.listen, format!("listen of location {name}"));
            note(one.refuse == two.refuse, format!("refuse of location {name}"));
            note(one.media_addresses == two.media_addresses, format!("media_address of location {name}"));
        }
        changed
    }
}

fn names(locations: &[Location]) -> Vec<&str> {
    locations.iter().map(|location| location.name.as_str()).collect()
}
