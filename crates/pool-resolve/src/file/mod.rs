//! Files, watched.

mod debounce;
mod error;
mod parse;
mod read;
mod watch;

use std::fmt::{self, Display};
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_channel::mpsc;
use futures_core::Stream;
use pin_project::pin_project;
use pool_core::ConfigError;
use pool_driver::{AddressStream, AddressUpdate, Runtime};

use crate::alarm::Alarm;
use crate::blocking_lookup::BlockingLookup;
use crate::lookup::{Lookup, LookupAnswer, LookupError};
use crate::polling::Polling;
use crate::resolve::Resolve;
use crate::schedule::PollConfig;
use debounce::Debounce;
use error::Problem;
use watch::Watch;

pub use error::FileError;
pub use parse::Format;

/// Files of addresses, which are read again when they change.
///
/// A file has one address in a line, and after it `weight=` and `priority=` if they are not 1 and 0.
/// What follows a `#` is a comment. A file whose name ends in `.json` is an array of strings or of objects:
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
/// A file is taken whole or not at all, and while it is not, the last addresses stay in force:
///
/// - One without addresses is an error. That there are none is said by a line `none`, or by `[]`.
/// - A line that makes no sense is an error, which tells its number, unless lines like this are
///   [skipped](Self::skip_bad_lines).
/// - A last line without a newline is an error: it may be half of one. JSON that is cut off is no JSON.
/// - A file that changes while it is read is read again.
/// - No file at all is [`NoSuchName`](pool_driver::AddressUpdate::NoSuchName), which keeps the last addresses,
///   too, unless you say [`no_such_name_is_empty`](crate::AddressStreamExt::no_such_name_is_empty).
///
/// # How changes are noticed
///
/// The system tells of changes in the file's directory, and in that of what a symbolic link leads to;
/// so files that are renamed over it, deleted and made again, and mounted `ConfigMap`s are noticed. It
/// is read when it has been quiet for a moment. In case that nothing is told (a network's file
/// system, a limit of the system), it is also read every 30 s.
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
/// Addresses of other types are read where they are [`FromStr`]:
/// `File::<_, HostPort>::with_addresses(runtime)`.
pub struct File<R, A = SocketAddr> {
    runtime: R,
    settings: Settings,
    config: PollConfig,
    quiet: Duration,
    addresses: PhantomData<fn() -> A>,
}

type OnBadLines = Arc<dyn Fn(&FileError) + Send + Sync>;

#[derive(Clone)]
struct Settings {
    format: Option<Format>,
    bytes_max: u64,
    on_bad_lines: Option<OnBadLines>,
}

const BYTES_MAX: u64 = 16 << 20;
const QUIET: Duration = Duration::from_millis(100);

impl<R: Runtime> File<R> {
    /// Files of IP addresses with ports.
    #[must_use]
    pub fn new(runtime: R) -> Self {
        Self::with_addresses(runtime)
    }
}

impl<R: Runtime, A> File<R, A> {
    /// Files of any addresses.
    #[must_use]
    pub fn with_addresses(runtime: R) -> Self {
        // Changes that are told of are read after the quiet time, not after a second.
        let config = PollConfig { interval_min: Duration::from_millis(1), ..PollConfig::default() };
        let settings = Settings { format: None, bytes_max: BYTES_MAX, on_bad_lines: None };
        Self { runtime, settings, config, quiet: QUIET, addresses: PhantomData }
    }

    /// How files are written, whatever their names end in.
    #[must_use]
    pub fn format(mut self, format: Format) -> Self {
        self.settings.format = Some(format);
        self
    }

    /// Larger files are refused; 16 MiB by default.
    #[must_use]
    pub fn bytes_max(mut self, bytes: u64) -> Self {
        // One more is read, to see that there is more.
        self.settings.bytes_max = bytes.min(u64::MAX - 1);
        self
    }

    /// Takes what makes sense and leaves out the rest, unless nothing makes sense. Each time a file
    /// is read of which something was left out, `on_bad_lines` is told what, on a thread of its own: the
    /// pool shows an answer like any other then.
    #[must_use]
    pub fn skip_bad_lines(mut self, on_bad_lines: impl Fn(&FileError) + Send + Sync + 'static) -> Self {
        self.settings.on_bad_lines = Some(Arc::new(on_bad_lines));
        self
    }

    /// A file that has changed is read when it hasn't for so long, 100 ms by default; at the latest
    /// after ten times as long.
    ///
    /// # Errors
    ///
    /// When the duration makes no sense.
    pub fn quiet(mut self, quiet: Duration) -> Result<Self, ConfigError> {
        ConfigError::check_duration("quiet", quiet)?;
        self.quiet = quiet;
        Ok(self)
    }

    /// How often a file is read of which nothing is heard.
    ///
    /// # Errors
    ///
    /// Names the setting that makes no sense.
    pub fn with_config(self, config: PollConfig) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self { config, ..self })
    }
}

impl<R, A> fmt::Debug for File<R, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File")
            .field("config", &self.config)
            .field("quiet", &self.quiet)
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
        let (sender, changes) = mpsc::channel(0);
        let lookup = ReadFile {
            path: path.to_owned(),
            settings: self.settings.clone(),
            watch: Arc::new(Mutex::new(Watch::new(path.to_owned(), sender))),
            reading: BlockingLookup::new(),
        };
        FileAddresses {
            polling: Polling::with_valid_config(lookup, self.runtime.clone(), self.config.clone()),
            changes,
            quiet: Debounce::new(self.quiet),
            alarm: Alarm::new(self.runtime.clone()),
        }
    }
}

/// Reads a file once, off the executor.
struct ReadFile<A> {
    path: PathBuf,
    settings: Settings,
    /// Shared with the thread that reads, if one does.
    watch: Arc<Mutex<Watch>>,
    reading: BlockingLookup<A>,
}

impl<A> Lookup for ReadFile<A>
where
    A: FromStr<Err: Display> + Clone + Ord + Send + Sync + 'static,
{
    type Address = A;
    type Future = Pin<Box<dyn Future<Output = Result<LookupAnswer<A>, LookupError>> + Send>>;

    fn lookup(&mut self) -> Self::Future {
        let (path, settings, watch) = (self.path.clone(), self.settings.clone(), Arc::clone(&self.watch));
        self.reading.ask(move || {
            // Before it is read, so that no change falls between.
            watch.lock().unwrap_or_else(PoisonError::into_inner).renew();
            read_once(path, &settings)
        })
    }
}

fn read_once<A>(path: PathBuf, settings: &Settings) -> Result<LookupAnswer<A>, LookupError>
where
    A: FromStr<Err: Display> + Clone + Ord,
{
    let format = settings.format.unwrap_or_else(|| {
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
            Format::Json
        } else {
            Format::Lines
        }
    });
    let read = read::read(&path, settings.bytes_max)
        .and_then(|bytes| parse::parse(&bytes, format))
        .and_then(|parsed| parsed.into_set(settings.on_bad_lines.is_some()));
    match read {
        Ok((set, bad)) => {
            if let (Some(on_bad_lines), Some(bad)) = (&settings.on_bad_lines, bad) {
                let error = FileError::new(path, Problem::Bad(bad));
                // Whoever is told may panic; the addresses are good all the same.
                let _ = catch_unwind(AssertUnwindSafe(|| on_bad_lines(&error)));
            }
            Ok(LookupAnswer::new(set))
        }
        Err(problem) if read::is_missing(&problem) => Err(LookupError::NoSuchName { valid_for: None }),
        Err(problem) => Err(FileError::new(path, problem).into()),
    }
}

/// The addresses in one file; made by [`File`].
#[pin_project]
pub struct FileAddresses<R: Runtime, A = SocketAddr>
where
    A: FromStr<Err: Display> + Clone + Ord + Send + Sync + 'static,
{
    #[pin]
    polling: Polling<ReadFile<A>, R>,
    changes: mpsc::Receiver<()>,
    quiet: Debounce,
    #[pin]
    alarm: Alarm<R>,
}

impl<R: Runtime, A> FileAddresses<R, A>
where
    A: FromStr<Err: Display> + Clone + Ord + Send + Sync + 'static,
{
    /// Hears of changes, and has the file read when they are over. Whether they are: in the middle of
    /// them it is not read for any other reason either.
    fn poll_quiet(self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool {
        let mut this = self.project();
        while let Poll::Ready(Some(())) = Pin::new(&mut *this.changes).poll_next(cx) {
            this.quiet.changed(this.alarm.now());
        }
        let Some(due) = this.quiet.due() else { return true };
        // What changes while it is read may be missed by that, so it is read again afterwards.
        if this.polling.is_asking() {
            return true;
        }
        if this.alarm.as_mut().poll_at(due, cx).is_pending() {
            return false;
        }
        this.quiet.clear();
        this.polling.refresh();
        true
    }
}

impl<R: Runtime, A> Stream for FileAddresses<R, A>
where
    A: FromStr<Err: Display> + Clone + Ord + Send + Sync + 'static,
{
    type Item = AddressUpdate<A>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<AddressUpdate<A>>> {
        if !self.as_mut().poll_quiet(cx) {
            return Poll::Pending;
        }
        // After its answer the pool polls again, which is when changes meanwhile are seen to.
        self.project().polling.poll_next(cx)
    }
}

impl<R: Runtime, A> AddressStream for FileAddresses<R, A>
where
    A: FromStr<Err: Display> + Clone + Ord + Send + Sync + 'static,
{
    type Address = A;

    fn refresh(self: Pin<&mut Self>) {
        self.project().polling.refresh();
    }
}

impl<R: Runtime, A> fmt::Debug for FileAddresses<R, A>
where
    A: FromStr<Err: Display> + Clone + Ord + Send + Sync + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileAddresses").field("polling", &self.polling).finish_non_exhaustive()
    }
}
