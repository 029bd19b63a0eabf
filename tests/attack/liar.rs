//! A PBX with the right certificate that does not keep to the protocol: the user that is called says which lie it tells.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use cordon_sip::{
    Contacts, Frame, Framer, FramerLimits, HeaderName, Message, Method, NameAddr, Request, Response,
    StatusCode, Uri,
};
use cordon_tests::machine::PBX;
use cordon_tests::pki::Leaf;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::puppet::offer;

/// What it has been asked, by method. It listens until the test's process ends.
#[derive(Clone, Default)]
pub(crate) struct Liar(Arc<Mutex<BTreeMap<String, usize>>>);

impl Liar {
    /// Listens on a port of the PBX's address.
    pub(crate) fn listen(port: u16, leaf: &Leaf) -> Result<Self> {
        let config = leaf.server_config()?;
        let listener = TcpListener::bind((PBX, port))?;
        let liar = Self::default();
        let asked = liar.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (config, asked) = (Arc::clone(&config), asked.clone());
                std::thread::spawn(move || asked.serve(stream, config));
            }
        });
        Ok(liar)
    }

    /// How often it was asked to do this.
    pub(crate) fn asked(&self, method: &str) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(method).copied().unwrap_or(0)
    }

    fn serve(&self, stream: TcpStream, config: Arc<ServerConfig>) {
        let Ok(connection) = ServerConnection::new(config) else { return };
        let mut stream = StreamOwned::new(connection, stream);
        let mut framer = Framer::new(FramerLimits::default());
        let mut bytes = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut bytes) {
            framer.push(bytes.get(..count).unwrap_or_default());
            while let Ok(Some(frame)) = framer.next_frame() {
                let Frame::Message(framed) = frame else { continue };
                let Ok(Message::Request(request)) = framed.parse() else { continue };
                let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                *asked.entry(request.method.as_str().to_owned()).or_default() += 1;
                drop(asked);
                for answer in answers(&request) {
                    // Whoever does not want to hear it has closed.
                    if stream.write_all(&answer).is_err() {
                        return;
                    }
                }
            }
        }
    }
}

/// What it says to a request.
fn answers(request: &Request) -> Vec<Vec<u8>> {
    let plain = |status| Response::to(request, status).with_to_tag("liar");
    let written = |response: Response| response.write().to_vec();
    match request.method {
        Method::Ack => Vec::new(),
        Method::Register => {
            let mut granted = plain(StatusCode::OK).with_header(HeaderName::EXPIRES, "120");
            granted.contacts = request.contacts.clone();
            vec![written(granted)]
        }
        Method::Invite => lie(request),
        _ => vec![written(plain(StatusCode::OK))],
    }
}

fn lie(invite: &Request) -> Vec<Vec<u8>> {
    let Some(ok) = accepted(invite) else { return Vec::new() };
    let text = |response: &Response| String::from_utf8_lossy(&response.write()).into_owned();
    let described = |body: String| {
        let mut response = ok.clone();
        response.set_body("application/sdp", body);
        text(&response)
    };
    // A right answer to an offer with one crypto line, which has tag 1.
    let honest = described(offer(PBX));
    let user = invite.uri.user().map(|user| user.as_str().to_owned()).unwrap_or_default();
    let said: Vec<String> = match user.as_str() {
        "no-tag" => vec![honest.replace(";tag=liar", "")],
        "wrong-branch" => vec![honest.replace("branch=z9hG4bK", "branch=z9hG4bKx")],
        "wrong-cseq" => vec![honest.replace(" INVITE\r\n", " BYE\r\n")],
        "megabyte" => vec![described("a".repeat(1 << 20))],
        "to-itself" => vec![redirection(invite, &user)],
        "provisionals" => {
            let ringing = text(&Response::to(invite, StatusCode::RINGING).with_to_tag("liar"));
            (0..300).map(|_| ringing.clone()).chain([honest]).collect()
        }
        "forks" => (0..40).map(|fork| honest.replace(";tag=liar", &format!(";tag=liar{fork}"))).collect(),
        "plain-answer" => vec![described(offer(PBX).replace("RTP/SAVP", "RTP/AVP"))],
        "no-crypto" => {
            vec![described(
                offer(PBX)
                    .lines()
                    .filter(|line| !line.starts_with("a=crypto"))
                    .map(|line| format!("{line}\r\n"))
                    .collect(),
            )]
        }
        "other-suite" => {
            vec![described(offer(PBX).replace("AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"))]
        }
        "other-tag" => vec![described(offer(PBX).replace("a=crypto:1 ", "a=crypto:77 "))],
        "two-streams" => vec![described(format!("{}m=video 39002 RTP/SAVP 96\r\n", offer(PBX)))],
        "no-stream" => vec![described(
            "v=0\r\no=- 1 1 IN IP4 10.0.0.2\r\ns=-\r\nc=IN IP4 10.0.0.2\r\nt=0 0\r\n".to_owned(),
        )],
        "no-body" => vec![text(&ok)],
        "no-contact" => vec![
            honest
                .lines()
                .filter(|line| !line.starts_with("Contact"))
                .map(|line| format!("{line}\r\n"))
                .collect(),
        ],
        "silence" => Vec::new(),
        _ => vec![honest],
    };
    said.into_iter().map(String::into_bytes).collect()
}

fn accepted(invite: &Request) -> Option<Response> {
    let mut ok = Response::to(invite, StatusCode::OK).with_to_tag("liar");
    ok.contacts =
        Contacts::one(NameAddr::new(Uri::parse(format!("sip:liar@{PBX}:6101;transport=tls").as_str()).ok()?));
    Some(ok)
}

fn redirection(invite: &Request, user: &str) -> String {
    let Some(status) = StatusCode::new(302) else { return String::new() };
    let mut response = Response::to(invite, status).with_to_tag("liar");
    if let Ok(target) = Uri::parse(format!("sip:{user}@{PBX}:6101;transport=tls").as_str()) {
        response.contacts = Contacts::one(NameAddr::new(target));
    }
    String::from_utf8_lossy(&response.write()).into_owned()
}
