//! A folder with a public store, certificates and a configuration, for the length of one test.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cordon_certs::Trust;
use cordon_config::{Finding, Loaded, Severity, Surroundings, load_in};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};

/// What the certificate of a folder is like.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leaf {
    /// Right in every way.
    Good,
    /// By an authority that is not in the public store.
    Private,
    /// By itself.
    SelfSigned,
    /// Ended in 2021.
    Expired,
    /// For `*.clinic.example.org` beside the right name.
    Wildcard,
    /// For `www.example.org` only.
    OtherName,
    /// Without the domain of the site.
    NoDomain,
}

pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(crate) fn new(leaf: Leaf) -> Folder {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("cordon-config-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(path.join("pki")).unwrap();
        let folder = Folder { path };
        folder.fill(leaf);
        folder
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn load(&self, text: &str) -> Result<Loaded, Vec<Finding>> {
        self.load_on(text, 2026, 11, 21)
    }

    pub(crate) fn load_on(&self, text: &str, year: i32, month: u8, day: u8) -> Result<Loaded, Vec<Finding>> {
        let file = self.path.join("cordon.toml");
        std::fs::write(&file, text).unwrap();
        let seconds = date_time_ymd(year, month, day).unix_timestamp();
        let now: SystemTime = UNIX_EPOCH + Duration::from_secs(seconds.try_into().unwrap());
        load_in(&Surroundings { now, public: Trust::File(self.path.join("public.pem")) }, &file)
    }

    /// The errors a text leads to.
    pub(crate) fn errors(&self, text: &str) -> Vec<Finding> {
        let findings = self.load(text).map(|loaded| loaded.warnings).unwrap_or_else(|findings| findings);
        findings.into_iter().filter(|finding| finding.severity() == Severity::Error).collect()
    }

    fn fill(&self, leaf: Leaf) {
        let (public, private) = (authority("public"), authority("private"));
        let mut names = vec![
            "sip.clinic.example.org",
            "sip.lab.test",
            "mx.example.org",
            "lab.test",
            "mx.clinic.example.org",
        ];
        match leaf {
            Leaf::Wildcard => names.push("*.clinic.example.org"),
            Leaf::OtherName => names = vec!["www.example.org"],
            Leaf::NoDomain => names.truncate(1),
            Leaf::Good | Leaf::Private | Leaf::SelfSigned | Leaf::Expired => {}
        }
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name.push(DnType::CommonName, "leaf");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        if leaf == Leaf::Expired {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = match leaf {
            Leaf::SelfSigned => params.self_signed(&key),
            Leaf::Private => params.signed_by(&key, &private.0),
            Leaf::Good | Leaf::Expired | Leaf::Wildcard | Leaf::OtherName | Leaf::NoDomain => {
                params.signed_by(&key, &public.0)
            }
        };
        let write = |name: &str, text: &str| std::fs::write(self.path.join(name), text).unwrap();
        write("public.pem", &public.1);
        write("pki/ca.pem", &private.1);
        write("pki/fullchain.pem", &certificate.unwrap().pem());
        write("pki/privkey.pem", &key.serialize_pem());
        write("pki/other-key.pem", &KeyPair::generate().unwrap().serialize_pem());
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that stays behind in the temporary directory harms nobody.
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

/// The text of a file below the root of the repository.
pub(crate) fn file(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn authority(name: &str) -> (Issuer<'static, KeyPair>, String) {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    (Issuer::new(params, key), pem)
}
