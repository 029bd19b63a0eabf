//! A few calls through Cordon's relay over the loopback, each packet verified. Speed is none of their business.

#[cfg(test)]
mod relay {
    use std::net::{IpAddr, SocketAddr};
    use std::time::Duration;

    use cordon_load::{
        CordonRelay, Forgery, Load, LoadError, OpenCall, Pace, Relay, Report, Settings, Station, Trial,
        Usage, Way,
    };
    use cordon_rtp::Suite;

    #[test]
    fn every_packet_of_every_call_comes_to_the_other_phone_whatever_the_pace_and_the_suites() {
        for (pace, suites) in [
            (Pace::Even, [Suite::AesCm128HmacSha1_80, Suite::AesCm256HmacSha1_80]),
            (Pace::Bursts, [Suite::AeadAes256Gcm, Suite::AesCm128HmacSha1_32]),
        ] {
            let load = Load { pace, suites, ..short() };

            let trial = Trial::run(&mut cordon(Way::PerPort), &load).unwrap();

            assert_eq!(trial.tally.sent, 8 * 15);
            assert_eq!((trial.tally.lost(), trial.tally.wrong()), (0, 0));
        }
    }

    #[test]
    fn what_may_not_be_steered_goes_per_port_and_the_report_says_so() {
        let mut relay = cordon(Way::Steered);
        let trial = Trial::run(&mut relay, &short()).unwrap();

        let report = Report::new(relay.way(), &trial, None, false);

        assert!(["steered", "per-port"].contains(&report.io.as_str()));
        assert!(report.is_right());
        assert_eq!((report.calls, report.streams, report.lost), (4, 8, 0));
        assert!(report.to_string().contains("8 streams of 4 calls"));
    }

    #[test]
    fn forged_packets_reach_no_phone_and_harm_no_call() {
        let forgery = Forgery { per_second: 2_000, calls: 2 };

        let trial = Trial::run_under(&mut cordon(Way::PerPort), &short(), Some(forgery)).unwrap();

        assert!(trial.tally.forged > 100);
        assert_eq!((trial.tally.lost(), trial.tally.wrong()), (0, 0));
    }

    #[test]
    fn a_relay_that_mixes_up_two_calls_is_found_out() {
        let trial = Trial::run(&mut Confused(cordon(Way::PerPort)), &short()).unwrap();

        assert!(trial.tally.wrong() > 0);
        assert!(!trial.is_carried());
    }

    #[test]
    fn a_station_sends_media_nowhere_but_to_its_generator() {
        let mut relay = cordon(Way::PerPort);
        let elsewhere: SocketAddr = "127.0.0.9:4000".parse().unwrap();

        let refused = relay.open(1, short().suites, [elsewhere, elsewhere]);

        assert!(matches!(refused, Err(LoadError::Refused(_))));
    }

    /// A relay on this thread's own processors, beside whatever else the machine does.
    fn cordon(way: Way) -> CordonRelay {
        let station = Station::listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = station.address().unwrap();
        std::thread::spawn(move || station.serve_one());
        CordonRelay::begin(address, Settings { way, nap: true }).unwrap()
    }

    fn short() -> Load {
        let settling = Duration::from_millis(100);
        Load { settling, length: Duration::from_millis(300), ..Load::of_calls(4) }
    }

    /// Tells the generator that the keys of one call are those of the next.
    struct Confused(CordonRelay);

    impl Relay for Confused {
        fn near(&self) -> IpAddr {
            self.0.near()
        }

        fn open(
            &mut self,
            calls: u32,
            suites: [Suite; 2],
            phones: [SocketAddr; 2],
        ) -> Result<Vec<OpenCall>, LoadError> {
            let mut calls = self.0.open(calls, suites, phones)?;
            let [[a, _], [b, _], ..] = calls.as_mut_slice() else { panic!("four calls") };
            std::mem::swap(&mut a.relay, &mut b.relay);
            Ok(calls)
        }

        fn usage(&mut self) -> Result<Usage, LoadError> {
            self.0.usage()
        }
    }
}
