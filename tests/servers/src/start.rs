//! How a server starts: skipped where it is not installed, and again where its port was taken.

use std::env;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

/// Somebody else may take a port between the look for a free one and the server's own bind.
const START_ATTEMPTS: usize = 3;

/// Starts servers on free ports. `missing` says what is not installed when `start` finds no program.
pub(crate) fn start_or_skip<S>(missing: &str, start: impl FnMut() -> io::Result<S>) -> io::Result<Option<S>> {
    match start_on_free_port(start) {
        Err(error) if error.kind() == ErrorKind::NotFound => skip(missing),
        result => result.map(Some),
    }
}

/// Repeats a start that failed because its port was taken.
pub(crate) fn start_on_free_port<S>(mut start: impl FnMut() -> io::Result<S>) -> io::Result<S> {
    for _ in 1..START_ATTEMPTS {
        match start() {
            Err(error) if error.kind() == ErrorKind::AddrInUse => {}
            result => return result,
        }
    }
    start()
}

/// Says what is missing; in CI that is an error.
pub(crate) fn skip<S>(missing: &str) -> io::Result<Option<S>> {
    if env::var_os("POOL_CI").is_some() {
        return Err(io::Error::other(missing));
    }
    println!("skipped: {missing}");
    Ok(None)
}

pub(crate) fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A start whose results come from a list, and how many of them were taken.
    fn start_with(results: &[Result<u8, ErrorKind>]) -> (io::Result<u8>, usize) {
        let mut taken = 0;
        let result = start_on_free_port(|| {
            taken += 1;
            results[taken - 1].map_err(io::Error::from)
        });
        (result, taken)
    }

    #[test]
    fn a_start_is_repeated_only_for_a_taken_port_and_not_for_ever() {
        let (result, taken) = start_with(&[Err(ErrorKind::AddrInUse), Ok(7)]);
        assert_eq!((result.ok(), taken), (Some(7), 2));
        let (result, taken) = start_with(&[Err(ErrorKind::NotFound), Ok(7)]);
        assert_eq!((result.map_err(|error| error.kind()), taken), (Err(ErrorKind::NotFound), 1));
        let (result, taken) = start_with(&[Err(ErrorKind::AddrInUse); START_ATTEMPTS]);
        assert_eq!(
            (result.map_err(|error| error.kind()), taken),
            (Err(ErrorKind::AddrInUse), START_ATTEMPTS)
        );
    }
}
