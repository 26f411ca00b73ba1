//! The options of TCP sockets that matter to a pool. With the feature `tcp`.

use std::fmt;
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

/// Linux takes no longer time between probes (`MAX_TCP_KEEPIDLE`).
const KEEP_ALIVE_SECS_MAX: u64 = 32_767;

/// Linux takes no longer user timeout: an `int` of milliseconds.
const USER_TIMEOUT_MAX: Duration = Duration::from_millis(i32::MAX as u64);

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
    /// In whole milliseconds, rounded up; 1 ms at least, 24 days at most. Systems other than Linux, Android and
    /// Fuchsia have no such option and ignore it.
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
        socket.set_tcp_nodelay(self.nodelay).map_err(|error| refused("no delay", error))?;
        if let Some(interval) = self.keep_alive {
            socket.set_tcp_keepalive(&probes(interval)).map_err(|error| refused("a keep-alive", error))?;
        }
        if let Some(timeout) = self.user_timeout {
            set_user_timeout(&socket, timeout).map_err(|error| refused("a user timeout", error))?;
        }
        Ok(())
    }
}

fn refused(option: &str, error: impl fmt::Display + Into<io::Error>) -> io::Error {
    let message = format!("a TCP socket can't be given {option}: {error}");
    io::Error::new(error.into().kind(), message)
}

fn probes(interval: Duration) -> TcpKeepalive {
    let secs = interval.as_secs().saturating_add(u64::from(interval.subsec_nanos() > 0));
    let interval = Duration::from_secs(secs.clamp(1, KEEP_ALIVE_SECS_MAX));
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
    let part_of_a_milli = u64::from(timeout.subsec_nanos() % 1_000_000 > 0);
    let timeout = timeout.min(USER_TIMEOUT_MAX);
    let millis = timeout.as_secs() * 1_000 + u64::from(timeout.subsec_millis()) + part_of_a_milli;
    let timeout = Duration::from_millis(millis.max(1)).min(USER_TIMEOUT_MAX);
    socket.set_tcp_user_timeout(Some(timeout))
}

#[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux")))]
fn set_user_timeout(_: &SockRef<'_>, _: Duration) -> io::Result<()> {
    Ok(())
}
