//! Why a file has no addresses.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use super::parse::Format;

/// Why a file has no addresses, or not all: which file, where in it, and what to write instead.
#[derive(Debug)]
pub struct FileError {
    path: PathBuf,
    problem: Problem,
}

impl FileError {
    pub(super) fn new(path: PathBuf, problem: Problem) -> Self {
        Self { path, problem }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

#[derive(Debug)]
pub(super) enum Problem {
    Io(io::Error),
    NoFile,
    TooLarge { bytes_max: u64 },
    KeepsChanging,
    Empty { format: Format },
    NotText { line: usize },
    CutOff { line: usize },
    NoneAndOthers { line: usize },
    Json(serde_json::Error),
    Bad(Bad),
}

/// The first line or entry that can't be parsed, and how many more: all of a large file may be bad.
#[derive(Debug)]
pub(super) struct Bad {
    first: BadEntry,
    more: usize,
}

impl Bad {
    /// Counts one more.
    pub(super) fn note(bad: &mut Option<Self>, entry: impl FnOnce() -> BadEntry) {
        match bad {
            Some(bad) => bad.more += 1,
            None => *bad = Some(Self { first: entry(), more: 0 }),
        }
    }
}

/// A line or an entry that can't be parsed.
#[derive(Debug)]
pub(super) struct BadEntry {
    kind: &'static str,
    number: usize,
    excerpt: String,
    reason: String,
}

impl BadEntry {
    pub(super) fn line(number: usize, text: &str, reason: String) -> Self {
        Self::new("line", number, text, reason)
    }

    pub(super) fn entry(number: usize, text: &str, reason: String) -> Self {
        Self::new("entry", number, text, reason)
    }

    /// Keeps the beginning: a line may be long.
    fn new(kind: &'static str, number: usize, text: &str, mut reason: String) -> Self {
        if let Some((end, _)) = reason.char_indices().nth(300) {
            reason.truncate(end);
        }
        Self { kind, number, excerpt: text.chars().take(60).collect(), reason }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the file of addresses {}: {}", self.path.display(), self.problem)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::NoFile => f.write_str("is not a regular file"),
            Self::TooLarge { bytes_max } => write!(f, "is larger than {bytes_max} bytes"),
            Self::KeepsChanging => f.write_str("keeps changing while it is read: rename a new file over it"),
            Self::Empty { format: Format::Lines } => {
                f.write_str("has no addresses: if that is meant, write the line `none`")
            }
            Self::Empty { format: Format::Json } => {
                f.write_str("has no addresses: if that is meant, write `[]`")
            }
            Self::NotText { line } => write!(f, "line {line} is not UTF-8"),
            Self::CutOff { line } => {
                write!(f, "line {line} may be cut off: end the file with a newline")
            }
            Self::NoneAndOthers { line } => {
                write!(f, "line {line} says `none`, and other lines name addresses")
            }
            Self::Json(error) => write!(f, "is not a JSON array: {error}"),
            Self::Bad(bad) => bad.fmt(f),
        }
    }
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BadEntry { kind, number, excerpt, reason } = &self.first;
        write!(f, "{kind} {number} ({excerpt:?}): {reason}")?;
        if self.more > 0 { write!(f, "; and {} more", self.more) } else { Ok(()) }
    }
}

impl Error for FileError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.problem {
            Problem::Io(error) => error.source(),
            Problem::Json(error) => error.source(),
            _ => None,
        }
    }
}
