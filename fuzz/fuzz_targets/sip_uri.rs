//! URIs: written as read, the same after being taken apart and put together, and their headers cannot break out.
#![no_main]

use cordon_sip::{Host, Replaces, Uri};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(uri) = Uri::parse(text) else { return };
    assert_eq!(uri.to_text().as_str(), text, "written as read");
    assert!(uri.equivalent(&uri), "a URI is the same as itself");
    assert_eq!(uri, uri.detached());
    let bare = uri.clone().without_params_and_headers();
    let bare = Uri::parse(bare.to_text()).expect("without its end a URI is still one");
    assert_eq!(bare.host(), uri.host(), "the end of a URI tells nothing of its host");
    assert_eq!(bare.dialled(), uri.dialled());
    if let (true, Some(host)) = (uri.is_sip(), uri.host()) {
        let rebuilt = uri.clone().with_host(host.clone(), uri.port());
        let rebuilt = Uri::parse(rebuilt.to_text()).expect("what Cordon writes it can read");
        assert!(uri.equivalent(&rebuilt) && rebuilt.equivalent(&uri), "put together as it was");
        rename(&uri);
    }
    look_at_headers(&uri);
});

/// A user of any text is escaped, and the host stays what it was.
fn rename(uri: &Uri) {
    let Some(dialled) = uri.dialled().filter(|dialled| !dialled.is_empty()) else { return };
    let named = uri.clone().with_user(Some(dialled.as_str()));
    let named = Uri::parse(named.to_text()).expect("an escaped user is a user");
    assert_eq!(named.host(), uri.host());
    assert_eq!(named.dialled(), Some(dialled));
}

fn look_at_headers(uri: &Uri) {
    let Ok(fields) = uri.header_fields() else { return };
    let host = Host::parse("h").expect("h is a host");
    let mut made = Uri::sip(None, host, None);
    for (name, value) in &fields {
        assert!(!value.as_str().contains(['\r', '\n', '\0']), "a header of a URI stays on its line");
        made = made.with_header_field(name, value);
    }
    let again = Uri::parse(made.to_text()).expect("escaped headers are headers");
    assert!(again.header_fields().expect("escaped headers are read") == fields);
    let _ = Replaces::of_uri(uri);
}
