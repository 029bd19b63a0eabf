//! A whole ward of phones, or the PBX with all its media, dies in the middle of its calls: SIPp, killed.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use cordon_tests::cordon::{Configuration, Cordon, HOST};
use cordon_tests::kamailio::Transport;
use cordon_tests::machine::{CORDON_LOCATION, CORDON_PBX_SIDE, Machine, on_a_machine};
use cordon_tests::metrics::Metrics;
use cordon_tests::pki::Authority;
use cordon_tests::sipp::{Running, Sipp, scenario, variant};

#[test]
fn sixty_phones_that_die_give_back_their_ports_legs_and_memory() {
    on_a_machine(|machine| {
        let ward = Ward::open(machine)?;
        let memory = ward.warmed_up()?;
        let mut phones = ward.talking()?;
        ensure!(
            ward.cordon.media_ports()? == PORTS_PER_CALL * PHONES,
            "{} ports",
            ward.cordon.media_ports()?
        );

        phones.program.kill_with_children()?;

        ward.is_as_before(memory)?;
        // Registrations and calls, those of the warm-up too: the PBX has seen each call to its end.
        ward.pbx.await_statistic("SuccessfulCall(C)", 4.0 * PHONES as f64, LIMIT)?;
        ensure!(ward.pbx.errors().is_empty(), "{}", ward.pbx.errors());
        Ok(())
    });
}

#[test]
fn a_pbx_that_dies_with_its_media_ends_every_call() {
    on_a_machine(|machine| {
        let mut ward = Ward::open(machine)?;
        let memory = ward.warmed_up()?;
        let mut phones = ward.talking()?;

        ward.pbx.program.kill_with_children()?;

        ward.is_as_before(memory)?;
        // Its exit code judges voice, of which there was none at the end: the count of calls tells.
        phones.program.await_exit(LIMIT)?;
        let ended = (phones.statistic("SuccessfulCall(C)")?, phones.statistic("FailedCall(C)")?);
        ensure!(
            ended == (PHONES as f64, 0.0),
            "every phone was told with a BYE: {ended:?} {}",
            phones.errors()
        );
        Ok(())
    });
}

/// SIPp phones behind Cordon and a SIPp PBX.
struct Ward {
    folder: std::path::PathBuf,
    authority: Authority,
    pbx: Running,
    cordon: Cordon,
}

impl Ward {
    fn open(machine: &Machine) -> Result<Self> {
        let folder = machine.folder().to_owned();
        let authority = Authority::new(&folder, "lab-ca")?;
        let leaf = authority.leaf("cordon", &[HOST, CORDON_LOCATION, CORDON_PBX_SIDE])?;
        let pbx = Sipp::pbx(&folder, &authority, &scenario("pbx_answers"))?;
        let cordon = Cordon::start(&folder, &Configuration::lab(&authority, &leaf, Transport::Tls))?;
        Ok(Self { folder, authority, pbx, cordon })
    }

    /// As many calls as will die, ended as calls end; what Cordon has in memory after them, in kB.
    fn warmed_up(&self) -> Result<u64> {
        self.phones(&scenario("phone_calls"))?.play(Duration::from_secs(30))?;
        Metrics::await_until("the first calls are over", LIMIT, is_quiet)?;
        self.cordon.memory()
    }

    /// Phones in calls that only the far side ends.
    fn talking(&self) -> Result<Running> {
        let text = std::fs::read_to_string(scenario("phone_calls"))?;
        let (_, call) = text.split_once("<!-- call:").context("the scenario marks its call")?;
        let (_, call) = call.split_once("-->").context("the mark ends")?;
        let (talk, _) = call.split_once("<pause").context("it plays")?;
        let told = "<recv request=\"BYE\" timeout=\"64000\"/>\n<send>\n<![CDATA[\n\nSIP/2.0 200 OK\n[last_Via:]\n[last_From:]\n\
                    [last_To:]\n[last_Call-ID:]\n[last_CSeq:]\nContent-Length: 0\n\n]]>\n</send>\n";
        let path = variant(&self.folder, "phone_calls", "phone_waits", &[talk, told].concat())?;
        let phones = self.phones(&path)?.start()?;
        Metrics::await_until("every phone talks", LIMIT, |metrics| {
            metrics.sum("cordon_calls_active", &[]) == PHONES as f64
        })?;
        Ok(phones)
    }

    fn phones(&self, scenario: &std::path::Path) -> Result<Sipp> {
        let numbers: Vec<u32> = (5000..).take(PHONES).collect();
        Ok(Sipp::phones(&self.folder, &self.authority, scenario, "10.1.0.11", &numbers)?.with(["-r", "30"]))
    }

    /// Waits until no call and no port is left, and looks at the memory.
    fn is_as_before(&self, memory: u64) -> Result<()> {
        Metrics::await_until("every call is over", RETURN, is_quiet)?;
        ensure!(self.cordon.media_ports()? == 0, "{} ports are still held", self.cordon.media_ports()?);
        let now = self.cordon.memory()?;
        ensure!(now < memory + MEMORY, "its memory is back: {now} kB after {memory} kB");
        Ok(())
    }
}

fn is_quiet(metrics: &Metrics) -> bool {
    metrics.sum("cordon_calls_active", &[]) == 0.0
}

const PHONES: usize = 60;
/// RTP and RTCP of two legs.
const PORTS_PER_CALL: usize = 4;
const LIMIT: Duration = Duration::from_secs(15);
/// What a crash leaves behind is gone by then.
const RETURN: Duration = Duration::from_secs(64);
/// The noise of an allocator, in kB.
const MEMORY: u64 = 4_096;
