//! The text of a file of addresses.

use std::fmt::Display;
use std::str::FromStr;

use pool_core::{AddressSet, Endpoint};
use serde::Deserialize;

use super::error::{Bad, BadEntry, Problem};

/// The format of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Format {
    /// One address per line, with weight and priority: `10.0.0.1:6379 weight=3 priority=1`.
    Lines,
    /// An array of strings or objects: `{"address": "10.0.0.1:6379", "weight": 3, "priority": 1}`.
    Json,
}

/// Endpoints, and what can't be parsed.
pub(super) struct Parsed<A> {
    pub(super) endpoints: Vec<Endpoint<A>>,
    pub(super) bad: Option<Bad>,
}

pub(super) fn parse<A>(bytes: &[u8], format: Format) -> Result<Parsed<A>, Problem>
where
    A: FromStr<Err: Display>,
{
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].split(|byte| *byte == b'\n').count();
        Problem::NotText { line }
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(Problem::Empty { format });
    }
    match format {
        Format::Lines => parse_lines(text),
        Format::Json => parse_json(text),
    }
}

fn parse_lines<A: FromStr<Err: Display>>(text: &str) -> Result<Parsed<A>, Problem> {
    if !text.ends_with('\n') {
        return Err(Problem::CutOff { line: text.lines().count() });
    }
    let mut parsed = Parsed { endpoints: Vec::new(), bad: None };
    let mut none = None;
    for (index, line) in text.lines().enumerate() {
        let entry = without_comment(line).trim();
        match entry {
            "" => {}
            "none" => none = Some(index + 1),
            entry => match parse_line(entry) {
                Ok(endpoint) => parsed.endpoints.push(endpoint),
                Err(reason) => Bad::note(&mut parsed.bad, || BadEntry::line(index + 1, line, reason)),
            },
        }
    }
    match none {
        Some(line) if !parsed.endpoints.is_empty() || parsed.bad.is_some() => {
            Err(Problem::NoneAndOthers { line })
        }
        None if parsed.endpoints.is_empty() && parsed.bad.is_none() => {
            Err(Problem::Empty { format: Format::Lines })
        }
        _ => Ok(parsed),
    }
}

/// A `#` starts a comment at the start of a word.
fn without_comment(line: &str) -> &str {
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        if c == '#' && before.is_whitespace() {
            return &line[..at];
        }
        before = c;
    }
    line
}

fn parse_line<A: FromStr<Err: Display>>(entry: &str) -> Result<Endpoint<A>, String> {
    let mut words = entry.split_whitespace();
    let mut endpoint = Endpoint::new(parse_address(words.next().unwrap_or_default())?);
    for word in words {
        match word.split_once('=') {
            Some(("weight", value)) => endpoint.weight = parse_number("weight", value)?,
            Some(("priority", value)) => endpoint.priority = parse_number("priority", value)?,
            _ => {
                return Err(format!(
                    "only `weight=…` and `priority=…` may follow an address, not {word:.40?}"
                ));
            }
        }
    }
    Ok(endpoint)
}

fn parse_address<A: FromStr<Err: Display>>(word: &str) -> Result<A, String> {
    word.parse().map_err(|error| format!("{word:.60?} is no address: {error}"))
}

fn parse_number<N: FromStr<Err: Display>>(name: &str, value: &str) -> Result<N, String> {
    value.parse().map_err(|error| format!("the {name} {value:.40?} is no such number: {error}"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    address: String,
    #[serde(default = "one")]
    weight: u32,
    #[serde(default)]
    priority: u16,
}

fn one() -> u32 {
    1
}

fn parse_json<A: FromStr<Err: Display>>(text: &str) -> Result<Parsed<A>, Problem> {
    let json: Vec<serde_json::Value> = serde_json::from_str(text).map_err(Problem::Json)?;
    let mut parsed = Parsed { endpoints: Vec::with_capacity(json.len()), bad: None };
    for (index, value) in json.into_iter().enumerate() {
        let shown = value.to_string();
        match parse_entry(value) {
            Ok(endpoint) => parsed.endpoints.push(endpoint),
            Err(reason) => Bad::note(&mut parsed.bad, || BadEntry::entry(index + 1, &shown, reason)),
        }
    }
    Ok(parsed)
}

fn parse_entry<A: FromStr<Err: Display>>(value: serde_json::Value) -> Result<Endpoint<A>, String> {
    if let serde_json::Value::String(address) = value {
        return Ok(Endpoint::new(parse_address(&address)?));
    }
    let entry: Entry = serde_json::from_value(value).map_err(|error| {
        format!("it must be a string, or an object with `address`, `weight` and `priority`: {error}")
    })?;
    let address = parse_address(&entry.address)?;
    Ok(Endpoint::new(address).with_weight(entry.weight).with_priority(entry.priority))
}

impl<A: Ord> Parsed<A> {
    /// All or nothing, unless bad entries may be skipped. Skipping never leaves a set empty.
    pub(super) fn into_set(self, may_skip: bool) -> Result<(AddressSet<A>, Option<Bad>), Problem> {
        match self.bad {
            Some(bad) if !may_skip || self.endpoints.is_empty() => Err(Problem::Bad(bad)),
            bad => Ok((self.endpoints.into_iter().collect(), bad)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn read(text: &str, format: Format) -> Result<AddressSet<SocketAddr>, String> {
        let parsed = parse(text.as_bytes(), format).and_then(|parsed| parsed.into_set(false));
        parsed.map(|(set, _)| set).map_err(|problem| problem.to_string())
    }

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn lines_hold_addresses_comments_weights_and_priorities() {
        let text = "# all of them\n\n10.0.0.1:80\n  [::1]:80 weight=5 priority=2 # far\r\n\
            10.0.0.2:80 weight=2\n10.0.0.2:80 weight=3\n";
        let expected = [
            Endpoint::new(address("10.0.0.1:80")),
            Endpoint::new(address("10.0.0.2:80")).with_weight(5),
            Endpoint::new(address("[::1]:80")).with_weight(5).with_priority(2),
        ];
        assert_eq!(read(text, Format::Lines), Ok(expected.into_iter().collect()));
    }

    #[test]
    fn json_holds_strings_and_objects() {
        let text = r#"["10.0.0.1:80", {"address": "10.0.0.2:80", "weight": 7, "priority": 1},
            {"address": "10.0.0.1:80", "weight": 2}]"#;
        let expected = [
            Endpoint::new(address("10.0.0.1:80")).with_weight(3),
            Endpoint::new(address("10.0.0.2:80")).with_weight(7).with_priority(1),
        ];
        assert_eq!(read(text, Format::Json), Ok(expected.into_iter().collect()));
    }

    #[test]
    fn that_there_are_no_addresses_has_to_be_written() {
        assert_eq!(read("# drained\nnone\n", Format::Lines).map(|set| set.len()), Ok(0));
        assert_eq!(read("[]", Format::Json).map(|set| set.len()), Ok(0));
        for (text, format) in
            [("", Format::Lines), (" \n\n", Format::Lines), ("# none\n", Format::Lines), ("", Format::Json)]
        {
            let error = read(text, format).expect_err("it is refused");
            assert!(error.contains("has no addresses"), "{error}");
        }
        let error = read("none\n10.0.0.1:80\n", Format::Lines).expect_err("a contradiction");
        assert!(error.contains("line 1"), "{error}");
    }

    #[test]
    fn what_is_bad_is_refused_with_its_place_and_what_would_be_right() {
        for (text, format, parts) in [
            ("10.0.0.1:80\n10.0.0.2:8", Format::Lines, ["line 2", "end the file with a newline"]),
            ("10.0.0.1:80\nlocalhost\n", Format::Lines, ["line 2", "\"localhost\""]),
            ("10.0.0.1:80 weight=-1\n", Format::Lines, ["line 1", "weight"]),
            ("10.0.0.1:80 priority=65536\n", Format::Lines, ["line 1", "priority"]),
            ("10.0.0.1:80 10.0.0.2:80\n", Format::Lines, ["line 1", "may follow an address"]),
            ("\0\0\0\0\n", Format::Lines, ["line 1", "\\0"]),
            ("[\"10.0.0.1:80\"", Format::Json, ["line 1", "EOF"]),
            ("{}", Format::Json, ["JSON", "invalid type"]),
            ("[\"10.0.0.1:80\", 7]", Format::Json, ["entry 2", "must be a string"]),
            ("[{\"address\": \"10.0.0.1:80\", \"wieght\": 1}]", Format::Json, ["entry 1", "wieght"]),
        ] {
            let error = read(text, format).expect_err(text);
            assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        }
        let parsed = parse::<SocketAddr>(b"10.0.0.1:80\n\xff\n", Format::Lines);
        assert!(matches!(parsed, Err(Problem::NotText { line: 2 })));
    }

    #[test]
    fn an_excerpt_of_what_is_bad_is_short_and_printable() {
        let text = format!("{}\n", "\u{1b}[31m".repeat(100_000));
        let error = read(&text, Format::Lines).expect_err("garbage");
        assert!(error.len() < 1000 && !error.contains('\u{1b}'), "{error}");
    }

    #[test]
    fn bad_lines_are_skipped_on_request_but_never_all_of_them() {
        let parsed = parse::<SocketAddr>(b"10.0.0.1:80\nfoo\n", Format::Lines).expect("it is text");
        let (set, bad) = parsed.into_set(true).expect("one is good");
        assert_eq!((set.len(), bad.is_some()), (1, true));
        let parsed = parse::<SocketAddr>(b"foo\nbar\n", Format::Lines).expect("it is text");
        assert!(parsed.into_set(true).is_err());
    }

    #[test]
    fn of_a_file_that_is_all_garbage_only_the_first_line_is_kept() {
        let error = read(&"x\n".repeat(1000), Format::Lines).expect_err("garbage");
        assert!(error.contains("line 1 ") && error.ends_with("; and 999 more"), "{error}");
    }
}
