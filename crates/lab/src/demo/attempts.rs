use std::net::SocketAddr;
use std::time::Duration;

use cordon_policy::{Family, Refusal};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{interval, timeout};

use crate::demo::DemoError;
use crate::demo::paper::Paper;
use crate::demo::stage::Stage;
use crate::{Dial, LabError, LabPhone, LabSite, random};

/// Tries what is forbidden and writes down how it was refused.
pub(crate) async fn tell(stage: &Stage, alice: &LabPhone, paper: &mut Paper<'_>) -> Result<(), DemoError> {
    paper.heading("5. What is forbidden, and the answer to it")?;
    let (refusing, secure) = (stage.site.addresses.refusing, stage.site.addresses.secure);
    write("plain SIP REGISTER over UDP", Refusal::PlainUdp, plain_over_udp(refusing).await, paper)?;
    write("plain SIP REGISTER over TCP", Refusal::PlainTcp, plain_over_tcp(refusing).await, paper)?;
    write("a TLS 1.1 hello", Refusal::TlsTooOld, old_tls(stage, secure).await, paper)?;
    write("INVITE with RTP/AVP", Refusal::PlainMedia, offer(alice, PLAIN_MEDIA).await, paper)?;
    let unencrypted = format!(
        "m=audio 4000 RTP/SAVP 0\r\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{} UNENCRYPTED_SRTP\r\n",
        "A".repeat(40)
    );
    write(
        "INVITE with UNENCRYPTED_SRTP",
        Refusal::ProtectionWeakened,
        offer(alice, &unencrypted).await,
        paper,
    )?;
    write("INVITE with T.38 fax", Refusal::FaxT38, offer(alice, FAX).await, paper)?;
    Ok(())
}

/// What came back: the answer in a few words, and the code in it.
struct Answered {
    how: String,
    code: Option<String>,
}

/// The step holds where the rule that was meant is the one that was met: any other refusal would hide a hole.
fn write(
    what: &str,
    meant: Refusal,
    answered: Result<Answered, LabError>,
    paper: &mut Paper<'_>,
) -> Result<(), DemoError> {
    let (how, code) = match answered {
        Ok(Answered { how, code }) => (how, code),
        Err(error) => (error.to_string(), None),
    };
    match code.as_deref().and_then(Refusal::from_code) {
        None => paper.step(false, &format!("{what}: {how}, and no code says why"))?,
        Some(met) if met != meant => {
            let text = format!("{what}: {how}, {} instead of {}", met.code(), meant.code());
            paper.step(false, &text)?;
        }
        Some(met) => {
            paper.step(true, &format!("{what}: {how}, {}", met.code()))?;
            paper.paragraph("rule", met.rule())?;
            paper.paragraph("fix", met.fix(Family::Generic))?;
        }
    }
    Ok(())
}

async fn plain_over_udp(to: SocketAddr) -> Result<Answered, LabError> {
    let socket = UdpSocket::bind((to.ip(), 0)).await.map_err(LabError::io("binding a UDP socket"))?;
    let local = socket.local_addr().map_err(LabError::io("reading an address"))?;
    socket.send_to(plain_register("UDP", local).as_bytes(), to).await.map_err(LabError::io("sending"))?;
    let mut answer = [0; 4096];
    let receiving = timeout(PATIENCE, socket.recv(&mut answer)).await;
    let length =
        receiving.map_err(|_| LabError::TimedOut("the answer"))?.map_err(LabError::io("receiving"))?;
    read_answer(answer.get(..length).unwrap_or_default())
}

async fn plain_over_tcp(to: SocketAddr) -> Result<Answered, LabError> {
    let mut stream = TcpStream::connect(to).await.map_err(LabError::io("connecting"))?;
    let local = stream.local_addr().map_err(LabError::io("reading an address"))?;
    stream.write_all(plain_register("TCP", local).as_bytes()).await.map_err(LabError::io("sending"))?;
    read_answer(&read_to_end(&mut stream).await?)
}

/// The alert tells a phone little; what Cordon noted tells the installer the rest.
async fn old_tls(stage: &Stage, to: SocketAddr) -> Result<Answered, LabError> {
    let before = stage.site.gateway.records().refusals().len();
    let mut stream = TcpStream::connect(to).await.map_err(LabError::io("connecting"))?;
    stream.write_all(&hello_of_tls_1_1()).await.map_err(LabError::io("sending"))?;
    let answer = read_to_end(&mut stream).await?;
    let how = match answer.as_slice() {
        // RFC 8446 §6: content type 21, version, length 2, level, description.
        [21, _, _, 0, 2, _, description, ..] => format!("TLS alert {description}, connection closed"),
        [] => "connection closed".to_owned(),
        _ => return Err(LabError::Misbehaved("the hello was answered")),
    };
    let noted = async {
        let mut tick = interval(Duration::from_millis(20));
        loop {
            // What was refused just before may be noted only now: this one is about TLS.
            let refusals = stage.site.gateway.records().refusals();
            let mut codes = refusals.iter().skip(before).map(|refusal| refusal.code());
            if let Some(code) = codes.find(|code| code.starts_with("CD-TLS-")) {
                return code.to_owned();
            }
            tick.tick().await;
        }
    };
    Ok(Answered { how, code: timeout(PATIENCE, noted).await.ok() })
}

async fn offer(alice: &LabPhone, media: &str) -> Result<Answered, LabError> {
    let body = format!("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n{media}");
    let dial = Dial { body: Some(body.into()), ..Dial::default() };
    match alice.dial("bob", dial).await?.answered().await {
        Ok(_) => Err(LabError::Misbehaved("the call was taken")),
        Err(LabError::Refused { status, warnings, .. }) => {
            Ok(Answered { how: format!("{status}"), code: warnings.iter().find_map(|text| code_in(text)) })
        }
        Err(error) => Err(error),
    }
}

fn plain_register(transport: &str, local: SocketAddr) -> String {
    let (branch, call_id, domain) = (random::token(), random::token(), LabSite::DOMAIN);
    format!(
        "REGISTER sip:{domain} SIP/2.0\r\nVia: SIP/2.0/{transport} {local};branch=z9hG4bK{branch}\r\n\
         Max-Forwards: 70\r\nFrom: <sip:mallory@{domain}>;tag=1\r\nTo: <sip:mallory@{domain}>\r\n\
         Call-ID: {call_id}\r\nCSeq: 1 REGISTER\r\nContact: <sip:mallory@{local}>\r\nContent-Length: 0\r\n\r\n"
    )
}

/// A ClientHello that knows nothing newer than TLS 1.1 (RFC 4346 §7.4.1.2).
fn hello_of_tls_1_1() -> Vec<u8> {
    let mut hello = vec![3, 2]; // client_version
    hello.extend_from_slice(&[0x5a; 32]); // random
    hello.push(0); // no session
    hello.extend_from_slice(&[0, 4, 0xc0, 0x13, 0x00, 0x2f]); // ECDHE_RSA and RSA with AES_128_CBC_SHA
    hello.extend_from_slice(&[1, 0]); // no compression
    let mut record = vec![22, 3, 1];
    record.extend_from_slice(&((hello.len() + 4) as u16).to_be_bytes());
    record.extend_from_slice(&[1, 0]); // client_hello; its length has three bytes
    record.extend_from_slice(&(hello.len() as u16).to_be_bytes());
    record.extend_from_slice(&hello);
    record
}

fn read_answer(bytes: &[u8]) -> Result<Answered, LabError> {
    let text = String::from_utf8_lossy(bytes);
    let status = text
        .strip_prefix("SIP/2.0 ")
        .and_then(|rest| rest.get(..3))
        .ok_or(LabError::Misbehaved("the answer is no SIP"))?;
    Ok(Answered { how: status.to_owned(), code: code_in(&text) })
}

/// Finds `CD-AREA-nn` in a text.
fn code_in(text: &str) -> Option<String> {
    let (place, _) = text.match_indices("CD-").next()?;
    let code =
        text.get(place..)?.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-').next()?;
    Some(code.to_owned())
}

async fn read_to_end(stream: &mut TcpStream) -> Result<Vec<u8>, LabError> {
    let mut answer = Vec::new();
    let mut limited = stream.take(4096);
    // A connection that is reset after the answer has still brought the answer.
    match timeout(PATIENCE, limited.read_to_end(&mut answer)).await {
        Ok(_) => Ok(answer),
        Err(_) if !answer.is_empty() => Ok(answer),
        Err(_) => Err(LabError::TimedOut("the answer")),
    }
}

const PLAIN_MEDIA: &str = "m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n";
const FAX: &str = "m=image 4000 udptl t38\r\na=T38FaxVersion:0\r\n";
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_holds_only_by_the_rule_that_was_meant() {
        for (code, holds) in [("CD-MEDIA-01", true), ("CD-REG-01", false), ("CD-NONE-00", false)] {
            let mut told = Vec::new();
            let mut paper = Paper::new(&mut told);
            let answered = Ok(Answered { how: "488".to_owned(), code: Some(code.to_owned()) });
            write("INVITE with RTP/AVP", Refusal::PlainMedia, answered, &mut paper).unwrap();

            assert_eq!(paper.summary().unwrap(), holds, "{code}");
        }
    }
}
