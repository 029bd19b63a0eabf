//! What a registered idle phone costs: `idle_phones CORDON [PHONES]` starts the binary CORDON, registers phones over TLS
//! from as many addresses of loopback as it takes, and says how much its memory has grown for each.
//!
//! The phones live in this process and Cordon in its own; the PBX is a registrar here that grants whatever is asked.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use cordon_sip::{Frame, HeaderName, Message, Response, StatusCode};
use cordon_tests::pki::Authority;
use cordon_tests::program::Program;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let cordon = PathBuf::from(arguments.next().context("usage: idle_phones CORDON [PHONES]")?);
    let phones: usize = arguments.next().map_or(Ok(10_000), |count| count.parse())?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measure(cordon, phones))
}

async fn measure(binary: PathBuf, phones: usize) -> Result<()> {
    let folder = std::env::temp_dir().join(format!("cordon-idle-phones-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let authority = Authority::new(&folder, "authority")?;
    let leaf = authority.leaf("front", &[HOST])?;
    let path = folder.join("cordon.toml");
    std::fs::write(
        &path,
        format!(
            "[site]\nname = \"load\"\nprofile = \"lab\"\ndomain = \"{DOMAIN}\"\nhost = \"{HOST}\"\n\
             [tls]\ncertificate = \"{}\"\nprivate_key = \"{}\"\ntrust_anchors = \"{}\"\n\
             [emergency]\nnumbers = [\"911\"]\n[registration]\nmaximum = \"3600s\"\n\
             [[location]]\nname = \"hall\"\nlisten = [\"{FRONT}\"]\nnetworks = [\"127.0.0.0/8\"]\n\
             media_address = \"127.0.0.1\"\n\
             [pbx]\nuri = \"sip:{PBX};transport=udp\"\nname = \"{DOMAIN}\"\nlisten = \"127.0.0.1:25071\"\n\
             networks = [\"127.0.0.1/32\"]\nmedia_address = \"127.0.0.1\"\nmedia = \"rtp\"\n\
             [media]\nports = \"21000-21099\"\n[metrics]\nlisten = \"127.0.0.1:29061\"\n",
            leaf.certificate.display(),
            leaf.key.display(),
            authority.anchor.display()
        ),
    )?;
    let registrar = UdpSocket::bind(PBX).await?;
    tokio::spawn(async move { grant(registrar).await });

    let mut command = Command::new(binary);
    command.args(["run", "--config"]).arg(&path).env("CORDON_LOG", "warn,cordon_gateway::run=info");
    let cordon = Program::start("cordon", command)?;
    cordon.await_line("cordon is ready", Duration::from_secs(15))?;
    let connector = TlsConnector::from(authority.client_config()?);
    // The first ones bring what every later one shares.
    let first = register(&connector, 0..64).await?;
    sleep(SETTLE).await;
    let before = memory(cordon.pid())?;
    let begun = Instant::now();
    let rest = register(&connector, 64..64 + phones).await?;
    let seconds = begun.elapsed().as_secs_f64();
    sleep(SETTLE).await;
    let after = memory(cordon.pid())?;
    let bytes = after.saturating_sub(before) * 1024 / u64::try_from(phones)?;
    println!("{phones} phones registered in {seconds:.1} s; {before} kB before, {after} kB after");
    println!("{bytes} bytes, {:.1} KiB for each phone", f64::from(u32::try_from(bytes)?) / 1024.0);
    drop((first, rest));
    sleep(SETTLE).await;
    println!("{} kB once all are gone", memory(cordon.pid())?);
    drop(cordon);
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// Registers these phones, some at a time, and hands back their connections.
async fn register(
    connector: &TlsConnector,
    phones: std::ops::Range<usize>,
) -> Result<Vec<TlsStream<TcpStream>>> {
    let at_a_time = Arc::new(Semaphore::new(AT_A_TIME));
    let mut tasks = Vec::new();
    for phone in phones {
        let turn = Arc::clone(&at_a_time).acquire_owned().await?;
        let connector = connector.clone();
        tasks.push(tokio::spawn(async move {
            let _turn = turn;
            timeout(Duration::from_secs(30), one(connector, phone)).await?
        }));
    }
    let mut streams = Vec::with_capacity(tasks.len());
    for task in tasks {
        streams.push(task.await??);
    }
    Ok(streams)
}

async fn one(connector: TlsConnector, phone: usize) -> Result<TlsStream<TcpStream>> {
    // 127.1.0.1 and up, some phones on each.
    let [_, high, middle, low] = u32::try_from(phone / PHONES_OF_ADDRESS + 257)?.to_be_bytes();
    let address = Ipv4Addr::new(127, high + 1, middle, low);
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::V4(SocketAddrV4::new(address, 0)))?;
    let stream = socket.connect(FRONT.parse()?).await?;
    let local = stream.local_addr()?;
    let mut stream = connector.connect(ServerName::try_from(HOST)?, stream).await?;
    let request = format!(
        "REGISTER sip:{DOMAIN} SIP/2.0\r\nVia: SIP/2.0/TLS {local};branch=z9hG4bK{phone};rport\r\n\
         From: <sip:{phone}@{DOMAIN}>;tag=t{phone}\r\nTo: <sip:{phone}@{DOMAIN}>\r\nCall-ID: c{phone}@{address}\r\n\
         CSeq: 1 REGISTER\r\nMax-Forwards: 70\r\n\
         Contact: <sip:{phone}@{local};transport=tls>;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-{phone:012}>\"\r\n\
         Expires: 3600\r\nUser-Agent: idle/1\r\nContent-Length: 0\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        ensure!(stream.read_buf(&mut answer).await? > 0, "phone {phone} lost its connection");
    }
    if !answer.starts_with(b"SIP/2.0 200 ") {
        bail!("phone {phone} got {}", String::from_utf8_lossy(&answer));
    }
    Ok(stream)
}

/// A PBX that grants every registration.
async fn grant(socket: UdpSocket) -> Result<()> {
    let mut buffer = vec![0; 65_535];
    loop {
        let (count, from) = socket.recv_from(&mut buffer).await?;
        let datagram = buffer.get(..count).unwrap_or_default().to_vec();
        let Frame::Message(framed) = Frame::datagram(datagram.into()) else { continue };
        let Ok(Message::Request(request)) = framed.parse() else { continue };
        let mut answer = Response::to(&request, StatusCode::OK)
            .with_to_tag("pbx")
            .with_header(HeaderName::EXPIRES, "3600");
        answer.contacts = request.contacts.clone();
        socket.send_to(&answer.write(), from).await?;
    }
}

/// Resident memory in kB.
fn memory(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("Linux tells")?;
    Ok(line.split_whitespace().nth(1).context("it is a number")?.parse()?)
}

const HOST: &str = "sip.clinic.test";
const DOMAIN: &str = "mx.clinic.test";
const FRONT: &str = "127.0.0.1:25061";
const PBX: &str = "127.0.0.1:25060";

/// Below the handshakes one address may have under way.
const PHONES_OF_ADDRESS: usize = 40;
const AT_A_TIME: usize = 40;

/// What is freed with a delay is freed by then, and transactions are forgotten (Timer J is zero over TLS).
const SETTLE: Duration = Duration::from_secs(5);
