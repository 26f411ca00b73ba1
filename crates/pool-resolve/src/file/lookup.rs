//! One look into a file: what is watched, what is read, and what comes of it.

use std::fmt::{self, Display};
use std::panic::{AssertUnwindSafe, RefUnwindSafe, UnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use super::error::{FileError, Problem};
use super::parse::{self, Format};
use super::read;
use super::watch::Watch;
use crate::lookup::{Lookup, LookupAnswer, LookupError};
use crate::threads::{BlockingFuture, BlockingLookup};

/// How files are read.
#[derive(Clone, Debug)]
pub(super) struct ReadConfig {
    /// Of all files; otherwise a file's name says it.
    pub(super) format: Option<Format>,
    pub(super) bytes_max: u64,
    /// If there is one, bad lines are skipped.
    pub(super) on_bad_lines: Option<BadLineHandler>,
}

/// A closure that is told of bad lines.
#[derive(Clone)]
pub(super) struct BadLineHandler {
    handle: Arc<dyn Fn(&FileError) + Send + Sync>,
}

/// It is called where panics are caught, and its result is never looked at.
impl UnwindSafe for BadLineHandler {}
impl RefUnwindSafe for BadLineHandler {}

impl BadLineHandler {
    pub(super) fn new(handle: impl Fn(&FileError) + Send + Sync + 'static) -> Self {
        Self { handle: Arc::new(handle) }
    }

    fn call(&self, error: &FileError) {
        let _ = catch_unwind(AssertUnwindSafe(|| (self.handle)(error)));
    }
}

impl fmt::Debug for BadLineHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BadLineHandler").finish_non_exhaustive()
    }
}

/// Reads a file once, on a thread that may block.
pub(super) struct FileLookup<A> {
    path: PathBuf,
    config: ReadConfig,
    /// Shared with the thread that reads.
    watch: Arc<Mutex<Watch>>,
    reading: BlockingLookup<A>,
}

impl<A: Send + Sync + 'static> FileLookup<A> {
    /// The file is watched as soon as it is read first.
    pub(super) fn new(path: PathBuf, config: ReadConfig, watch: Watch) -> Self {
        Self { path, config, watch: Arc::new(Mutex::new(watch)), reading: BlockingLookup::new() }
    }
}

impl<A> Lookup for FileLookup<A>
where
    A: FromStr<Err: Display> + Clone + Ord + Send + Sync + 'static,
{
    type Address = A;
    type Future = BlockingFuture<A>;

    fn lookup(&mut self) -> Self::Future {
        let (path, config, watch) = (self.path.clone(), self.config.clone(), Arc::clone(&self.watch));
        self.reading.ask(move || {
            // It is watched before it is read, so that no change falls between.
            watch.lock().unwrap_or_else(PoisonError::into_inner).renew();
            read_once(path, &config)
        })
    }
}

fn read_once<A>(path: PathBuf, config: &ReadConfig) -> Result<LookupAnswer<A>, LookupError>
where
    A: FromStr<Err: Display> + Clone + Ord,
{
    let format = config.format.unwrap_or_else(|| {
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json")) {
            Format::Json
        } else {
            Format::Lines
        }
    });
    let read = read::read(&path, config.bytes_max)
        .and_then(|bytes| parse::parse(&bytes, format))
        .and_then(|parsed| parsed.into_set(config.on_bad_lines.is_some()));
    match read {
        Ok((set, bad)) => {
            if let (Some(on_bad_lines), Some(bad)) = (&config.on_bad_lines, bad) {
                on_bad_lines.call(&FileError::new(path, Problem::Bad(bad)));
            }
            Ok(LookupAnswer::new(set))
        }
        Err(problem) if read::is_missing(&problem) => Err(LookupError::NoSuchName { valid_for: None }),
        Err(problem) => Err(FileError::new(path, problem).into()),
    }
}
