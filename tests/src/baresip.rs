//! Debian's baresip as a phone: its own address, a tone as its microphone, its loudspeaker recorded to a file.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::kamailio::{DOMAIN, password};
use crate::program::Program;
use crate::tone::{self, Heard};

/// What a test decides about a phone.
pub struct Setup<'a> {
    /// Its number, also its digest user.
    pub number: &'a str,
    /// The interface with its address, for example `phone1`.
    pub interface: &'a str,
    /// That address.
    pub address: &'a str,
    /// The tone it speaks, in hertz.
    pub tone: f64,
    /// `srtp-mand` (RTP/SAVP) or `srtp` (RTP/AVP with keys) or empty (no encryption).
    pub encryption: &'a str,
    /// The outbound proxy: Cordon's listener.
    pub proxy: &'a str,
    /// PEM file with the anchor it trusts.
    pub anchor: &'a Path,
}

/// A running baresip.
pub struct Baresip {
    /// The process.
    pub program: Program,
    folder: PathBuf,
    control: (String, u16),
}

impl Baresip {
    /// Starts the phone and waits until it is registered.
    pub fn register(folder: &Path, setup: &Setup<'_>) -> Result<Self> {
        let phone = Self::start(folder, setup)?;
        phone.program.await_line("200 OK", LIMIT).context("the phone registers")?;
        Ok(phone)
    }

    /// Starts the phone.
    pub fn start(folder: &Path, setup: &Setup<'_>) -> Result<Self> {
        let folder = folder.join(format!("phone-{}", setup.number));
        std::fs::create_dir_all(folder.join("heard"))?;
        tone::write(&folder.join("tone.wav"), setup.tone, 120)?;
        let home = folder.display();
        std::fs::write(
            folder.join("config"),
            format!(
                "sip_listen {address}:5070\nsip_cafile {anchor}\nsip_verify_server yes\nnet_interface {interface}\n\
                 call_local_timeout 60\ncall_max_calls 2\naudio_player aubridge,out\naudio_source aufile,{home}/tone.wav\n\
                 audio_alert aubridge,alert\nausrc_srate 8000\nauplay_srate 8000\nausrc_channels 1\nauplay_channels 1\n\
                 snd_path {home}/heard\nrtp_ports 30000-30999\njitter_buffer_delay 1-4\n\
                 module_path /usr/lib/baresip/modules\nmodule g711.so\nmodule sndfile.so\nmodule srtp.so\nmodule aufile.so\n\
                 module aubridge.so\nmodule_tmp uuid.so\nmodule_tmp account.so\nmodule_app menu.so\nmodule_app ctrl_tcp.so\n\
                 ctrl_tcp_listen {address}:4444\n",
                address = setup.address,
                interface = setup.interface,
                anchor = setup.anchor.display(),
            ),
        )?;
        let encryption = if setup.encryption.is_empty() {
            String::new()
        } else {
            format!(";mediaenc={}", setup.encryption)
        };
        std::fs::write(
            folder.join("accounts"),
            format!(
                "<sip:{number}@{DOMAIN};transport=tls>;auth_user={number};auth_pass={secret};outbound=\"sip:{proxy};transport=tls\";\
                 regint=15{encryption};answermode=auto;audio_codecs=PCMU/8000/1\n",
                number = setup.number,
                secret = password(setup.number),
                proxy = setup.proxy,
            ),
        )?;
        std::fs::write(folder.join("contacts"), "")?;
        let mut command = Command::new("stdbuf");
        command
            .args(["-oL", "-eL", "baresip", "-4", "-v", "-f"])
            .arg(&folder)
            .args(["-t", "240"])
            .current_dir(&folder);
        let program = Program::start(&format!("baresip {}", setup.number), command)?;
        program.await_line("baresip is ready", LIMIT)?;
        Ok(Self { program, folder, control: (setup.address.to_owned(), 4444) })
    }

    /// Dials a number in the PBX's domain and waits until the call is up.
    pub fn call(&self, number: &str) -> Result<()> {
        let before = self.program.lines_so_far();
        self.command("dial", &format!("sip:{number}@{DOMAIN}"))?;
        self.program.await_line_after(before, "Call established", LIMIT)?;
        Ok(())
    }

    /// Dials and returns the line that says why the call ended.
    pub fn call_that_fails(&self, number: &str) -> Result<String> {
        let before = self.program.lines_so_far();
        self.command("dial", &format!("sip:{number}@{DOMAIN}"))?;
        self.program.await_line_after(before, "session closed", LIMIT)
    }

    /// Runs a command of baresip's menu: `hold`, `resume`, `hangup` ..
    pub fn command(&self, command: &str, parameters: &str) -> Result<()> {
        let mut control = TcpStream::connect((self.control.0.as_str(), self.control.1))?;
        control.set_read_timeout(Some(LIMIT))?;
        let text = format!("{{\"command\":\"{command}\",\"params\":\"{parameters}\"}}");
        control.write_all(format!("{}:{text},", text.len()).as_bytes())?;
        let mut seen = String::new();
        let mut buffer = [0; 4096];
        // Events arrive on the same connection: read until the response is among them.
        loop {
            let count = control.read(&mut buffer).context("baresip answers its control port")?;
            ensure!(count > 0, "baresip closed its control port");
            seen.push_str(&String::from_utf8_lossy(&buffer[..count]));
            if seen.contains("\"response\":true,\"ok\":true") {
                return Ok(());
            }
            if seen.contains("\"response\":true,\"ok\":false") {
                bail!("baresip refused {command}: {seen}");
            }
        }
    }

    /// Waits until the loudspeaker has played `seconds` of a tone of `hertz`: the recording grows, each growth is
    /// measured anew.
    pub fn await_heard(&self, hertz: f64, seconds: f64, limit: Duration) -> Result<Heard> {
        let until = Instant::now() + limit;
        loop {
            let heard = self.heard(hertz)?;
            if heard.seconds >= seconds {
                return Ok(heard);
            }
            ensure!(
                Instant::now() < until,
                "wanted {seconds} s of {hertz} Hz within {limit:?}, got {heard:?}"
            );
            // The recording is the other process's file: there is no event but its growth.
            std::thread::park_timeout(Duration::from_millis(100));
        }
    }

    /// What its loudspeaker has played of a tone of `hertz`, over all calls so far.
    pub fn heard(&self, hertz: f64) -> Result<Heard> {
        let mut total = Heard { seconds: 0.0, loud: 0.0 };
        for entry in std::fs::read_dir(self.folder.join("heard"))? {
            let path = entry?.path();
            if path.file_name().is_some_and(|name| name.to_string_lossy().contains("dec")) {
                let part = tone::heard(&path, hertz)?;
                total.seconds += part.seconds;
                total.loud += part.loud;
            }
        }
        Ok(total)
    }
}

/// Longer than any step of a call on one machine takes, shorter than a patience.
const LIMIT: Duration = Duration::from_secs(15);
