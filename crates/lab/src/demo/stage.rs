use crate::demo::DemoError;
use crate::demo::paper::Paper;
use crate::{Account, Algorithm, LabSite, SiteAddresses, SitePlan, random};

/// The site the story plays on, with the accounts left for visitors.
pub(crate) struct Stage {
    pub(crate) site: LabSite,
    pub(crate) visitors: Vec<Account>,
}

impl Stage {
    pub(crate) async fn set() -> Result<Stage, DemoError> {
        let account = |user: &str| Account { user: user.to_owned(), password: random::token() };
        let visitors = vec![account("carol"), account("dave")];
        let accounts = [account("alice"), account("bob")].into_iter().chain(visitors.iter().cloned());
        // Softphones of some age give up at a challenge that also offers another hash than theirs.
        let algorithms = vec![Algorithm::Md5];
        let plan = SitePlan { well_known_ports: true, algorithms, ..SitePlan::new(accounts.collect()) };
        Ok(Stage { site: LabSite::start(plan).await?, visitors })
    }

    pub(crate) fn introduce(&self, paper: &mut Paper<'_>) -> Result<(), DemoError> {
        let SiteAddresses { secure, refusing, toward_pbx, pbx, metrics } = self.site.addresses;
        paper.line(&format!("  Cordon, for phones    {secure}  SIP over TLS"))?;
        paper.line(&format!("  Cordon, plain SIP     {refusing}  answers and refuses"))?;
        paper.line(&format!("  Cordon, for the PBX   {toward_pbx}  SIP over TLS"))?;
        paper.line(&format!("  lab PBX               {pbx}  registrar with digest, SIP over TLS"))?;
        paper.line(&format!("  metrics               http://{metrics}/metrics"))?;
        paper.line(&format!("  configuration, CA     {}", self.site.folder().display()))?;
        Ok(())
    }
}
