//! Finding connections whose peer has gone without a word.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

/// Makes the system probe a silent peer and give up on one that does not acknowledge: a dead connection is found within
/// 35 s, 40 s with the timers' slack. SIP itself needs no pings for that.
///
/// # Errors
/// When the socket is gone already.
pub(crate) fn arm(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    let probes = TcpKeepalive::new().with_time(IDLE).with_interval(INTERVAL).with_retries(PROBES);
    socket.set_tcp_keepalive(&probes)?;
    // RFC 5482; holds also while our own data is unacknowledged, where no probe is sent.
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))
}

/// Bounds what the kernel holds for a phone that does not read. Left alone it grows to 4 MB, and five hundred such phones
/// to two gigabytes.
///
/// # Errors
/// When the socket is gone already.
pub(crate) fn bound_send_buffer(stream: &TcpStream) -> io::Result<()> {
    SockRef::from(stream).set_send_buffer_size(SEND_BUFFER)
}

/// The longest message there is; the kernel takes twice as much for its own books.
const SEND_BUFFER: usize = 64 * 1024;

const IDLE: Duration = Duration::from_secs(20);
const INTERVAL: Duration = Duration::from_secs(5);
const PROBES: u32 = 3;
const USER_TIMEOUT: Duration = Duration::from_secs(35);

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn the_system_takes_the_settings() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();

        arm(&stream).unwrap();

        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(USER_TIMEOUT));
        let found_after = IDLE + INTERVAL * PROBES;
        assert!(found_after < Duration::from_secs(40));
    }
}
