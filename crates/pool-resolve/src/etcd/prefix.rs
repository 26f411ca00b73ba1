//! What can be asked for.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

/// What the keys of a service's addresses begin with.
///
/// A prefix is no directory: `/services/redis` also has the keys under `/services/redis-test/`, and
/// `/services/redis/` has not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EtcdPrefix {
    text: String,
}

impl EtcdPrefix {
    pub(super) fn start(&self) -> Vec<u8> {
        self.text.clone().into_bytes()
    }

    /// The first key that comes after all with this prefix.
    pub(super) fn end(&self) -> Vec<u8> {
        let mut end = self.start();
        // UTF-8 has no byte that can't be incremented.
        if let Some(last) = end.last_mut() {
            *last += 1;
        }
        end
    }
}

impl FromStr for EtcdPrefix {
    type Err = EmptyPrefix;

    fn from_str(text: &str) -> Result<Self, EmptyPrefix> {
        if text.is_empty() { Err(EmptyPrefix) } else { Ok(Self { text: text.to_owned() }) }
    }
}

impl fmt::Display for EtcdPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// All keys of an etcd are hardly the addresses of one service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EmptyPrefix;

impl fmt::Display for EmptyPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the prefix is empty: it would have all keys there are")
    }
}

impl Error for EmptyPrefix {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_before_the_next_key_that_is_not_its_own() {
        for prefix in ["/services/redis/", "a", "ends with ÿ", "\u{10ffff}"] {
            let parsed: EtcdPrefix = prefix.parse().expect("it is not empty");
            let (start, end) = (parsed.start(), parsed.end());
            for own in [prefix.to_owned(), format!("{prefix}\0"), format!("{prefix}\u{10ffff}")] {
                assert!(start.as_slice() <= own.as_bytes() && own.as_bytes() < end.as_slice(), "{own:?}");
            }
        }
        assert_eq!("/a/".parse::<EtcdPrefix>().expect("it is not empty").end(), b"/a0");
        assert_eq!("".parse::<EtcdPrefix>(), Err(EmptyPrefix));
    }
}
