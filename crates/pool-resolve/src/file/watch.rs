//! Reports that a file changes.

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_channel::mpsc;
use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};

/// Watches the directory of a file, and the one that a symbolic link leads to: files are replaced more
/// often than they are written to.
#[derive(Debug)]
pub(super) struct Watch {
    path: PathBuf,
    changes: mpsc::Sender<()>,
    /// Whether the file is a symbolic link. Then a change of any file in its directory counts.
    is_link: Arc<AtomicBool>,
    watcher: Option<DirectoryWatcher>,
    /// The directory that the link led to when it was last looked at.
    target: Option<PathBuf>,
}

impl Watch {
    pub(super) fn new(path: PathBuf, changes: mpsc::Sender<()>) -> Self {
        Self { path, changes, is_link: Arc::default(), watcher: None, target: None }
    }

    /// Watches the directories that are there now. Where that is not possible, a change is noticed when the
    /// file is read next.
    pub(super) fn renew(&mut self) {
        let is_link = self.path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink());
        self.is_link.store(is_link, Ordering::Relaxed);
        if self.watcher.is_none() {
            self.watcher = self.start().ok().map(DirectoryWatcher::new);
        }
        let Some(watcher) = &mut self.watcher else { return };
        let directory = directory_of(&self.path);
        let target = self.path.canonicalize().ok().map(|target| directory_of(&target));
        if let Some(left) =
            self.target.take().filter(|left| Some(left) != target.as_ref() && *left != directory)
        {
            watcher.unwatch(&left);
        }
        self.target.clone_from(&target);
        for directory in [Some(directory), target].into_iter().flatten() {
            watcher.watch(&directory);
        }
        self.watcher.take_if(|watcher| watcher.has_failed());
    }

    fn start(&self) -> notify::Result<RecommendedWatcher> {
        let name = self.path.file_name().map(OsString::from);
        let is_link = Arc::clone(&self.is_link);
        let mut changes = self.changes.clone();
        notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let concerns = event.as_ref().map_or(true, |event| {
                is_change(event) && (is_link.load(Ordering::Relaxed) || names(event, name.as_ref()))
            });
            if concerns {
                // If it is full, a read is due anyway.
                let _ = changes.try_send(());
            }
        })
    }
}

/// A system's watcher that may have no thread. notify panics then, also when it is dropped.
#[derive(Debug)]
struct DirectoryWatcher {
    watcher: Option<RecommendedWatcher>,
}

impl DirectoryWatcher {
    fn new(watcher: RecommendedWatcher) -> Self {
        Self { watcher: Some(watcher) }
    }

    /// Whether it panicked.
    fn has_failed(&self) -> bool {
        self.watcher.is_none()
    }

    /// Does nothing where there is no such directory.
    fn watch(&mut self, directory: &Path) {
        self.guarded(|watcher| watcher.watch(directory, RecursiveMode::NonRecursive));
    }

    fn unwatch(&mut self, directory: &Path) {
        self.guarded(|watcher| watcher.unwatch(directory));
    }

    fn guarded(&mut self, call: impl FnOnce(&mut RecommendedWatcher) -> notify::Result<()>) {
        let Some(mut watcher) = self.watcher.take() else { return };
        match catch_unwind(AssertUnwindSafe(|| call(&mut watcher))) {
            // An error concerns this directory alone.
            Ok(_) => self.watcher = Some(watcher),
            Err(_) => drop_guarded(watcher),
        }
    }
}

impl Drop for DirectoryWatcher {
    fn drop(&mut self) {
        if let Some(watcher) = self.watcher.take() {
            drop_guarded(watcher);
        }
    }
}

fn drop_guarded(watcher: RecommendedWatcher) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(watcher)));
}

/// Reading is no change, or the source would never come to rest.
fn is_change(event: &notify::Event) -> bool {
    let is_access = matches!(event.kind, EventKind::Access(_));
    !is_access || event.kind == EventKind::Access(AccessKind::Close(AccessMode::Write))
}

/// Whether it may concern the file of this name.
fn names(event: &notify::Event, name: Option<&OsString>) -> bool {
    let is_it = |path: &PathBuf| path.file_name() == name.map(OsString::as_os_str);
    event.need_rescan() || event.paths.is_empty() || event.paths.iter().any(is_it)
}

fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(target_os = "linux")]
    use crate::without_threads::without_threads;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_watch_that_has_no_thread_costs_only_the_watch() {
        without_threads("file::watch::tests::a_watch_that_has_no_thread_costs_only_the_watch", || {
            let directory = tempfile::tempdir().expect("a directory");
            let (sender, _changes) = mpsc::channel(0);
            let mut watch = Watch::new(directory.path().join("addresses"), sender);
            watch.renew();
            watch.renew();
            assert!(watch.watcher.is_none());
        });
    }
}
