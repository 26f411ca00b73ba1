//! Reads a file that others may be writing.

use std::fs::{self, Metadata};
use std::io::{self, Read};
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::error::Problem;

const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(20);

/// The whole file as it was at one moment.
pub(super) fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Problem> {
    read_with(path, bytes_max, || ())
}

/// As [`read`]. A test acts `between` the read and the check for changes.
fn read_with(path: &Path, bytes_max: u64, mut between: impl FnMut()) -> Result<Vec<u8>, Problem> {
    for attempt in 0..ATTEMPTS {
        if attempt > 0 {
            thread::sleep(PAUSE);
        }
        let before = look_at(path, bytes_max)?;
        let mut bytes = Vec::new();
        fs::File::open(path)
            .and_then(|file| file.take(bytes_max + 1).read_to_end(&mut bytes))
            .map_err(Problem::Io)?;
        if bytes.len() as u64 > bytes_max {
            return Err(Problem::TooLarge { bytes_max });
        }
        between();
        let after = look_at(path, bytes_max)?;
        if is_same(&before, &after) && bytes.len() as u64 == after.len() {
            return Ok(bytes);
        }
    }
    Err(Problem::KeepsChanging)
}

/// Refuses what is no regular file: opening a pipe could wait for ever.
fn look_at(path: &Path, bytes_max: u64) -> Result<Metadata, Problem> {
    let metadata = fs::metadata(path).map_err(Problem::Io)?;
    if !metadata.is_file() {
        return Err(Problem::NoFile);
    }
    if metadata.len() > bytes_max {
        return Err(Problem::TooLarge { bytes_max });
    }
    Ok(metadata)
}

fn is_same(before: &Metadata, after: &Metadata) -> bool {
    before.len() == after.len() && before.modified().ok() == after.modified().ok()
}

/// Whether the error is that the file doesn't exist.
pub(super) fn is_missing(problem: &Problem) -> bool {
    matches!(problem, Problem::Io(error) if error.kind() == io::ErrorKind::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_changes_while_it_is_read_is_read_again() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("addresses");
        fs::write(&path, "old").expect("written");
        let mut contents = vec!["and newest", "newer"];
        let write_next = || {
            if let Some(next) = contents.pop() {
                fs::write(&path, next).expect("written");
            }
        };
        assert_eq!(read_with(&path, 100, write_next).ok(), Some(b"and newest".to_vec()));
        let mut length = 0;
        let grow = || {
            length += 1;
            fs::write(&path, "x".repeat(length)).expect("written");
        };
        assert!(matches!(read_with(&path, 100, grow), Err(Problem::KeepsChanging)));
    }

    #[test]
    fn a_huge_file_is_refused_by_its_length() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("addresses");
        fs::File::create(&path).and_then(|file| file.set_len(1 << 30)).expect("a sparse file");
        let never = || panic!("it was read");
        assert!(matches!(read_with(&path, 1 << 24, never), Err(Problem::TooLarge { .. })));
    }

    #[test]
    fn what_is_no_file_is_refused_and_what_is_not_there_is_missing() {
        let directory = tempfile::tempdir().expect("a directory");
        assert!(matches!(read(directory.path(), 100), Err(Problem::NoFile)));
        let problem = read(&directory.path().join("nothing"), 100).expect_err("nothing");
        assert!(is_missing(&problem));
    }
}
