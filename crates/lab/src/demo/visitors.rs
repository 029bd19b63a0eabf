use std::time::Duration;

use crate::demo::DemoError;
use crate::demo::paper::Paper;
use crate::demo::stage::Stage;
use crate::{LabError, LabPhone, LabSite, SiteError};

/// Keeps the lab up for real softphones until Ctrl-C; alice and bob answer whoever calls and play their tones.
pub(crate) async fn stay(
    stage: &Stage,
    phones: [Option<LabPhone>; 2],
    paper: &mut Paper<'_>,
) -> Result<(), DemoError> {
    paper.heading("6. The lab stays up: register a softphone of your own")?;
    paper.line(&format!(
        "  server      {} (TLS; certificate name {})",
        stage.site.addresses.secure,
        LabSite::HOST
    ))?;
    paper.line(&format!("  as a proxy  sip:{};transport=tls", stage.site.addresses.secure))?;
    paper.line(&format!("  domain      {}, SRTP by SDES, mandatory", LabSite::DOMAIN))?;
    paper.line(&format!("  CA to trust {}", stage.site.ca.certificate_file().display()))?;
    for account in &stage.visitors {
        paper.line(&format!("  account     {}  password {}", account.user, account.password))?;
    }
    paper.line("  Call alice or bob: they answer with a tone. Call each other. Ctrl-C ends the lab.")?;
    let answering: Vec<_> =
        phones.into_iter().flatten().map(|phone| tokio::spawn(answer_calls(phone)).abort_handle()).collect();
    let interrupted = tokio::signal::ctrl_c().await;
    for task in answering {
        task.abort();
    }
    interrupted.map_err(LabError::io("waiting for Ctrl-C")).map_err(SiteError::from)?;
    Ok(())
}

async fn answer_calls(phone: LabPhone) {
    loop {
        match phone.incoming(REFRESH).await {
            Ok(call) => drop(tokio::spawn(async move {
                if let Ok(call) = call.answer().await {
                    // However it ends, there is nothing left to do.
                    let _ = call.ended(LONGEST_CALL).await;
                }
            })),
            // Nobody called for a while: time to refresh. A failure is tried again.
            Err(LabError::TimedOut(_)) => drop(phone.register(3600).await),
            Err(_) => return,
        }
    }
}

const REFRESH: Duration = Duration::from_secs(120); // well within what Cordon grants
const LONGEST_CALL: Duration = Duration::from_secs(3600);
