//! The texts of the repository: Rust, Markdown and manifests.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A file, and where it is in the repository.
pub(super) struct TextFile {
    /// With `/` between folders.
    pub(super) path: String,
    pub(super) text: String,
}

pub(super) struct Tree {
    pub(super) root: PathBuf,
    /// Ordered by their paths.
    pub(super) files: Vec<TextFile>,
}

impl Tree {
    /// Reads all texts below a folder, but not what is built or hidden.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let mut tree = Self { root: root.to_owned(), files: Vec::new() };
        tree.read_folder(root)?;
        tree.files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(tree)
    }

    fn read_folder(&mut self, folder: &Path) -> Result<()> {
        for entry in fs::read_dir(folder)? {
            let (entry, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
            let name = name.to_string_lossy();
            if name.starts_with('.') || name == "target" {
                continue;
            }
            if entry.is_dir() {
                self.read_folder(&entry)?;
            } else if is_text(&entry) {
                let path = entry.strip_prefix(&self.root)?.to_string_lossy().replace('\\', "/");
                let text = fs::read_to_string(&entry).with_context(|| format!("can't read {path}"))?;
                self.files.push(TextFile { path, text });
            }
        }
        Ok(())
    }

    /// The sources of the libraries, without their tests and benches.
    pub(super) fn library_sources(&self) -> impl Iterator<Item = &TextFile> {
        self.with_extension("rs").filter(|file| {
            let mut folders = file.path.split('/');
            folders.next() == Some("crates") && folders.nth(1) == Some("src")
        })
    }

    /// All files of a kind: `rs`, `md`, or `toml` for manifests.
    pub(super) fn with_extension(&self, extension: &str) -> impl Iterator<Item = &TextFile> {
        self.files.iter().filter(move |file| has_extension(Path::new(&file.path), extension))
    }
}

fn is_text(path: &Path) -> bool {
    has_extension(path, "rs") || has_extension(path, "md") || path.ends_with("Cargo.toml")
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found == extension)
}

#[cfg(test)]
impl Tree {
    /// A tree in memory.
    pub(super) fn of<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let file = |(path, text): (&str, &str)| TextFile { path: path.to_owned(), text: text.to_owned() };
        Self { root: PathBuf::new(), files: files.into_iter().map(file).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::root;

    #[test]
    fn this_file_is_read_and_nothing_that_is_built() -> Result<()> {
        let tree = Tree::read(root())?;
        let has = |path: &str| tree.files.iter().any(|file| file.path == path);
        assert!(has("xtask/src/tidy/tree.rs") && has("README.md") && has("Cargo.toml"));
        assert!(!tree.files.iter().any(|file| file.path.starts_with("target/")));
        Ok(())
    }

    #[test]
    fn only_what_is_in_the_src_of_a_crate_is_a_library_source() {
        let paths = ["crates/a/src/b/c.rs", "crates/a/tests/src/b.rs", "xtask/src/a.rs", "crates/a/src/b.md"];
        let tree = Tree::of(paths.map(|path| (path, "")));
        let sources: Vec<_> = tree.library_sources().map(|file| file.path.as_str()).collect();
        assert_eq!(sources, ["crates/a/src/b/c.rs"]);
    }
}
