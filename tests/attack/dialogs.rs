//! Calls of others: their dialogs, their names, and calls that nobody means to end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use cordon_lab::LabPhone;
use cordon_sip::{Method, Request};
use cordon_tests::handset;
use cordon_tests::machine::one_of_crowd;
use cordon_tests::metrics::Metrics;
use tokio::sync::Semaphore;

use crate::agent::{Agent, Manner, is_shed};
use crate::attack::Attack;
use crate::puppet::{Puppet, acknowledgement, in_dialog, value};
use crate::site::{ATTACKER, Site};

#[test]
fn d01_another_phone_can_neither_end_nor_change_nor_cancel_a_call() {
    Attack::new("D01", "BYE, re-INVITE, OPTIONS, INFO, ACK with both legs' true tags, CANCEL with the true branch; other flows")
        .logs(&["CD-CALL-05"])
        .run(|site| {
            handset::block_on(async {
                let caller = handset::register(site.phone("2065550201", "10.1.131.41")?).await?;
                let callee = handset::register(site.phone("2065550202", "10.1.131.42")?).await?;
                let (call, peer) = tokio::try_join!(caller.call("2065550202"), async {
                    callee.incoming(LIMIT).await?.answer().await
                })?;
                let villain = handset::register(site.phone("2065550203", ATTACKER)?).await?;
                let stranger = LabPhone::connect(site.phone("2065550204", ATTACKER)?).await?;
                let mut refused = Vec::new();
                for leg in [&call, &peer] {
                    for method in [Method::Bye, Method::Invite, Method::Options, Method::Info] {
                        for who in [&villain, &stranger] {
                            let request = leg.draft(method.clone()).await?;
                            refused.push(who.ask(request).await?.status.code());
                        }
                    }
                    // Nobody answers an ACK; that the call goes on is the answer.
                    let ack: Request = leg.draft(Method::Ack).await?;
                    villain.send_raw(&ack.write())?;
                }
                ensure!(refused.iter().all(|status| matches!(status, 403 | 405 | 481)), "{refused:?}");
                peer.forget_tone();
                peer.hear(TONE, LIMIT).await.context("the call goes on")?;

                // A call that rings.
                let mut impatient = Puppet::register(site, "2065550205", "10.1.131.43")?;
                let invite = impatient.invitation("2065550202", "ringing", "");
                let challenged = impatient.ask(&invite)?;
                let invite = impatient.prove(&invite, &challenged, &cordon_tests::kamailio::password("2065550205"))?;
                impatient.wire.send(invite.as_bytes())?;
                let ringing = callee.incoming(LIMIT).await?;
                for from in [ATTACKER, "10.1.131.43"] {
                    let mut thief = Puppet::register(site, "2065550206", from)?;
                    let answer = thief.ask(&cancel(&invite))?;
                    ensure!(answer.status == 481, "a CANCEL from {from}: {}", answer.text);
                }
                ensure!(call.is_up() && peer.is_up(), "the call goes on");
                let cancelled = tokio::spawn(ringing.cancelled(LIMIT));
                ensure!(impatient.ask(&cancel(&invite))?.status == 200, "its own CANCEL counts");
                ensure!(impatient.answer_to(&invite)?.status == 487, "and ends the ringing");
                cancelled.await??;

                peer.forget_tone();
                peer.hear(TONE, LIMIT).await.context("the call goes on")?;
                call.hang_up().await?;
                peer.ended(LIMIT).await?;
                Ok(format!("{} of {} requests refused ({refused:?}), 2 of 2 CANCEL 481; the calls went on", refused.len(), refused.len()))
            })
        });
}

#[test]
fn d03_two_phones_that_name_their_calls_alike_have_two_calls() {
    Attack::new("D03", "two phones call with the same Call-ID, From tag, branch and CSeq at the same moment")
        .logs_nothing()
        .run(|site| {
            handset::block_on(async {
                let callees = [
                    handset::register(site.phone("2065550211", "10.1.131.51")?).await?,
                    handset::register(site.phone("2065550212", "10.1.131.52")?).await?,
                ];
                let mut callers = [
                    Puppet::register(site, "2065550213", "10.1.131.53")?,
                    Puppet::register(site, "2065550214", "10.1.131.54")?,
                ];
                let mut invites = Vec::new();
                for (caller, callee) in callers.iter_mut().zip(["2065550211", "2065550212"]) {
                    let invite = caller.invitation(callee, "twin", "");
                    caller.wire.send(invite.as_bytes())?;
                    invites.push(invite);
                }
                for (caller, invite) in callers.iter_mut().zip(&mut invites) {
                    let challenged = caller.answer_to(invite)?;
                    caller.wire.send(acknowledgement(invite, &challenged).as_bytes())?;
                    *invite = caller.prove(
                        invite,
                        &challenged,
                        &cordon_tests::kamailio::password(&caller.number),
                    )?;
                }
                for (caller, invite) in callers.iter_mut().zip(&invites) {
                    caller.wire.send(invite.as_bytes())?;
                }
                let [first, second] = &callees;
                let (first, second) = tokio::try_join!(first.incoming(LIMIT), second.incoming(LIMIT))?;
                let taken = [tokio::spawn(first.answer()), tokio::spawn(second.answer())];
                let mut answers = Vec::new();
                for (caller, invite) in callers.iter_mut().zip(&invites) {
                    let answer = caller.answer_to(invite)?;
                    ensure!(answer.status == 200, "{}", answer.text);
                    caller.wire.send(acknowledgement(invite, &answer).as_bytes())?;
                    answers.push(answer);
                }
                let [first, second] = taken;
                let (first, second) = (first.await??, second.await??);
                // One ends, and the other does not notice.
                let [one, two] = &mut callers;
                ensure!(
                    one.ask(&in_dialog("BYE", &invites[0], &answers[0]))?.status == 200,
                    "the first ends its call"
                );
                first.ended(LIMIT).await?;
                ensure!(second.is_up(), "the second call is another one");
                ensure!(
                    two.ask(&in_dialog("BYE", &invites[1], &answers[1]))?.status == 200,
                    "the second ends its own"
                );
                second.ended(LIMIT).await?;
                Ok("two calls, each ended by its own phone".to_owned())
            })
        });
}

#[test]
fn d04_calls_that_are_never_acknowledged_or_abandoned_give_everything_back() {
    Attack::new(
        "D04",
        "INVITEs of one account in a burst, never acknowledged; connections closed before the answer",
    )
    .logs(&["CD-OVERLOAD-10"])
    .overloads()
    .leaves_proofs(10_600)
    .run(|site| handset::block_on(never_acknowledged(site)));
}

async fn never_acknowledged(site: &Site) -> Result<String> {
    let tls = site.authority.client_config()?;
    let before = site.cordon.media_ports()?;
    let calls = active()?;
    let callee = Agent::register(&tls, "2065550221", one_of_crowd(1), Manner::Answers).await?;
    let ringing = Agent::register(&tls, "2065550222", one_of_crowd(2), Manner::Rings).await?;
    let (rounds, accounts) = site.length((1, 1), (10, 15));
    let (mut begun, mut refused, mut slowest) = (0, 0, Duration::ZERO);
    for _ in 0..rounds {
        let mut asking = tokio::task::JoinSet::new();
        for account in 0..accounts {
            // More than one account may have at once, and nobody acknowledges.
            let number = format!("20655503{account:02}");
            // On two connections: one alone has a bound of its own.
            let mut phones = Vec::new();
            for connection in 0..2 {
                let from = one_of_crowd(10 + 2 * account + connection);
                phones.push(Arc::new(Agent::register(&tls, &number, from, Manner::Rings).await?));
            }
            let turns = Arc::new(Semaphore::new(AT_ONCE));
            for careless in phones.iter().cycle().take(BURST) {
                let (careless, turns) = (Arc::clone(careless), Arc::clone(&turns));
                asking.spawn(async move {
                    // A burst all at once is another attack: it is shed before anybody counts an account's calls.
                    let _turn = turns.acquire().await?;
                    loop {
                        let invite = careless.invitation("2065550221")?;
                        let challenged = careless.ask(&invite).await?;
                        let answer = match challenged.status.code() {
                            407 => careless.ask(&careless.proven(invite, &challenged)?).await?,
                            _ => challenged,
                        };
                        if !is_shed(&answer) {
                            return anyhow::Ok(answer.status.code());
                        }
                    }
                });
            }
        }
        while let Some(status) = asking.join_next().await {
            match status?? {
                200 => begun += 1,
                503 => refused += 1,
                other => anyhow::bail!("an INVITE is answered {other}"),
            }
        }
        // These are gone before anybody answers.
        let hasty = Agent::register(&tls, "2065550223", one_of_crowd(100), Manner::Rings).await?;
        let met = ringing.heard().invites;
        for _ in 0..ABANDONED {
            let mut invite = hasty.invitation("2065550222")?;
            let challenged = loop {
                match hasty.ask(&invite).await? {
                    shed if is_shed(&shed) => invite = hasty.invitation("2065550222")?,
                    challenged => break challenged,
                }
            };
            hasty.say(&hasty.proven(invite, &challenged)?)?;
        }
        ringing.await_heard("the phone rings", RELEASED, |heard| heard.invites == met + ABANDONED).await?;
        drop(hasty);
        let since = Instant::now();
        Metrics::await_until("every call is over", RELEASED, |metrics| active_in(metrics) == calls)?;
        site.cordon.await_media_ports(before, RELEASED)?;
        slowest = slowest.max(since.elapsed());
    }
    ensure!(refused >= rounds * accounts * (BURST - ACCOUNT), "the account has a bound: {refused} refused");
    callee.await_heard("every call is hung up", RELEASED, |heard| heard.byes == begun).await?;
    let cancelled = rounds * ABANDONED;
    ringing.await_heard("every call is cancelled", RELEASED, |heard| heard.cancels == cancelled).await?;
    Ok(format!(
        "{begun} answered and never acknowledged, {refused} beyond the account's {ACCOUNT} refused, {} abandoned; every port and \
         leg back {:.0} s later, each callee told",
        rounds * ABANDONED,
        slowest.as_secs_f64()
    ))
}

fn active() -> Result<f64> {
    Ok(active_in(&Metrics::read()?))
}

fn active_in(metrics: &Metrics) -> f64 {
    metrics.sum("cordon_calls_active", &[])
}

fn cancel(invite: &str) -> String {
    let uri = invite.split(' ').nth(1).unwrap_or_default();
    let number = value(invite, "CSeq").split(' ').next().unwrap_or("1");
    let copied: String =
        ["Via", "From", "To", "Call-ID"].map(|name| format!("{name}: {}\r\n", value(invite, name))).concat();
    format!(
        "CANCEL {uri} SIP/2.0\r\n{copied}Max-Forwards: 70\r\nCSeq: {number} CANCEL\r\nContent-Length: 0\r\n\r\n"
    )
}

/// What a phone of `handset` plays.
const TONE: f64 = 440.0;
/// Calls that one account may have at once.
const ACCOUNT: usize = 64;
const BURST: usize = 70;
const AT_ONCE: usize = 4;
const ABANDONED: usize = 10;
const LIMIT: Duration = Duration::from_secs(20);
/// What was promised: 64 s.
const RELEASED: Duration = Duration::from_secs(64);
