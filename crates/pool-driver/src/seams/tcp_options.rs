//! The options of TCP sockets that matter to a pool. With the feature `tcp`.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

/// Which options a TCP socket gets before it becomes a connection.
///
/// The runtime crates' `tcp` has a method for each. For a dial of your own:
///
/// ```
/// use std::time::Duration;
///
/// use pool_driver::TcpOptions;
///
/// # fn main() -> std::io::Result<()> {
/// # let server = std::net::TcpListener::bind("127.0.0.1:0")?;
/// let socket = std::net::TcpStream::connect(server.local_addr()?)?;
/// TcpOptions::default().keep_alive(Duration::from_secs(30)).apply_to(&socket)?;
/// assert!(socket.nodelay()?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "options do nothing until they are applied"]
pub struct TcpOptions {
    nodelay: bool,
    keep_alive: Option<Duration>,
    user_timeout: Option<Duration>,
}

impl Default for TcpOptions {
    /// No delay, and nothing else.
    fn default() -> Self {
        Self { nodelay: true, keep_alive: None, user_timeout: None }
    }
}

impl TcpOptions {
    /// Whether what is flushed goes out at once (`TCP_NODELAY`), as it does by default. Otherwise the system
    /// may hold back a small packet until the last one is acknowledged, which costs a request 40 ms and more.
    pub fn nodelay(mut self, nodelay: bool) -> Self {
        self.nodelay = nodelay;
        self
    }

    /// After this time without a word from the peer the system asks whether it lives, and again each time as
    /// much has passed (`SO_KEEPALIVE`, `TCP_KEEPIDLE`, `TCP_KEEPINTVL`). Off by default.
    ///
    /// In whole seconds, rounded up; less than 1 s counts as 1 s, more than 32,767 s as 32,767 s. The number
    /// of questions without an answer after which the peer counts as dead is the system's, 9 on Linux, unless
    /// [`user_timeout`](Self::user_timeout) is set. Systems that can't set the interval keep their own.
    pub fn keep_alive(mut self, interval: Duration) -> Self {
        self.keep_alive = Some(interval);
        self
    }

    /// How long what was sent may remain unacknowledged until the connection fails (`TCP_USER_TIMEOUT`), and
    /// with [`keep_alive`](Self::keep_alive) also how long a question may remain unanswered. By default the
    /// system decides, which takes about 15 minutes on Linux.
    ///
    /// In whole milliseconds, rounded up; less than 1 ms counts as 1 ms, more than 24 days as 24 days. Systems
    /// other than Linux, Android and Fuchsia have no such option: there it is ignored.
    pub fn user_timeout(mut self, timeout: Duration) -> Self {
        self.user_timeout = Some(timeout);
        self
    }

    /// Sets the options of a socket.
    ///
    /// # Errors
    ///
    /// When the system refuses one of them. The error says which.
    pub fn apply_to<'s, S>(&self, socket: &'s S) -> io::Result<()>
    where
        SockRef<'s>: From<&'s S>,
    {
        let socket = SockRef::from(socket);
        socket.set_tcp_nodelay(self.nodelay).map_err(|error| refused("TCP_NODELAY", &error))?;
        if let Some(interval) = self.keep_alive {
            socket.set_tcp_keepalive(&probes(interval)).map_err(|error| refused("SO_KEEPALIVE", &error))?;
        }
        if let Some(timeout) = self.user_timeout {
            set_user_timeout(&socket, timeout).map_err(|error| refused("TCP_USER_TIMEOUT", &error))?;
        }
        Ok(())
    }
}

fn refused(option: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("a TCP socket can't be given {option}: {error}"))
}

/// At least one unit, a part of one counting as a whole, and no more than the system takes.
fn in_units(time: Duration, unit: Duration, max: u64) -> u64 {
    let units = time.as_nanos().div_ceil(unit.as_nanos());
    u64::try_from(units).unwrap_or(u64::MAX).clamp(1, max)
}

fn probes(interval: Duration) -> TcpKeepalive {
    /// `MAX_TCP_KEEPIDLE` of Linux.
    const SECS_MAX: u64 = 32_767;
    let interval = Duration::from_secs(in_units(interval, Duration::from_secs(1), SECS_MAX));
    let probes = TcpKeepalive::new().with_time(interval);
    #[cfg(any(
        windows,
        target_os = "android",
        target_os = "dragonfly",
        target_os = "freebsd",
        target_os = "fuchsia",
        target_os = "illumos",
        target_os = "ios",
        target_os = "linux",
        target_os = "macos",
        target_os = "netbsd",
    ))]
    let probes = probes.with_interval(interval);
    probes
}

#[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
fn set_user_timeout(socket: &SockRef<'_>, timeout: Duration) -> io::Result<()> {
    /// Linux keeps it in an `int`.
    const MILLIS_MAX: u64 = 0x7fff_ffff; // 24.8 days
    let millis = in_units(timeout, Duration::from_millis(1), MILLIS_MAX);
    socket.set_tcp_user_timeout(Some(Duration::from_millis(millis)))
}

#[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux")))]
fn set_user_timeout(_: &SockRef<'_>, _: Duration) -> io::Result<()> {
    Ok(())
}
