//! Notices that a file changes.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_channel::mpsc;
use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};

/// Watches the directories that hold a file, and what a symbolic link leads to: files are replaced
/// more often than they are written to.
#[derive(Debug)]
pub(super) struct Watch {
    path: PathBuf,
    changes: mpsc::Sender<()>,
    /// Then the file changes also when another in its directory does.
    is_link: Arc<AtomicBool>,
    watcher: Option<RecommendedWatcher>,
    /// What a link led to when it was last looked at.
    target: Option<PathBuf>,
}

impl Watch {
    pub(super) fn new(path: PathBuf, changes: mpsc::Sender<()>) -> Self {
        Self { path, changes, is_link: Arc::default(), watcher: None, target: None }
    }

    /// Starts, or makes sure that what is watched are the directories that are there now. Where that
    /// is not possible, changes are noticed when the file is read next.
    pub(super) fn renew(&mut self) {
        let is_link = self.path.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink());
        self.is_link.store(is_link, Ordering::Relaxed);
        if self.watcher.is_none() {
            self.watcher = self.start().ok();
        }
        let Some(watcher) = &mut self.watcher else { return };
        let directory = directory_of(&self.path);
        let target = self.path.canonicalize().ok().map(|target| directory_of(&target));
        if let Some(left) =
            self.target.take().filter(|left| Some(left) != target.as_ref() && *left != directory)
        {
            let _ = watcher.unwatch(&left);
        }
        self.target.clone_from(&target);
        for directory in [Some(directory), target].into_iter().flatten() {
            let _ = watcher.watch(&directory, RecursiveMode::NonRecursive);
        }
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
                // Full is as good: it will be read after all of them.
                let _ = changes.try_send(());
            }
        })
    }
}

/// Reading is no change, or the source would never come to rest.
fn is_change(event: &notify::Event) -> bool {
    let is_access = matches!(event.kind, EventKind::Access(_));
    !is_access || event.kind == EventKind::Access(AccessKind::Close(AccessMode::Write))
}

/// Whether it may be about the file of this name.
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
