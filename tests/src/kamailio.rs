//! Debian's Kamailio as the PBX: a registrar with digest authentication that relays calls to registered contacts.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::machine::{PBX, PBX_V6};
use crate::pki::{Authority, Leaf};
use crate::program::Program;

/// How Cordon reaches the PBX.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// SIP over TLS on port 5061.
    Tls,
    /// Plain SIP over UDP on port 5060 (profile `lab` only).
    Udp,
    /// Plain SIP over TCP on port 5060 (profile `lab` only).
    Tcp,
}

/// The SIP domain that the PBX serves.
pub const DOMAIN: &str = "mx.clinic.test";

/// What the PBX prints for each request, before the method; the user in From follows it after ` by `.
pub const ASKED: &str = "cordon-test-pbx was asked to";

/// A running Kamailio.
pub struct Kamailio {
    /// The process.
    pub program: Program,
}

impl Kamailio {
    /// Starts Kamailio at [`PBX`]; accounts are numbers whose password is [`password`].
    pub fn start(folder: &Path, authority: &Authority, transport: Transport) -> Result<Self> {
        let leaf = authority.leaf("pbx", &[DOMAIN, PBX])?;
        Self::start_with(folder, authority, transport, &leaf)
    }

    /// As [`Kamailio::start`], at the PBX's IPv6 address.
    pub fn start_v6(folder: &Path, authority: &Authority, transport: Transport) -> Result<Self> {
        let leaf = authority.leaf("pbx", &[DOMAIN, PBX_V6])?;
        Self::start_at(PBX_V6, folder, authority, transport, &leaf, SCRIPT)
    }

    /// As [`Kamailio::start`], with a certificate of the test's choice.
    pub fn start_with(
        folder: &Path,
        authority: &Authority,
        transport: Transport,
        leaf: &Leaf,
    ) -> Result<Self> {
        Self::start_at(PBX, folder, authority, transport, leaf, SCRIPT)
    }

    /// As [`Kamailio::start`], with a script that says `@LISTEN@`, `@TLS@` and `@MODULES@` where the usual one does and
    /// prints `cordon-test-pbx is ready`.
    pub(crate) fn start_script(
        folder: &Path,
        authority: &Authority,
        transport: Transport,
        script: &str,
    ) -> Result<Self> {
        let leaf = authority.leaf("pbx", &[DOMAIN, PBX])?;
        Self::start_at(PBX, folder, authority, transport, &leaf, script)
    }

    fn start_at(
        address: &str,
        folder: &Path,
        authority: &Authority,
        transport: Transport,
        leaf: &Leaf,
        text: &str,
    ) -> Result<Self> {
        let host = if address.contains(':') { format!("[{address}]") } else { address.to_owned() };
        let folder = folder.join("kamailio");
        std::fs::create_dir_all(&folder)?;
        let tls = folder.join("tls.cfg");
        std::fs::write(&tls, tls_settings(leaf, authority))?;
        let listen = match transport {
            Transport::Tls => format!("listen=tls:{host}:5061"),
            Transport::Udp => format!("listen=udp:{host}:5060"),
            Transport::Tcp => format!("listen=tcp:{host}:5060"),
        };
        let script = folder.join("kamailio.cfg");
        let modules = modules()?;
        std::fs::write(
            &script,
            text.replace("@LISTEN@", &listen)
                .replace("@TLS@", &tls.display().to_string())
                .replace("@MODULES@", &modules),
        )?;
        if transport != Transport::Udp {
            await_free_port(address, transport)?;
        }
        let mut command = Command::new("kamailio");
        command.arg("-f").arg(&script).arg("-w").arg(&folder).arg("-Y").arg(&folder);
        // A call is in its shared memory for some seconds after its end; 64 MB ran out under as many calls as Cordon carries.
        command.args(["-DD", "-E", "-m", "1024", "-M", "8"]);
        let program = Program::start("kamailio", command)?;
        program.await_line("cordon-test-pbx is ready", Duration::from_secs(20))?;
        Ok(Self { program })
    }
}

/// Waits until the processes of an earlier Kamailio have let go of the port.
fn await_free_port(address: &str, transport: Transport) -> Result<()> {
    let port = if transport == Transport::Tls { 5061 } else { 5060 };
    let until = Instant::now() + Duration::from_secs(5);
    while let Err(error) = TcpListener::bind((address, port)) {
        ensure!(Instant::now() < until, "{address} port {port} stays taken: {error}");
        // The end of a process that was killed is no event for anybody but its parent.
        std::thread::park_timeout(Duration::from_millis(20));
    }
    Ok(())
}

/// The digest password of an account.
pub fn password(account: &str) -> String {
    format!("secret-{account}")
}

/// Kamailio's `tls.cfg`: this leaf toward everybody, and only servers whose chain ends in this authority.
pub fn tls_settings(leaf: &Leaf, authority: &Authority) -> String {
    format!(
        "[server:default]\nmethod = TLSv1.2+\nprivate_key = {key}\ncertificate = {certificate}\nca_list = {anchor}\n\
         verify_certificate = no\nrequire_certificate = no\n\
         [client:default]\nmethod = TLSv1.2+\nca_list = {anchor}\nverify_certificate = yes\nrequire_certificate = yes\n",
        key = leaf.key.display(),
        certificate = leaf.certificate.display(),
        anchor = authority.anchor.display()
    )
}

/// Where Debian has put Kamailio's modules.
///
/// # Errors
/// When they are not installed.
pub fn modules() -> Result<String> {
    let found = Command::new("sh").args(["-c", "dirname /usr/lib/*/kamailio/modules/tm.so"]).output()?;
    let path = String::from_utf8(found.stdout)?.trim().to_owned();
    ensure!(
        path.starts_with('/') && !path.contains('*'),
        "kamailio's modules are not installed: cargo xtask setup"
    );
    Ok(path)
}

const SCRIPT: &str = r#"#!KAMAILIO
debug=2
log_stderror=yes
fork=yes
children=2
tcp_children=2
tcp_connection_lifetime=3604
enable_tls=yes
tcp_source_ipv4=10.0.0.2
auto_aliases=no
@LISTEN@
alias="mx.clinic.test"
mpath="@MODULES@/"
loadmodule "tls.so"
loadmodule "kex.so"
loadmodule "corex.so"
loadmodule "tm.so"
loadmodule "tmx.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "xlog.so"
loadmodule "usrloc.so"
loadmodule "registrar.so"
loadmodule "auth.so"
modparam("tls", "config", "@TLS@")
modparam("registrar", "max_expires", 3600)
modparam("registrar", "min_expires", 10)
modparam("auth", "qop", "auth")

request_route {
  xlog("L_NOTICE", "cordon-test-pbx was asked to $rm by $fU\n");
  if (!mf_process_maxfwd_header("70")) { sl_send_reply("483","Too Many Hops"); exit; }
  if (is_method("CANCEL")) { if (t_check_trans()) { t_relay(); } exit; }
  if (has_totag()) {
    if (loose_route()) { t_relay(); exit; }
    if (is_method("ACK")) { if (t_check_trans()) { t_relay(); } exit; }
    sl_send_reply("404","Not here"); exit;
  }
  t_check_trans();
  if (is_method("OPTIONS")) { sl_send_reply("200","OK"); exit; }
  if (is_method("REGISTER")) {
    if (!pv_www_authenticate("mx.clinic.test", "secret-$au", "0")) { www_challenge("mx.clinic.test", "1"); exit; }
    if ($au != $tU) { sl_send_reply("403","Not yours"); exit; }
    save("location"); exit;
  }
  if (is_method("INVITE")) {
    if (!pv_proxy_authenticate("mx.clinic.test", "secret-$au", "0")) { proxy_challenge("mx.clinic.test", "1"); exit; }
    consume_credentials();
    record_route();
  }
  if (!lookup("location")) { sl_send_reply("404","Not found"); exit; }
  t_relay();
}

event_route[core:worker-one-init] { xlog("L_NOTICE", "cordon-test-pbx is ready\n"); }
"#;
