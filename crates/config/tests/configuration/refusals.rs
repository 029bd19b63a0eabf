//! What a configuration may not say: one test for each refusal, with its place and its control.

use crate::support::{Folder, Leaf, file};
use cordon_config::{Finding, Severity};
use cordon_policy::Refusal;

mod hipaa {
    use super::*;

    #[test]
    fn a_private_ca_is_refused() {
        certificate_is_refused(Leaf::Private, Refusal::OwnCertificateNotPublic, "ZC-34");
    }

    #[test]
    fn a_self_signed_certificate_is_refused() {
        certificate_is_refused(Leaf::SelfSigned, Refusal::OwnCertificateSelfSigned, "ZC-34");
    }

    #[test]
    fn an_expired_certificate_is_refused() {
        certificate_is_refused(Leaf::Expired, Refusal::OwnCertificateExpired, "ZC-13");
    }

    #[test]
    fn a_wildcard_is_refused() {
        certificate_is_refused(Leaf::Wildcard, Refusal::OwnCertificateWildcard, "ZC-13");
    }

    #[test]
    fn a_certificate_of_another_name_is_refused() {
        certificate_is_refused(Leaf::OtherName, Refusal::OwnCertificateName, "ZC-13");
    }

    #[test]
    fn private_roots_toward_the_pbx_are_refused() {
        let text = with("trust_anchors = \"system\"", "trust_anchors = \"pki/ca.pem\"");
        refused(&text, Refusal::PrivateTrustAnchors, "ZC-34", "\"pki/ca.pem\"");
    }

    #[test]
    fn a_pbx_leg_without_tls_is_refused() {
        for transport in ["udp", "tcp"] {
            let text = with("5061;transport=tls", &format!("5060;transport={transport}"));
            refused(&text, Refusal::PbxLegNotTls, "ZC-45", "\"sip:10.0.0.2");
        }
    }

    #[test]
    fn a_pbx_leg_without_srtp_is_refused() {
        refused(&with("media = \"srtp\"", "media = \"rtp\""), Refusal::PbxMediaNotSrtp, "ZC-16", "\"rtp\"");
    }

    #[test]
    fn a_weak_suite_is_refused_on_either_leg() {
        let weak = "\"AES_CM_128_HMAC_SHA1_32\"";
        let pbx = with("srtp_suites = [\"AES_CM_128_HMAC_SHA1_80\"]", &format!("srtp_suites = [{weak}]"));
        refused(&pbx, Refusal::WeakSuite, "ZC-47", weak);
        let location = with("\"AES_256_CM_HMAC_SHA1_80\"]", &format!("{weak}]"));
        refused(&location, Refusal::WeakSuite, "ZC-47", weak);
    }

    #[test]
    fn optional_srtp_is_refused() {
        let text = with("opportunistic_srtp = \"refuse\"", "opportunistic_srtp = \"upgrade\"");
        refused(&text, Refusal::OpportunisticAllowed, "ZC-44", "\"upgrade\"");
    }

    #[test]
    fn networks_that_name_nobody_are_refused() {
        for networks in ["[]", "[\"0.0.0.0/0\"]", "[\"10.0.0.0/7\"]", "[\"::/0\"]", "[\"2001::/16\"]"] {
            let location = with("networks = [\"10.1.0.0/16\"]", &format!("networks = {networks}"));
            refused(&location, Refusal::NetworksEmpty, "ZC-77", networks.trim_matches(['[', ']']));
            let pbx = with("networks = [\"10.0.0.2/32\"]", &format!("networks = {networks}"));
            refused(&pbx, Refusal::NetworksEmpty, "ZC-77", networks.trim_matches(['[', ']']));
        }
        refused(&with("networks = [\"10.1.0.0/16\"]", ""), Refusal::NetworksEmpty, "ZC-77", "[[location]]");
    }

    #[test]
    fn a_broad_network_is_refused_also_beside_a_narrow_one() {
        let text = with("[\"10.1.0.0/16\"]", "[\"10.1.0.0/16\", \"0.0.0.0/1\"]");
        refused(&text, Refusal::NetworksEmpty, "ZC-77", "\"0.0.0.0/1\"");
    }

    #[test]
    fn a_site_without_emergency_numbers_is_refused() {
        refused(
            &with("numbers = [\"911\", \"933\"]", "numbers = []"),
            Refusal::EmergencyMissing,
            "HV-21",
            "[]",
        );
        refused(&with("numbers = [\"911\", \"933\"]", ""), Refusal::EmergencyMissing, "HV-21", "[emergency]");
        let text = file("config/cordon.toml").replace("[emergency]", "[emergncy]");
        let errors = Folder::new(Leaf::Good).errors(&text);
        assert!(errors.iter().any(|finding| finding.refusal() == Some(Refusal::EmergencyMissing)));
    }

    #[test]
    fn the_name_phones_connect_to_has_to_be_written() {
        let errors = Folder::new(Leaf::Good).errors(&with("host = \"sip.clinic.example.org\"", ""));
        assert_eq!(errors.first().unwrap().message(), "[site] needs `host`");
    }

    fn certificate_is_refused(leaf: Leaf, refusal: Refusal, control: &str) {
        let errors = Folder::new(leaf).errors(&file("config/cordon.toml"));
        let finding = errors.iter().find(|finding| finding.refusal() == Some(refusal));
        let finding = finding.unwrap_or_else(|| panic!("{refusal:?} is not among {errors:?}"));
        assert_eq!(finding.control(), Some(control));
        assert!(finding.position().is_some() && finding.help().is_some());
    }
}

mod lab {
    use super::*;

    #[test]
    fn what_hipaa_refuses_is_taken_with_a_warning() {
        let text = with("profile = \"hipaa\"", "profile = \"lab\"")
            .replace("5061;transport=tls", "5060;transport=udp")
            .replace("media = \"srtp\"", "media = \"rtp\"")
            .replace("networks = [\"10.1.0.0/16\"]", "")
            .replace("numbers = [\"911\", \"933\"]", "numbers = []")
            .replace("opportunistic_srtp = \"refuse\"", "opportunistic_srtp = \"upgrade\"");
        for leaf in [Leaf::Private, Leaf::SelfSigned, Leaf::Expired, Leaf::Wildcard, Leaf::OtherName] {
            let loaded = Folder::new(leaf).load(&text).unwrap_or_else(|findings| panic!("{findings:?}"));
            for control in ["ZC-45", "ZC-16", "ZC-77", "HV-21", "ZC-44"] {
                assert!(
                    loaded.warnings.iter().any(|finding| finding.control() == Some(control)),
                    "{control}"
                );
            }
            assert!(loaded.warnings.iter().all(|finding| finding.severity() == Severity::Warning));
            assert_eq!(loaded.settings.locations.first().unwrap().networks.len(), 2);
        }
    }

    #[test]
    fn the_host_may_be_left_out() {
        let text =
            with("profile = \"hipaa\"", "profile = \"lab\"").replace("host = \"sip.clinic.example.org\"", "");
        assert_eq!(Folder::new(Leaf::Good).load(&text).unwrap().settings.site.host, None);
    }
}

mod waivers {
    use super::*;

    #[test]
    fn a_waiver_weakens_its_own_control_and_is_told() {
        let text = waived("ZC-34", "2027-01-31");
        let loaded = Folder::new(Leaf::Private).load(&text).unwrap_or_else(|findings| panic!("{findings:?}"));
        assert_eq!(loaded.settings.waivers.len(), 1);
        let told: Vec<&str> = loaded.warnings.iter().map(Finding::message).collect();
        assert!(told.contains(&"ZC-34 is waived by clinic IT lead until 2027-01-31"), "{told:?}");
        assert!(loaded.warnings.iter().any(|one| one.refusal() == Some(Refusal::OwnCertificateNotPublic)));
    }

    #[test]
    fn a_waiver_weakens_no_other_control() {
        let folder = Folder::new(Leaf::Good);
        let text = waived("ZC-34", "2027-01-31").replace("5061;transport=tls", "5060;transport=udp");
        let errors = folder.errors(&text);
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert_eq!(errors.first().unwrap().refusal(), Some(Refusal::PbxLegNotTls));
    }

    #[test]
    fn a_waiver_holds_on_its_last_day_and_not_on_the_next() {
        let folder = Folder::new(Leaf::Private);
        assert!(folder.load_on(&waived("ZC-34", "2027-01-31"), 2027, 1, 31).is_ok());
        let findings = folder.load_on(&waived("ZC-34", "2027-01-31"), 2027, 2, 1).unwrap_err();
        let refusals: Vec<_> = findings.iter().filter_map(Finding::refusal).collect();
        assert!(refusals.contains(&Refusal::WaiverExpired), "{findings:?}");
        assert!(refusals.contains(&Refusal::OwnCertificateNotPublic), "the rule holds again: {findings:?}");
    }

    #[test]
    fn a_waiver_that_nothing_needs_is_pointed_out() {
        let loaded = Folder::new(Leaf::Good).load(&waived("ZC-34", "2027-01-31")).unwrap();
        assert!(loaded.warnings.iter().any(|finding| finding.message().contains("can be taken out")));
    }

    #[test]
    fn a_waiver_for_a_certificate_that_cannot_be_read_is_not_called_needless() {
        let text = waived("ZC-34", "2027-01-31").replace("pki/fullchain.pem", "pki/nowhere.pem");
        let findings = Folder::new(Leaf::Private).load(&text).unwrap_err();
        assert!(findings.iter().any(|finding| finding.message().contains("cannot be read")), "{findings:?}");
        assert!(
            !findings.iter().any(|finding| finding.message().contains("can be taken out")),
            "{findings:?}"
        );
    }

    #[test]
    fn a_waiver_says_which_control_why_who_and_until_when() {
        let folder = Folder::new(Leaf::Good);
        for (key, message) in [
            ("control", "[[waiver]] needs `control`"),
            ("reason", "[[waiver]] needs `reason`"),
            ("owner", "[[waiver]] needs `owner`"),
            ("expires", "[[waiver]] needs `expires`"),
        ] {
            let waiver = waived("ZC-34", "2027-01-31");
            let start = waiver.find("[[waiver]]\ncontrol").unwrap();
            let (rest, block) = waiver.split_at(start);
            let lines: Vec<&str> = block.lines().filter(|line| !line.starts_with(key)).collect();
            let errors = folder.errors(&format!("{rest}{}", lines.join("\n")));
            assert_eq!(errors.first().unwrap().message(), message);
        }
        let errors = folder.errors(&waived("ZC-999", "2027-01-31"));
        assert_eq!(errors.first().unwrap().message(), "`control`: there is no control of this id");
    }

    fn waived(control: &str, expires: &str) -> String {
        let waiver = format!(
            "[[waiver]]\ncontrol = \"{control}\"\nreason = \"until the public name is delegated\"\nowner = \"clinic IT lead\"\nexpires = {expires}\n"
        );
        format!("{}\n{waiver}", file("config/cordon.toml"))
    }
}

mod mistakes {
    use super::*;

    #[test]
    fn an_unknown_key_is_refused_with_its_neighbour() {
        found(&with("certificate =", "certifcate ="), "`certifcate` is not known in [tls]", "certifcate");
        let errors = Folder::new(Leaf::Good).errors(&with("certificate =", "certifcate ="));
        assert!(errors.iter().any(|finding| finding.help() == Some("did you mean `certificate`?")));
        found(&with("[metrics]", "[telemetry]"), "`telemetry` is not known", "telemetry");
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let text = with("maximum = \"600s\"", "maximum = 600")
            .replace("ports = \"20000-29999\"", "ports = \"20000\"");
        let text = text.replace("profile = \"hipaa\"", "profile = \"strict\"");
        let errors = Folder::new(Leaf::Good).errors(&text);
        let told: Vec<&str> = errors.iter().map(Finding::message).collect();
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told.contains(&"`profile`: one of \"hipaa\", \"lab\""), "{told:?}");
        assert!(told.contains(&"`maximum` is text in quotes, not an integer"), "{told:?}");
    }

    #[test]
    fn text_that_is_not_toml_is_refused_where_it_breaks() {
        let errors = Folder::new(Leaf::Good).errors("[site]\nname = \n");
        assert_eq!(errors.first().unwrap().position().unwrap().0, 2);
    }

    #[test]
    fn missing_sections_are_named() {
        let errors = Folder::new(Leaf::Good).errors("");
        let told: Vec<&str> = errors.iter().map(Finding::message).collect();
        for heading in ["[site]", "[tls]", "[[location]]", "[pbx]"] {
            assert!(told.contains(&format!("`{heading}` is missing").as_str()), "{told:?}");
        }
    }

    #[test]
    fn files_that_cannot_be_read_are_named() {
        let errors = Folder::new(Leaf::Good).errors(&with("pki/fullchain.pem", "pki/nowhere.pem"));
        assert!(errors.first().unwrap().message().contains("nowhere.pem cannot be read"), "{errors:?}");
        let errors = Folder::new(Leaf::Good).errors(&with("pki/privkey.pem", "pki/other-key.pem"));
        assert_eq!(errors.first().unwrap().message(), "the private key does not belong to the certificate");
    }

    #[test]
    fn a_key_in_place_of_its_path_is_refused_and_not_shown() {
        let folder = Folder::new(Leaf::Good);
        let key = std::fs::read_to_string(folder.path().join("pki/privkey.pem")).unwrap();
        let pasted = with("\"pki/privkey.pem\"", &format!("\"\"\"{key}\"\"\""));
        let escaped = with("pki/privkey.pem", &key.replace('\n', "\\n"));
        let commented = format!("{}# {}", file("config/cordon.toml"), key.replace('\n', "\n# "));
        for text in [&key, &pasted, &escaped, &commented] {
            let shown: String = folder.errors(text).iter().map(ToString::to_string).collect();
            assert!(shown.contains("a private key stands in this file"), "{}", shown.len());
            assert!(key.lines().all(|line| !shown.contains(line)), "the key is shown");
        }
    }

    #[test]
    fn values_that_make_no_sense_are_refused() {
        for (from, to, message) in [
            (
                "listen = [\"10.1.0.5:5061\"]",
                "listen = [\"10.1.0.5\"]",
                "`listen`: an address of this machine",
            ),
            ("listen = [\"10.1.0.5:5061\"]", "listen = []", "`listen` must not be empty"),
            (
                "media_address = \"10.1.0.5\"",
                "media_address = \"0.0.0.0\"",
                "`media_address`: one concrete address",
            ),
            ("\"PCMU\", \"PCMA\", \"G722\", \"opus\", ", "", "`codecs` holds no codec that carries a voice"),
            ("\"AEAD_AES_256_GCM\"", "\"AES_CM_128_HMAC_SHA1_80\"", "stands here twice"),
            ("\"AEAD_AES_256_GCM\"", "\"AEAD_AES256_GCM\"", "did you mean AEAD_AES_256_GCM?"),
            ("maximum = \"600s\"", "maximum = \"5s\"", "`maximum`: between 60s and 1d"),
            (";transport=tls", "", "the transport has to be written out"),
            (";transport=tls", ";transport=sctp", "`uri`: transport is one of"),
            ("sip:10.0.0.2:5061", "sip:user@10.0.0.2:5061", "`uri`: a SIP URI such as"),
            (
                "listen = \"10.0.0.5:5071\"",
                "listen = \"10.1.0.5:5061\"",
                "10.1.0.5:5061 is taken by `location.listen`",
            ),
            ("listen = \"127.0.0.1:9061\"", "listen = \"0.0.0.0:9061\"", "`listen`: a loopback address"),
            ("\"10.1.0.5:5060\"", "\"10.1.0.5:20500\"", "port 20500 lies inside `media.ports`"),
            ("io = \"per-port\"", "io = \"xdp\"", "`io`: one of \"auto\", \"per-port\", \"steered\""),
            ("calls = 4096", "calls = 0", "`calls`: between 1 and 4096"),
            ("connections = 16384", "connections = 16385", "`connections`: between 1 and 16384"),
            (
                "registrations = 20000",
                "registrations = \"many\"",
                "`registrations` is a whole number, not a string",
            ),
            ("nap = true", "nap = \"often\"", "`nap` is true or false, not a string"),
            ("pinned = false", "threads = 0", "`threads`: between 1 and 256"),
            ("numbers = [\"911\", \"933\"]", "numbers = [\"nine\"]", "`numbers`: an emergency number has"),
            (
                "domain = \"mx.example.org\"",
                "domain = \"sip:mx.example.org\"",
                "`domain`: a host name without scheme",
            ),
        ] {
            let errors = Folder::new(Leaf::Good).errors(&with(from, to));
            let told: Vec<&str> = errors.iter().map(Finding::message).collect();
            assert!(told.iter().any(|one| one.contains(message)), "{to}: {told:?}");
        }
    }

    #[test]
    fn two_locations_have_two_names() {
        let second = "[[location]]\nname = \"north\"\nlisten = \"10.2.0.5:5061\"\nnetworks = \"10.2.0.0/16\"\nmedia_address = \"10.2.0.5\"\n";
        let errors = Folder::new(Leaf::Good).errors(&format!("{}\n{second}", file("config/cordon.toml")));
        assert_eq!(errors.first().unwrap().message(), "another location has this name");
    }

    #[test]
    fn addresses_of_the_pbx_share_one_transport() {
        let text = with("profile = \"hipaa\"", "profile = \"lab\"").replace(
            "uri = \"sip:10.0.0.2:5061;transport=tls\"",
            "uri = [\"sip:10.0.0.2:5061;transport=tls\", \"sip:10.0.0.3:5060;transport=tcp\"]",
        );
        found(&text, "`uri`: all addresses of the PBX are reached by the same transport", "\"sip:10.0.0.3");
    }

    #[test]
    fn a_domain_the_certificate_does_not_carry_is_a_warning() {
        let loaded = Folder::new(Leaf::NoDomain).load(&file("config/cordon.toml")).unwrap();
        assert!(loaded.warnings.iter().any(|one| one.message().contains("does not carry mx.example.org")));
    }

    #[test]
    fn a_file_that_ends_anywhere_or_lacks_any_line_leads_to_findings_and_never_to_a_panic() {
        let folder = Folder::new(Leaf::Good);
        let text = file("config/cordon.toml");
        let ends = text.char_indices().map(|(at, _)| at).step_by(61);
        for end in ends {
            let _ = folder.load(text.split_at(end).0);
        }
        let lines: Vec<&str> = text.lines().collect();
        for left_out in 0..lines.len() {
            let rest =
                lines.iter().enumerate().filter(|(index, _)| *index != left_out).map(|(_, line)| *line);
            let rest: Vec<&str> = rest.collect();
            let findings =
                folder.load(&rest.join("\n")).map(|loaded| loaded.warnings).unwrap_or_else(|errors| errors);
            assert!(findings.iter().all(|finding| !finding.to_string().is_empty()));
        }
    }

    #[test]
    fn a_finding_shows_file_line_column_and_a_caret_under_the_value() {
        let folder = Folder::new(Leaf::Good);
        let errors = folder.errors(&with("media = \"srtp\" ", "media = \"rtp\" "));
        let shown = errors.first().unwrap().to_string();
        let lines: Vec<&str> = shown.lines().collect();
        let file = folder.path().join("cordon.toml");
        assert_eq!(lines[0], "error[CD-CONFIG-09, ZC-16]: media toward the PBX would go in clear");
        assert!(lines[1].trim_start().starts_with(&format!("--> {}:", file.display())), "{shown}");
        assert_eq!(lines[3].find("\"rtp\""), lines[4].find("^^^^^"), "{shown}");
        assert!(lines[5].trim_start().starts_with("= help: "), "{shown}");
    }
}

/// The reference with one thing changed; the thing has to be there.
fn with(from: &str, to: &str) -> String {
    let text = file("config/cordon.toml");
    assert!(text.contains(from), "the reference does not hold {from}");
    text.replace(from, to)
}

fn refused(text: &str, refusal: Refusal, control: &str, marked: &str) {
    let errors = Folder::new(Leaf::Good).errors(text);
    assert_eq!(errors.len(), 1, "{errors:?}");
    let finding = errors.first().unwrap();
    assert_eq!((finding.refusal(), finding.control()), (Some(refusal), Some(control)));
    assert!(finding.help().is_some());
    is_marked(finding, text, marked);
}

fn found(text: &str, message: &str, marked: &str) {
    let errors = Folder::new(Leaf::Good).errors(text);
    let finding = errors.iter().find(|finding| finding.message() == message);
    is_marked(finding.unwrap_or_else(|| panic!("{message} is not among {errors:?}")), text, marked);
}

/// The place of the finding begins with `marked`.
fn is_marked(finding: &Finding, text: &str, marked: &str) {
    let (line, column) = finding.position().unwrap();
    let line = text.lines().nth(line - 1).unwrap();
    let rest: String = line.chars().skip(column - 1).collect();
    assert!(
        rest.trim_start_matches('[').starts_with(marked.trim_start_matches('[')),
        "{rest} is marked, not {marked}"
    );
}
