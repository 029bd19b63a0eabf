//! `cordon demo`: a lab of its own, a call through Cordon, and what is refused, told step by step.

mod attempts;
mod ladder;
mod paper;
mod stage;
mod story;
mod visitors;

use std::io::{self, Write};

use thiserror::Error;

use crate::SiteError;
use paper::Paper;
use stage::Stage;

/// Why the demo could not even begin. A step that fails is told in the story and counts as not held.
#[derive(Debug, Error)]
pub enum DemoError {
    /// The lab, or Cordon in it.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// Nobody reads the story.
    #[error("the story cannot be written: {0}")]
    Output(#[from] io::Error),
}

/// Tells the whole story on `out`; unless `once`, stays up for softphones until Ctrl-C. Returns whether every step held.
///
/// Colour is written as ANSI sequences; `out` takes them away where they are not wanted. Must be called inside a tokio
/// runtime with I/O and time.
///
/// # Errors
/// When the stage cannot be set or the story cannot be written.
pub async fn run(once: bool, out: &mut dyn Write) -> Result<bool, DemoError> {
    let mut paper = Paper::new(out);
    paper.title("Cordon demo: SIP over TLS and SRTP, or nothing")?;
    let stage = Stage::set().await?;
    paper.danger("profile LAB: a private CA on loopback. Not for live emergency service.")?;
    stage.introduce(&mut paper)?;
    let outcome = tell(&stage, once, &mut paper).await;
    stage.site.stop().await;
    outcome
}

async fn tell(stage: &Stage, once: bool, paper: &mut Paper<'_>) -> Result<bool, DemoError> {
    let (alice, bob) = story::tell(stage, paper).await?;
    if let Some(alice) = &alice {
        attempts::tell(stage, alice, paper).await?;
    }
    let all_held = paper.summary()?;
    if !once {
        visitors::stay(stage, [alice, bob], paper).await?;
    }
    Ok(all_held)
}
