use bytes::{BufMut, BytesMut};

use super::HeaderValue;
use crate::grammar::{Malformed, Pieces};
use crate::{HeaderName, Headers, NameAddr, Text};

/// Hops to visit, in order: Route and Record-Route (RFC 3261 sections 20.34 and 20.30), Path (RFC 3327 section 4),
/// Service-Route (RFC 3608 section 5).
///
/// `1#(name-addr *(SEMI rr-param))`: the brackets are not optional here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Routes {
    hops: Vec<NameAddr>,
}

impl Routes {
    /// The hops of all headers of this name, in order; none when there is no such header.
    ///
    /// # Errors
    /// When one is malformed or there are too many.
    pub fn of(headers: &Headers, name: &HeaderName) -> Result<Routes, Malformed> {
        let mut routes = Routes::default();
        headers.get_all(name).try_for_each(|value| routes.add(value))?;
        Ok(routes)
    }

    /// The hops, the nearest first.
    pub fn as_slice(&self) -> &[NameAddr] {
        &self.hops
    }

    /// Whether a hop keeps the Request-URI as it is (RFC 3261 section 16.12): the `lr` parameter of its URI.
    pub fn is_loose(hop: &NameAddr) -> bool {
        hop.uri.params().has("lr")
    }

    fn add(&mut self, value: &Text) -> Result<(), Malformed> {
        for piece in Pieces::new(value.as_str(), b',') {
            let piece = piece?;
            if self.hops.len() >= MAX_HOPS {
                return Err(Malformed("too many hops in a route"));
            }
            if !piece.contains('<') {
                return Err(Malformed("a hop of a route does not stand in brackets"));
            }
            self.hops.push(NameAddr::parse_part(value, piece)?);
        }
        Ok(())
    }
}

impl FromIterator<NameAddr> for Routes {
    fn from_iter<I: IntoIterator<Item = NameAddr>>(hops: I) -> Routes {
        Routes { hops: hops.into_iter().collect() }
    }
}

impl HeaderValue for Routes {
    fn read(value: &Text) -> Result<Routes, Malformed> {
        let mut routes = Routes::default();
        routes.add(value)?;
        Ok(routes)
    }

    fn write_to(&self, out: &mut BytesMut) {
        for (index, hop) in self.hops.iter().enumerate() {
            if index > 0 {
                out.put_slice(b", ");
            }
            hop.write_to(out);
        }
    }
}

/// Each is a proxy between a phone and its PBX; five are many.
const MAX_HOPS: usize = 32;

#[cfg(test)]
mod tests {
    use super::super::written;
    use super::*;

    #[test]
    fn the_examples_of_rfc_3261_3327_and_3608_are_read() {
        for text in [
            "<sip:bigbox3.site3.example.com;lr>, <sip:server10.example.com;lr>",
            "<sip:P3.EXAMPLEHOME.COM;lr>, <sip:P1.EXAMPLEVISITED.COM;lr>",
            "<sip:P2.HOME.EXAMPLE.COM;lr>, <sip:HSP.HOME.EXAMPLE.COM;lr>",
            "<sip:[2001:db8::10]:5061;transport=tls;lr;ob>;x=\"<,>\"",
        ] {
            assert_eq!(written::<Routes>(text), text);
        }
        let routes = Routes::parse("<sip:a;lr=on>,<sip:b>").unwrap();
        assert!(Routes::is_loose(&routes.as_slice()[0]) && !Routes::is_loose(&routes.as_slice()[1]));
    }

    #[test]
    fn malformed_and_endless_routes_are_refused() {
        for text in ["", "sip:a;lr", "<sip:a>,", ",<sip:a>", "<sip:a", "<sip:a>;", "sip:a, <sip:b>"] {
            assert!(Routes::parse(text).is_err(), "{text}");
        }
        assert!(Routes::parse(["<sip:a>"; 33].join(",")).is_err());
        let mut headers = Headers::new();
        (0..33).for_each(|_| headers.push(HeaderName::PATH, "<sip:a;lr>"));
        assert!(Routes::of(&headers, &HeaderName::PATH).is_err());
        headers.set(HeaderName::PATH, "<sip:a;lr>, <sip:b;lr>");
        assert_eq!(Routes::of(&headers, &HeaderName::PATH).unwrap().as_slice().len(), 2);
        assert!(Routes::of(&headers, &HeaderName::SERVICE_ROUTE).unwrap().as_slice().is_empty());
    }
}
