//! Cordon's media relay alone, told what to do by a generator.

use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};

use cordon_media::{
    Before, Command, End, EndSetup, EngineError, MediaConfig, MediaEngine, Protection, StreamId,
};
use cordon_rtp::{AudioCodecs, Suite};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::control::{CALLS_AT_ONCE, Reply, Request, Settings, Wire};
use crate::error::LoadError;
use crate::keys::{LegKeys, call_keys};
use crate::usage::Usage;

/// Cordon's media relay without signalling, on one thread. It serves one generator after the other; each has a relay of its own, which
/// ends with its connection. Media goes to the host of that connection only.
pub struct Station {
    listener: TcpListener,
}

impl Station {
    /// Listens for generators.
    pub fn listen(at: SocketAddr) -> Result<Station, LoadError> {
        let listener = TcpListener::bind(at).map_err(LoadError::at("listen for a generator"))?;
        // Each call has four sockets or more. Where it may not be raised, the calls that find none are told.
        let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
        Ok(Station { listener })
    }

    /// Where it listens.
    pub fn address(&self) -> Result<SocketAddr, LoadError> {
        self.listener.local_addr().map_err(LoadError::at("ask a socket's address"))
    }

    /// Serves one generator until it has gone.
    pub fn serve_one(&self) -> Result<(), LoadError> {
        let (stream, generator) = self.listener.accept().map_err(LoadError::at("accept a generator"))?;
        Service::new(stream, generator.ip())?.run()
    }
}

/// What one generator is given.
struct Service {
    wire: Wire,
    /// Our address toward it, where media is received too.
    here: IpAddr,
    generator: IpAddr,
    begun: Option<Begun>,
}

struct Begun {
    engine: MediaEngine,
    seed: u64,
}

impl Service {
    fn new(stream: TcpStream, generator: IpAddr) -> Result<Service, LoadError> {
        let here = stream.local_addr().map_err(LoadError::at("ask a socket's address"))?.ip();
        Ok(Service { wire: Wire::new(stream)?, here, generator, begun: None })
    }

    fn run(mut self) -> Result<(), LoadError> {
        while let Some(request) = self.wire.hear()? {
            let reply = match request {
                Request::Begin { settings, seed } => self.begin(settings, seed),
                Request::Open { first, calls, suites, phones } => self.open(first, calls, &suites, phones),
                Request::Usage => Usage::own().map(Reply::Used).map_err(|error| error.to_string()),
            };
            self.wire.say(&reply.unwrap_or_else(Reply::Refused))?;
        }
        Ok(())
    }

    fn begin(&mut self, settings: Settings, seed: u64) -> Result<Reply, String> {
        let Settings { way, nap } = settings;
        // What another generator left must have closed its ports before they are used again.
        self.begun = None;
        let engine = MediaEngine::start(MediaConfig {
            interfaces: vec![self.here],
            ports: MEDIA_PORTS,
            threads: 1,
            pinned: true,
            nap,
            io: way.into(),
        });
        let engine = engine.map_err(|error| error.to_string())?;
        let way = engine.io().to_owned();
        self.begun = Some(Begun { engine, seed });
        Ok(Reply::Begun { way })
    }

    fn open(
        &mut self,
        first: u32,
        calls: u32,
        suites: &[String; 2],
        phones: [SocketAddr; 2],
    ) -> Result<Reply, String> {
        let begun = self.begun.as_ref().ok_or("begin first")?;
        if phones.iter().any(|phone| phone.ip() != self.generator) {
            return Err("the phones are not where the generator is".to_owned());
        }
        let [Some(a), Some(b)] = suites.each_ref().map(|suite| Suite::parse(suite)) else {
            return Err("no such suite".to_owned());
        };
        let numbers = first..first.saturating_add(calls.min(CALLS_AT_ONCE));
        let opened: Result<Vec<_>, String> =
            numbers.map(|number| begun.open_call(number, [a, b], phones)).collect();
        opened.map(Reply::Opened)
    }
}

impl Begun {
    fn open_call(
        &self,
        call: u32,
        suites: [Suite; 2],
        phones: [SocketAddr; 2],
    ) -> Result<[SocketAddr; 2], String> {
        let reserved = self.engine.reserve(0, 0).map_err(|error| error.to_string())?;
        for ((end, keys), phone) in
            [End::A, End::B].into_iter().zip(call_keys(self.seed, call, suites)).zip(phones)
        {
            self.set(reserved.stream, end, &keys, phone).map_err(|error| error.to_string())?;
        }
        Ok([reserved.a.rtp, reserved.b.rtp])
    }

    /// A thread takes so many commands between two batches of packets: what it has no room for is said again.
    fn set(&self, stream: StreamId, end: End, keys: &LegKeys, phone: SocketAddr) -> Result<(), EngineError> {
        loop {
            let command = Command::Set { stream, end, setup: setup(keys, phone) };
            match self.engine.command(command) {
                Err(EngineError::Overloaded) if self.engine.is_alive() => std::thread::yield_now(),
                done => return done,
            }
        }
    }
}

fn setup(keys: &LegKeys, phone: SocketAddr) -> EndSetup {
    EndSetup {
        protection: Protection::secure(keys.relay.hand_to_relay(), keys.phone.hand_to_relay()),
        local_changed: false,
        remote_changed: None,
        renegotiated: false,
        remote_rtp: phone,
        remote_rtcp: phone,
        mux: false,
        before_proof: Before::SendToSdp,
        codecs: AudioCodecs::default(),
        receive: true,
        send: true,
    }
}

/// Below the ports that Linux gives to programs that ask for any; four for each call.
const MEDIA_PORTS: std::ops::RangeInclusive<u16> = 10_000..=32_767;
