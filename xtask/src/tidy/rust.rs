//! Items in Rust that rustfmt has formatted: an item ends with a brace as far to the left as its first line.

/// A struct or a function in a file.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Item<'a> {
    pub(super) name: &'a str,
    /// From 1.
    pub(super) line: usize,
    /// Documentation and attributes.
    pub(super) head: Vec<&'a str>,
    /// From the first line to the closing brace.
    pub(super) lines: Vec<&'a str>,
}

/// All items of a kind: `fn` or `struct`.
pub(super) fn items<'a>(text: &'a str, keyword: &str) -> Vec<Item<'a>> {
    let lines: Vec<&str> = text.lines().collect();
    let item = |(index, line): (usize, &&'a str)| {
        let name = name_after(line, keyword)?;
        let head = lines[..index].iter().rev().take_while(|line| is_head(line)).copied().collect();
        Some(Item { name, line: index + 1, head, lines: whole_item(&lines[index..]).to_vec() })
    };
    lines.iter().enumerate().filter_map(item).collect()
}

/// The fields of a struct; a tuple's have no lines of their own.
pub(super) fn fields(item: &Item<'_>) -> usize {
    let inner = indent(item.lines[0]) + 4;
    let is_field = |line: &&&str| {
        let (name, _) = strip_visibility(line.trim_start()).split_once(": ").unwrap_or_default();
        indent(line) == inner && is_identifier(name)
    };
    item.lines.iter().skip_while(|line| !line.ends_with('{')).skip(1).filter(is_field).count()
}

/// The name of the item that begins on this line, if it is of this kind.
fn name_after<'a>(line: &'a str, keyword: &str) -> Option<&'a str> {
    let mut rest = strip_visibility(line.trim_start());
    for qualifier in ["const ", "async ", "unsafe "] {
        rest = rest.strip_prefix(qualifier).unwrap_or(rest);
    }
    let rest = rest.strip_prefix(keyword)?.strip_prefix(' ')?;
    let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
    Some(&rest[..end]).filter(|name| is_identifier(name))
}

fn strip_visibility(text: &str) -> &str {
    let Some(rest) = text.strip_prefix("pub") else { return text };
    let after = rest.strip_prefix('(').and_then(|rest| rest.split_once(')')).map_or(rest, |(_, rest)| rest);
    after.strip_prefix(' ').unwrap_or(text)
}

fn is_identifier(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|letter| letter.is_alphabetic() || letter == '_')
        && letters.all(|letter| letter.is_alphanumeric() || letter == '_')
}

fn is_head(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("//") || line.starts_with("#[")
}

/// The lines of the item that begins with the first of these.
fn whole_item<'a, 'b>(lines: &'b [&'a str]) -> &'b [&'a str] {
    let outer = indent(lines[0]);
    let mut has_body = false;
    for (index, line) in lines.iter().enumerate() {
        let is_outer = indent(line) == outer && !line.is_empty();
        let is_end = if has_body {
            is_outer && line.trim_start().starts_with('}')
        } else {
            line.ends_with(';') || is_outer && line.ends_with('}')
        };
        if is_end {
            return &lines[..=index];
        }
        has_body |= is_outer && line.ends_with('{');
    }
    lines
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str, keyword: &str) -> Vec<(String, usize)> {
        items(text, keyword).into_iter().map(|item| (item.name.to_owned(), item.lines.len())).collect()
    }

    #[test]
    fn functions_are_found_with_their_lengths_in_any_shape() {
        let text = "\
fn one() {}

pub(crate) const fn two() -> u8 {
    7
}

impl A {
    /// fn not_this() {
    pub async fn where_clause<T>(
        t: T,
    ) -> T
    where
        T: B,
    {
        if true {
            let f = |x| x;
        }

        t
    }
}

trait C {
    fn declared(&self) -> u8;
    fn declared_long(
        &self,
    ) -> u8;
}
";
        let expected = [("one", 1), ("two", 3), ("where_clause", 12), ("declared", 1), ("declared_long", 3)];
        assert_eq!(found(text, "fn"), expected.map(|(name, lines)| (name.to_owned(), lines)));
    }

    #[test]
    fn structs_are_found_with_their_fields_and_heads() {
        let text = "\
struct Unit;
struct Tuple(u8, u8);
struct Empty {}

/// Documented.
#[derive(Debug)]
pub(super) struct Full<T>
where
    T: Clone,
{
    /// a: not a field
    first: Vec<
        u8,
    >,
    pub second: fn(a: u8) -> T,
    pub(in crate::a) third: u8,
}
";
        let structs = items(text, "struct");
        let counted: Vec<_> = structs.iter().map(|item| (item.name, fields(item))).collect();
        assert_eq!(counted, [("Unit", 0), ("Tuple", 0), ("Empty", 0), ("Full", 3)]);
        assert_eq!(
            (structs[3].line, &structs[3].head[..]),
            (7, &["#[derive(Debug)]", "/// Documented."][..])
        );
    }
}
