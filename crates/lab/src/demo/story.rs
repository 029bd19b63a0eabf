use std::time::Duration;

use cordon_gateway::CallReceipt;
use tokio::time::{interval, timeout};

use crate::demo::DemoError;
use crate::demo::ladder;
use crate::demo::paper::Paper;
use crate::demo::stage::Stage;
use crate::{CallEnd, Dial, LabCall, LabError, LabPhone, SessionChange};

/// Two phones register and one calls the other through Cordon and the PBX. Returns the phones that are registered.
pub(crate) async fn tell(
    stage: &Stage,
    paper: &mut Paper<'_>,
) -> Result<(Option<LabPhone>, Option<LabPhone>), DemoError> {
    paper.heading("1. Two phones register at the PBX through Cordon")?;
    let alice = register(stage, "alice", ALICE_TONE, paper).await?;
    let bob = register(stage, "bob", BOB_TONE, paper).await?;
    if let (Some(alice), Some(bob)) = (&alice, &bob) {
        paper.heading("2. alice calls bob: phone - Cordon - PBX - Cordon - phone")?;
        stage.site.trace.clear();
        let before = stage.site.gateway.records().receipts().len();
        match call(alice, bob, paper).await? {
            Ok(()) => paper.step(true, "the call is over on both sides")?,
            Err(error) => paper.step(false, &format!("the call broke: {error}"))?,
        }
        paper.heading("3. What went over the wires (keys redacted)")?;
        ladder::draw(&stage.site.trace.steps(), paper)?;
        paper
            .heading("4. The encryption receipts: the call passed Cordon twice, before and behind the PBX")?;
        write_receipt(stage, before, paper).await?;
    }
    Ok((alice, bob))
}

async fn register(
    stage: &Stage,
    user: &str,
    tone: f64,
    paper: &mut Paper<'_>,
) -> Result<Option<LabPhone>, DemoError> {
    let registering = async {
        let phone = stage.site.phone(user, tone).await?;
        let registered = phone.register(3600).await?;
        Ok::<_, LabError>((phone, registered))
    };
    match registering.await {
        Ok((phone, registered)) => {
            let (requests, expires) = (registered.requests, registered.expires);
            let text = format!(
                "{user} is registered: {requests} requests, digest proven, {expires} s granted of 3600 asked"
            );
            paper.step(expires > 0, &text)?;
            Ok(Some(phone))
        }
        Err(error) => {
            paper.step(false, &format!("{user} is not registered: {error}"))?;
            Ok(None)
        }
    }
}

/// The inner result is the call's, the outer one the paper's.
async fn call(
    alice: &LabPhone,
    bob: &LabPhone,
    paper: &mut Paper<'_>,
) -> Result<Result<(), LabError>, DemoError> {
    let (at_alice, at_bob) = match connect(alice, bob).await {
        Ok(both) => both,
        Err(error) => return Ok(Err(error)),
    };
    paper.step(true, "bob answers; SRTP keys are agreed on each leg")?;
    if let Err(error) = hear_each_other(&at_alice, &at_bob).await {
        return Ok(Err(error));
    }
    if let Err(error) = at_bob.receive(at_bob.media().received + A_SECOND, PATIENCE).await {
        return Ok(Err(error));
    }
    paper.step(
        true,
        &format!("bob hears alice's tone of {ALICE_TONE} Hz, alice hears bob's of {BOB_TONE} Hz"),
    )?;
    let held = match hold(&at_alice, &at_bob).await {
        Ok(held) => held,
        Err(error) => return Ok(Err(error)),
    };
    paper.step(held, "alice puts bob on hold: bob falls silent")?;
    let resumed = async {
        at_alice.change(SessionChange::resume()).await?;
        hear_each_other(&at_alice, &at_bob).await
    };
    if let Err(error) = resumed.await {
        return Ok(Err(error));
    }
    paper.step(true, "alice resumes: both tones are heard again")?;
    Ok(hang_up(&at_alice, &at_bob).await)
}

async fn connect(alice: &LabPhone, bob: &LabPhone) -> Result<(LabCall, LabCall), LabError> {
    let outgoing = alice.dial("bob", Dial::default()).await?;
    let answering = async { bob.incoming(PATIENCE).await?.answer().await };
    let (at_alice, at_bob) = tokio::join!(outgoing.answered(), answering);
    Ok((at_alice?, at_bob?))
}

async fn hear_each_other(at_alice: &LabCall, at_bob: &LabCall) -> Result<(), LabError> {
    at_alice.forget_tone();
    at_bob.forget_tone();
    let (one, two) = tokio::join!(at_alice.hear(BOB_TONE, PATIENCE), at_bob.hear(ALICE_TONE, PATIENCE));
    one.and(two)
}

/// Whether nothing arrives at alice while bob hears her hold tone for half a second.
async fn hold(at_alice: &LabCall, at_bob: &LabCall) -> Result<bool, LabError> {
    at_alice.change(SessionChange::hold()).await?;
    let flushed = at_bob.media().received + PACKETS_IN_FLIGHT;
    at_bob.receive(flushed, PATIENCE).await?;
    let before = at_alice.media().received;
    at_bob.receive(flushed + HALF_A_SECOND, PATIENCE).await?;
    Ok(at_alice.media().received == before)
}

async fn hang_up(at_alice: &LabCall, at_bob: &LabCall) -> Result<(), LabError> {
    at_alice.hang_up().await?;
    match at_bob.ended(PATIENCE).await? {
        CallEnd::PeerHungUp => Ok(()),
        CallEnd::HungUp => Err(LabError::Misbehaved("bob's call ended by itself")),
    }
}

/// Both calls of the way: phone to PBX and PBX to phone, each with its two legs.
async fn write_receipt(stage: &Stage, before: usize, paper: &mut Paper<'_>) -> Result<(), DemoError> {
    let records = stage.site.gateway.records();
    let waiting = async {
        let mut tick = interval(Duration::from_millis(20));
        while records.receipts().len() < before + 2 {
            tick.tick().await;
        }
    };
    // When one is missing the step below says so.
    let _ = timeout(PATIENCE, waiting).await;
    let receipts: Vec<CallReceipt> = records.receipts().into_iter().skip(before).collect();
    for receipt in &receipts {
        let call = &receipt.receipt;
        let seconds = call.ended.saturating_duration_since(call.started).as_secs_f32();
        paper.line(&format!("  call {}  {seconds:.1} s", call.call))?;
        for leg in receipt.legs() {
            paper.line(&format!("    {leg}"))?;
        }
    }
    let is_sealed = |receipt: &CallReceipt| {
        receipt.legs().iter().all(|leg| leg.tls.is_some() && leg.suite.is_some() && leg.media.opened > 0)
    };
    let held = receipts.len() == 2 && receipts.iter().all(is_sealed);
    paper.step(held, "all four legs: SIP over TLS, media in SRTP, nothing in clear")?;
    Ok(())
}

const ALICE_TONE: f64 = 440.0;
const BOB_TONE: f64 = 1_000.0;
const PATIENCE: Duration = Duration::from_secs(10);
const PACKETS_IN_FLIGHT: u64 = 5; // 100 ms: what bob still sent before he knew
const A_SECOND: u64 = 50; // packets
const HALF_A_SECOND: u64 = 25;
