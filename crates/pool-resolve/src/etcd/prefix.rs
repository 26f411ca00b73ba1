//! The prefix of a service's keys.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

/// The prefix of the keys of a service.
///
/// A prefix is no directory: `/services/redis` also has the keys under `/services/redis-test/`. The prefix
/// `/services/redis/` has not.
///
/// ```
/// use pool_resolve::EtcdPrefix;
///
/// let prefix: EtcdPrefix = "/services/redis/".parse()?;
/// assert!("".parse::<EtcdPrefix>().is_err());
/// # Ok::<(), pool_resolve::EmptyPrefix>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EtcdPrefix {
    text: String,
}

impl EtcdPrefix {
    pub(super) fn start(&self) -> Vec<u8> {
        self.text.clone().into_bytes()
    }

    /// The first key after all keys with this prefix.
    pub(super) fn end(&self) -> Vec<u8> {
        let mut end = self.start();
        // No byte of UTF-8 is 255.
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

/// An empty prefix is refused: it has all keys of an etcd, which are hardly the addresses of one service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EmptyPrefix;

impl fmt::Display for EmptyPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the prefix is empty: it would have all keys of the etcd")
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
