//! Where a phone is: on its newest connection, or nowhere.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cordon_lab::LabPhone;
use cordon_sip::Method;
use cordon_tests::clinic::Clinic;
use cordon_tests::cordon::HOST;
use cordon_tests::handset;
use cordon_tests::kamailio::DOMAIN;
use cordon_tests::machine::on_a_machine;
use cordon_tests::metrics::Metrics;

#[test]
fn a_proof_taken_to_another_connection_is_challenged_afresh() {
    on_a_machine(|machine| {
        let clinic = Clinic::open(machine)?;
        handset::block_on(async {
            let (phone, thief) = (
                LabPhone::connect(clinic.phone("1001", PHONES)?).await?,
                LabPhone::connect(clinic.phone("1001", PHONES)?).await?,
            );
            let mut register = phone.request(Method::Register, &format!("sip:{DOMAIN}"))?;
            register.to = register.from.clone().without_tag();
            let challenged = phone.ask(register.clone()).await?;
            let (name, value) = handset::proof(&challenged, &register)?;
            register.headers.push(name, value);
            let stolen = thief.ask(register.clone()).await?;
            ensure!(stolen.status.code() == 401, "the PBX never saw the proof: {}", stolen.status.code());
            register.cseq += 1;
            let own = phone.ask(register).await?;
            ensure!(own.status.code() == 200, "on its own connection it counts: {}", own.status.code());
            Ok(())
        })
    });
}

#[test]
fn the_same_instance_on_a_new_connection_replaces_the_old_within_a_second() {
    on_a_machine(|machine| {
        let clinic = Clinic::open(machine)?;
        handset::block_on(async {
            let alice = handset::register(clinic.phone("1001", PHONES)?).await?;
            let old = LabPhone::connect(clinic.phone("1002", PHONES)?).await?;
            let new = LabPhone::connect(clinic.phone("1002", PHONES)?).await?;
            for phone in [&old, &new] {
                register_as_instance(phone).await?;
            }
            let (call, at_bob) =
                tokio::try_join!(alice.call("1002"), async { new.incoming(LIMIT).await?.answer().await })?;
            ensure!(old.incoming(Duration::ZERO).await.is_err(), "the old connection is not rung");
            call.hang_up().await?;
            at_bob.ended(LIMIT).await?;
            clinic.cordon.program.await_line("replaced=", LIMIT)?;

            // Without a binding of its own the old connection may ask, and may not call.
            let invite = old.request(Method::Invite, &format!("sip:1001@{DOMAIN}"))?;
            let refused = old.ask(invite).await?;
            ensure!(refused.status.code() == 403, "{}", refused.status.code());
            ensure!(old.options(&format!("sip:{HOST}")).await? == 200, "OPTIONS is answered");
            Ok(())
        })
    });
}

#[test]
fn an_account_under_guess_is_locked_for_strangers_and_everybody_else_goes_on() {
    on_a_machine(|machine| {
        let clinic = Clinic::open(machine)?;
        handset::block_on(async {
            let phone = LabPhone::connect(clinic.phone("1001", PHONES)?).await?;
            register_as_instance(&phone).await?;
            let guesser = LabPhone::connect(clinic.phone("1001", PHONES)?).await?;
            let mut register = guesser.request(Method::Register, &format!("sip:{DOMAIN}"))?;
            register.to = register.from.clone().without_tag();
            let mut told = guesser.ask(register.clone()).await?;
            for guess in 1..=10 {
                ensure!(told.status.code() == 401, "guess {guess}: {}", told.status.code());
                let (name, value) = handset::proof(&told, &register)?;
                register.cseq += 1;
                let mut wrong = register.clone();
                // The response was computed over another one.
                wrong.headers.push(name, value.replace("cnonce=\"", "cnonce=\"0"));
                told = guesser.ask(wrong).await?;
            }
            clinic.cordon.program.await_line("account locked", LIMIT)?;
            register.cseq += 1;
            let told = guesser.ask(register).await?;
            ensure!(told.status.code() == 500, "{}", told.status.code());
            let seconds = told.headers.retry_after().context("when to come back")?;
            ensure!((50..=60).contains(&seconds), "{seconds}");

            // The phone itself, another account at the same address, and a call between the two.
            register_as_instance(&phone).await?;
            let other = handset::register(clinic.phone("1002", PHONES)?).await?;
            let (call, answered) =
                tokio::try_join!(other.call("1001"), async { phone.incoming(LIMIT).await?.answer().await })?;
            call.hang_up().await?;
            answered.ended(LIMIT).await?;
            Ok(())
        })?;
        let metrics = Metrics::read()?;
        ensure!(metrics.sum("cordon_refusals_total", &["code=\"CD-REG-08\""]) == 1.0, "{}", metrics.text());
        Ok(())
    });
}

#[test]
fn a_phone_whose_connection_is_gone_is_answered_480_at_once() {
    on_a_machine(|machine| {
        let clinic = Clinic::open(machine)?;
        handset::block_on(async {
            let alice = handset::register(clinic.phone("1001", PHONES)?).await?;
            let bob = handset::register(clinic.phone("1002", PHONES)?).await?;
            bob.disconnect();
            clinic.cordon.program.await_line("phone unregistered", LIMIT)?;
            let asked = Instant::now();
            let refused = alice.call("1002").await.err().context("nobody is there")?;
            ensure!(refused.status() == Some(480), "{refused}");
            // Sooner than a PBX that says nothing is given up.
            ensure!(asked.elapsed() < Duration::from_secs(3), "at once: {:?}", asked.elapsed());
            Ok(())
        })
    });
}

/// Registers by hand, with an instance that stays the same on every connection.
async fn register_as_instance(phone: &LabPhone) -> Result<()> {
    let mut register = phone.request(Method::Register, &format!("sip:{DOMAIN}"))?;
    register.to = register.from.clone().without_tag();
    let contact = register.contacts.first().context("a phone has a contact")?.clone();
    let mut named = contact;
    named.params.set("+sip.instance", Some("\"<urn:uuid:00000000-0000-1000-8000-000000001002>\"".into()));
    named.params.set("reg-id", Some("1".into()));
    register.contacts = cordon_sip::Contacts::one(named);
    let answer = handset::ask_with_proof(phone, register).await?;
    ensure!(answer.status.code() == 200, "{}", answer.status.code());
    Ok(())
}

/// Where all phones of these tests are.
const PHONES: &str = "10.1.0.11";
const LIMIT: Duration = Duration::from_secs(10);
