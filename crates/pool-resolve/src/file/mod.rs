//! Files of addresses, watched.

mod debounce;
mod error;
mod lookup;
mod parse;
mod read;
mod subscription;
mod watch;

use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use pool_core::ConfigError;
use pool_driver::Runtime;

use crate::polling::PollConfig;
use crate::resolve::Resolve;
use lookup::{BadLineHandler, ReadConfig};

pub use error::FileError;
pub use parse::Format;
pub use subscription::FileAddresses;

/// Files of addresses, which are read again when they change.
///
/// A file has one address per line. After it come `weight=` and `priority=`, if they are not 1 and 0. A `#`
/// starts a comment. A file whose name ends in `.json` is an array of strings or objects:
///
/// ```text
/// # two, and one for emergencies            [
/// 10.0.0.1:6379                               "10.0.0.1:6379",
/// 10.0.0.2:6379 weight=3                      {"address": "10.0.0.2:6379", "weight": 3},
/// 10.1.0.1:6379 priority=1                    {"address": "10.1.0.1:6379", "priority": 1}
///                                           ]
/// ```
///
/// # What never empties a pool
///
/// A file is taken whole or not at all. While it is not, the last addresses stay in force:
///
/// - A file without addresses is an error. A line `none`, or `[]`, says that there are none.
/// - A line that can't be parsed is an error with its number, unless such lines are
///   [skipped](Self::skip_bad_lines).
/// - A last line without a newline is an error: it may be half a line. JSON that is cut off is no JSON.
/// - A file that changes while it is read is read again.
/// - A missing file is [`NoSuchName`](pool_driver::AddressUpdate::NoSuchName). It keeps the last addresses
///   too, unless the source is [`no_such_name_is_empty`](crate::AddressStreamExt::no_such_name_is_empty).
///
/// # How changes are noticed
///
/// The system reports changes in the file's directory, and in the directory that a symbolic link leads to.
/// So a file that is renamed over it, or deleted and made again, is noticed, and so is a mounted
/// `ConfigMap`. The file is read [when it is quiet](Self::debounce). The system may report nothing (a network
/// file system, a limit), so the file is also read every 30 s ([`PollConfig::interval`]).
///
/// ```
/// # use pool_conformance::simulated::Clock as MyRuntime;
/// use std::path::Path;
/// use pool_resolve::{File, Resolve};
///
/// let files = File::new(MyRuntime::default());
/// let addresses = files.subscribe(Path::new("/etc/my-program/addresses")); // for `.follow(addresses)`
/// ```
///
/// Addresses of other types need [`FromStr`]:
///
/// ```
/// # use pool_conformance::simulated::Clock as MyRuntime;
/// use pool_resolve::{File, HostPort};
///
/// let files = File::<_, HostPort>::with_addresses(MyRuntime::default());
/// ```
#[derive(Clone)]
#[must_use = "it does nothing until something is subscribed to"]
pub struct File<R, A = SocketAddr> {
    runtime: R,
    read: ReadConfig,
    poll: PollConfig,
    debounce: Duration,
    addresses: PhantomData<fn() -> A>,
}

const BYTES_MAX: u64 = 16 << 20;
const DEBOUNCE: Duration = Duration::from_millis(100);

impl<R: Runtime> File<R> {
    /// Files of IP addresses with ports.
    pub fn new(runtime: R) -> Self {
        Self::with_addresses(runtime)
    }
}

impl<R: Runtime, A> File<R, A> {
    /// Files of any addresses.
    pub fn with_addresses(runtime: R) -> Self {
        // A reported change is read after the debounce time, not after a second.
        let poll = PollConfig { interval_min: Duration::from_millis(1), ..PollConfig::default() };
        let read = ReadConfig { format: None, bytes_max: BYTES_MAX, on_bad_lines: None };
        Self { runtime, read, poll, debounce: DEBOUNCE, addresses: PhantomData }
    }

    /// The format of all files. By default the name of a file says it.
    pub fn format(mut self, format: Format) -> Self {
        self.read.format = Some(format);
        self
    }

    /// The size from which files are refused, in bytes; 16 MiB by default.
    pub fn bytes_max(mut self, bytes: u64) -> Self {
        // One byte more is read, to see that there is more.
        self.read.bytes_max = bytes.min(u64::MAX - 1);
        self
    }

    /// Skips lines and entries that can't be parsed, unless none can. The pool shows an answer like any other
    /// then, so `on_bad_lines` is called with what was skipped, each time the file is read. It runs on a
    /// thread that may block. If it panics, the addresses count all the same.
    ///
    /// ```
    /// # use pool_conformance::simulated::Clock as MyRuntime;
    /// use pool_resolve::File;
    ///
    /// let files = File::new(MyRuntime::default()).skip_bad_lines(|error| eprintln!("{error}"));
    /// ```
    pub fn skip_bad_lines(mut self, on_bad_lines: impl Fn(&FileError) + Send + Sync + 'static) -> Self {
        self.read.on_bad_lines = Some(BadLineHandler::new(on_bad_lines));
        self
    }

    /// A changed file is read when it has not changed for this long, and at the latest after ten times as
    /// long; from 1 ms to 366 days, 100 ms by default.
    ///
    /// # Errors
    ///
    /// If the time is out of range: its field is `debounce`.
    pub fn debounce(mut self, time: Duration) -> Result<Self, ConfigError> {
        ConfigError::check_duration("debounce", time)?;
        self.debounce = time;
        Ok(self)
    }

    /// How often a file is read of which no change is reported. By default [`PollConfig::interval_min`] is
    /// 1 ms here: it also bounds how soon a change is read.
    ///
    /// # Errors
    ///
    /// If the config is not [valid](PollConfig::validate).
    pub fn with_config(self, config: PollConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self { poll: config, ..self })
    }
}

impl<R, A> fmt::Debug for File<R, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File")
            .field("read", &self.read)
            .field("poll", &self.poll)
            .field("debounce", &self.debounce)
            .finish_non_exhaustive()
    }
}

impl<R, A> Resolve for File<R, A>
where
    R: Runtime + Clone,
    A: FromStr<Err: Display> + Clone + Ord + Send + Sync + 'static,
{
    type Name = Path;
    type Subscription = FileAddresses<R, A>;

    fn subscribe(&self, path: &Path) -> FileAddresses<R, A> {
        FileAddresses::new(path, self.read.clone(), self.poll.clone(), self.debounce, &self.runtime)
    }
}
