//! Foreign text in messages: short, and without control characters.

use std::fmt::{self, Write};

const CHARS_MAX: usize = 80;

/// The beginning of a text, escaped.
pub(crate) struct Excerpt<'a>(pub(crate) &'a str);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut chars = self.0.chars();
        for c in chars.by_ref().take(CHARS_MAX) {
            match c {
                // Messages put it between backquotes.
                '"' | '\'' => f.write_char(c)?,
                c => write!(f, "{}", c.escape_debug())?,
            }
        }
        if chars.next().is_some() { f.write_char('…') } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_short_and_printable() {
        assert_eq!(Excerpt("müller's \"host\"").to_string(), "müller's \"host\"");
        assert_eq!(Excerpt("a\u{1b}[31m\n").to_string(), "a\\u{1b}[31m\\n");
        let long = Excerpt(&"x".repeat(1 << 20)).to_string();
        assert_eq!((long.chars().count(), long.ends_with('…')), (81, true));
        assert_eq!(Excerpt(&"x".repeat(80)).to_string(), "x".repeat(80));
    }
}
