//! Foreign text in messages: short, and without control characters.

use std::fmt::{self, Write};
use std::sync::Arc;

const CHARS_MAX: usize = 80;

/// The beginning of what is shown, escaped. No more is formatted than is taken.
pub(crate) fn excerpt(shown: &dyn fmt::Display) -> Arc<str> {
    let mut excerpt = Excerpt { text: String::new(), chars: 0 };
    // An error stands for the end of what is taken, or for a text that can't be had.
    let _ = write!(excerpt, "{shown}");
    excerpt.text.into()
}

struct Excerpt {
    text: String,
    chars: usize,
}

impl Excerpt {
    fn push(&mut self, c: char) -> fmt::Result {
        if self.chars == CHARS_MAX {
            self.text.push('…');
            return Err(fmt::Error);
        }
        self.chars += 1;
        self.text.push(c);
        Ok(())
    }
}

impl Write for Excerpt {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|c| match c {
            // `Debug` has escaped these already, where it has to.
            '"' | '\'' | '\\' => self.push(c),
            c => c.escape_debug().try_for_each(|c| self.push(c)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_short_and_printable() {
        assert_eq!(&*excerpt(&"müller's \"host\""), "müller's \"host\"");
        assert_eq!(&*excerpt(&"a\u{1b}[31m\n"), "a\\u{1b}[31m\\n");
        let long = excerpt(&"x".repeat(1 << 20));
        assert_eq!((long.chars().count(), long.ends_with('…')), (81, true));
        assert_eq!(*excerpt(&"x".repeat(80)), "x".repeat(80));
    }

    /// Counts how often it is asked for more.
    struct Endless<'a>(&'a std::cell::Cell<usize>);

    impl fmt::Display for Endless<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            for _ in 0..1 << 20 {
                self.0.set(self.0.get() + 1);
                f.write_str("more ")?;
            }
            Ok(())
        }
    }

    #[test]
    fn what_is_not_taken_is_not_formatted() {
        let asked = std::cell::Cell::new(0);
        assert_eq!(excerpt(&Endless(&asked)).chars().count(), 81);
        assert_eq!(asked.get(), 17);
    }
}
