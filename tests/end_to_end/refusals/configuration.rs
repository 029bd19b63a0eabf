//! What `cordon check` refuses in profile hipaa: one file for each code, the code in what it prints.

use std::process::Command;

use anyhow::{Context, Result, ensure};
use cordon_tests::cordon::{Configuration, Cordon, HOST};
use cordon_tests::kamailio::Transport;
use cordon_tests::machine::{Machine, on_a_machine};
use cordon_tests::pki::{Authority, Flaw, Leaf};

#[test]
fn a_site_that_breaks_no_rule_is_taken() {
    on_a_machine(|machine| {
        let site = Hipaa::new(machine)?;
        ensure!(complaint(machine, &site.good()?)?.is_none());
        Ok(())
    });
}

#[test]
fn a_certificate_that_must_not_be_shown_is_refused_by_its_code() {
    on_a_machine(|machine| {
        let site = Hipaa::new(machine)?;
        let private = Authority::new(machine.folder(), "private-ca")?;
        for (code, leaf) in [
            ("CD-CONFIG-01", private.leaf("private", &[HOST])?),
            ("CD-CONFIG-02", site.public.flawed_leaf("alone", &[HOST], Flaw::SelfSigned)?),
            ("CD-CONFIG-03", site.public.flawed_leaf("late", &[HOST], Flaw::Expired)?),
            ("CD-CONFIG-04", site.public.leaf("any", &["*.clinic.test"])?),
            ("CD-CONFIG-05", site.public.leaf("elsewhere", &["elsewhere.clinic.test"])?),
            ("CD-CONFIG-06", weak_leaf(machine)?),
        ] {
            is_refused(machine, &site.showing(&leaf), code)?;
        }
        Ok(())
    });
}

#[test]
fn a_key_that_weakens_the_site_is_refused_by_its_code() {
    on_a_machine(|machine| {
        let site = Hipaa::new(machine)?;
        let waiver = "[[waiver]]\ncontrol = \"ZC-34\"\nreason = \"a name is delegated\"\nowner = \"IT\"\nexpires = 2020-01-31\n";
        let anchors = format!("trust_anchors = \"{}\"", site.public.anchor.display());
        let changes: [(&str, &str, &str); 7] = [
            ("CD-CONFIG-07", "trust_anchors = \"system\"", &anchors),
            ("CD-CONFIG-08", "5061;transport=tls", "5060;transport=tcp"),
            ("CD-CONFIG-09", "media = \"srtp\"", "media = \"rtp\""),
            (
                "CD-CONFIG-10",
                "networks = [\"10.1",
                "srtp_suites = \"AES_CM_128_HMAC_SHA1_32\"\nnetworks = [\"10.1",
            ),
            ("CD-CONFIG-11", "networks = [\"10.1", "opportunistic_srtp = \"upgrade\"\nnetworks = [\"10.1"),
            ("CD-CONFIG-12", "networks = [\"10.1.0.0/16\"]", "networks = []"),
            ("CD-CONFIG-13", "numbers = [\"911\", \"933\"]", "numbers = []"),
        ];
        for (code, from, to) in changes {
            let mut changed = site.good()?;
            let Configuration { site, rules, location, pbx, media: _ } = &mut changed;
            let sections = [site, rules, location, pbx];
            let section = sections.into_iter().find(|section| section.contains(from)).context(code)?;
            *section = section.replace(from, to);
            is_refused(machine, &changed, code)?;
        }
        let mut late = site.good()?;
        late.rules.push_str(waiver);
        is_refused(machine, &late, "CD-CONFIG-14")
    });
}

/// A site in profile hipaa, on a machine whose public store is the test's.
struct Hipaa {
    public: Authority,
}

impl Hipaa {
    fn new(machine: &Machine) -> Result<Self> {
        let public = Authority::new(machine.folder(), "public-ca")?;
        machine.replace_public_store(&public.anchor)?;
        Ok(Self { public })
    }

    fn good(&self) -> Result<Configuration> {
        Ok(self.showing(&self.public.leaf("good", &[HOST])?))
    }

    fn showing(&self, leaf: &Leaf) -> Configuration {
        let mut configuration = Configuration::lab(&self.public, leaf, Transport::Tls);
        let anchors = format!("trust_anchors = \"{}\"", self.public.anchor.display());
        configuration.site = configuration
            .site
            .replace("\"lab\"", "\"hipaa\"")
            .replace(&anchors, "trust_anchors = \"system\"");
        configuration
    }
}

/// The file is refused, and the finding carries the code.
fn is_refused(machine: &Machine, configuration: &Configuration, code: &str) -> Result<()> {
    let said = complaint(machine, configuration)?.with_context(|| format!("{code} is refused"))?;
    ensure!(said.contains(&format!("error[{code}, ")), "{code} is named: {said}");
    Ok(())
}

/// What `cordon check` says against a file, or nothing when it passes.
fn complaint(machine: &Machine, configuration: &Configuration) -> Result<Option<String>> {
    let path = configuration.write(machine.folder())?;
    let output = Cordon::verb(&["check", &path.display().to_string()])?;
    let said = [output.stdout, output.stderr].concat();
    Ok((!output.status.success()).then(|| String::from_utf8_lossy(&said).into_owned()))
}

/// Signed with SHA-1, which the test's own library does not do.
fn weak_leaf(machine: &Machine) -> Result<Leaf> {
    let leaf =
        Leaf { certificate: machine.folder().join("weak.pem"), key: machine.folder().join("weak.key") };
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-sha1",
            "-nodes",
            "-days",
            "30",
            "-subj",
            "/CN=cordon",
            "-addext",
        ])
        .arg(format!("subjectAltName=DNS:{HOST}"))
        .arg("-keyout")
        .arg(&leaf.key)
        .arg("-out")
        .arg(&leaf.certificate)
        .output()?;
    ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Ok(leaf)
}
