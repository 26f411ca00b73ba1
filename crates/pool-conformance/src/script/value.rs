//! What was seen.

use std::fmt;

/// What was seen.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Value {
    /// How many, or how long.
    Number(u64),
    /// A word or a sentence; empty if there is none.
    Text(String),
    /// Items, by their numbers.
    Items(Vec<u32>),
    /// It has not come to be yet.
    Nothing,
}

impl Value {
    pub(crate) fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Text(_) | Self::Items(_) | Self::Nothing => None,
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => write!(f, "{text:?}"),
            Self::Items(items) => write!(f, "{items:?}"),
            Self::Nothing => f.write_str("nothing yet"),
        }
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl<const N: usize> From<[u32; N]> for Value {
    fn from(items: [u32; N]) -> Self {
        Self::Items(items.into())
    }
}

impl From<std::ops::Range<u32>> for Value {
    fn from(items: std::ops::Range<u32>) -> Self {
        Self::Items(items.collect())
    }
}
